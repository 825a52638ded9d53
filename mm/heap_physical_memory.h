// Physical memory on the heap: for tests, and for kernels that run no guest.
#ifndef ZIRCONIA_MM_HEAP_PHYSICAL_MEMORY_H_
#define ZIRCONIA_MM_HEAP_PHYSICAL_MEMORY_H_

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "absl/status/status.h"
#include "mm/physical_memory.h"
#include "mm/units.h"

namespace zirconia::mm {

// Makes no host call of its own. Storage that was never touched costs nothing. `Discard` clears, because the heap can't
// give back.
class HeapPhysicalMemory final : public PhysicalMemory {
 public:
  explicit HeapPhysicalMemory(PageCount size) : PhysicalMemory(nullptr), size_(size) {
    storage_.reset(static_cast<std::byte*>(std::calloc(size.value() + 1, kPageSize)));
    if (storage_ == nullptr) throw std::bad_alloc();
    const auto at = reinterpret_cast<uintptr_t>(storage_.get());
    set_linear(storage_.get() + (kPageSize - at % kPageSize) % kPageSize);
  }

  PageCount size() const override { return size_; }

  absl::Status Secure(FrameRun run) override {
    ++secure_calls_;
    // The first claim that passes what the host has left fails, and takes nothing.
    uint64_t left = securable_.load();
    do {
      if (left < run.count.value()) return absl::ResourceExhaustedError("no memory behind the frames");
    } while (left != kUnlimited && !securable_.compare_exchange_weak(left, left - run.count.value()));
    return absl::OkStatus();
  }

  absl::Status Discard(FrameRun run) override {
    ++discard_calls_;
    if (discard_fails_.load()) return absl::UnavailableError("the frames can't be given back");
    std::memset(data(run.first), 0, run.count.bytes().value());
    if (securable_.load() != kUnlimited) securable_ += run.count.value();
    return absl::OkStatus();
  }

  // The host has `frames` left to give: `Secure` fails when they are used up. `Discard` gives back.
  void LimitSecurable(PageCount frames) { securable_ = frames.value(); }
  void UnlimitSecurable() { securable_ = kUnlimited; }
  void set_discard_fails(bool fails) { discard_fails_ = fails; }

  uint64_t secure_calls() const { return secure_calls_; }
  uint64_t discard_calls() const { return discard_calls_; }

 private:
  static constexpr uint64_t kUnlimited = ~uint64_t{0};
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  PageCount size_;
  std::unique_ptr<std::byte[], Free> storage_;
  std::atomic<uint64_t> securable_ = kUnlimited;
  std::atomic<bool> discard_fails_ = false;
  std::atomic<uint64_t> secure_calls_ = 0;
  std::atomic<uint64_t> discard_calls_ = 0;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_HEAP_PHYSICAL_MEMORY_H_
