#include "test/fuzz/state.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>

#include "kernel_sim/bti.h"
#include "kernel_sim/process.h"
#include "kernel_sim/stream.h"
#include "kernel_sim/vmo.h"

// Code that libFuzzer learns nothing from, and that is too hot to be watched.
#ifdef __clang__
#define ZIRCONIA_FUZZ_UNSEEN __attribute__((no_sanitize("coverage")))
#else
#define ZIRCONIA_FUZZ_UNSEEN
#endif

namespace zirconia::fuzz {
namespace {

// Not for adversaries: a failure to notice a change once in 2^64.
class Digest {
 public:
  void Add(uint64_t word) {
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15;
    state_ ^= state_ >> 29;
  }
  void Add(mm::VirtRange range) {
    Add(range.base.value());
    Add(range.size.value());
  }
  ZIRCONIA_FUZZ_UNSEEN void AddBytes(const std::byte* bytes, size_t size) {
    for (size_t i = 0; i + 8 <= size; i += 8) {
      uint64_t word = 0;
      std::memcpy(&word, bytes + i, 8);
      state_ = (state_ ^ word) * 0x9e3779b97f4a7c15;
    }
    Add(size);
  }
  uint64_t value() const { return state_; }

 private:
  uint64_t state_ = 1;
};

constexpr uint64_t kMostContent = 64 * mm::kPageSize;

void AddContent(Digest& digest, mm::VmObject& vmo) {
  const uint64_t size = std::min(vmo.size().value(), kMostContent);
  std::array<std::byte, mm::kPageSize> page{};
  for (uint64_t at = 0; at < size; at += page.size()) {
    if (!vmo.Read(mm::ByteSize(at), absl::MakeSpan(page)).ok()) return digest.Add(at);
    digest.AddBytes(page.data(), page.size());
  }
}

void AddVmo(Digest& digest, mm::VmObject& vmo, bool content) {
  digest.Add(vmo.user_id());
  digest.Add(vmo.size().value());
  digest.Add(vmo.child_count());
  digest.Add(vmo.mapping_count());
  digest.Add(vmo.cache_policy());
  digest.Add(vmo.resizable());
  // Whoever lacks memory may discard what isn't locked.
  if (vmo.discardable()) return;
  digest.Add(vmo.committed_pages().value());
  if (content) AddContent(digest, vmo);
}

void AddObject(Digest& digest, const std::shared_ptr<kernel::Dispatcher>& object, bool content) {
  digest.Add(object->koid());
  digest.Add(object->signals());
  if (const auto vmo = kernel::As<kernel::VmoDispatcher>(object)) {
    digest.Add(vmo->content_size());
    AddVmo(digest, *vmo->vmo(), content);
  } else if (const auto stream = kernel::As<kernel::StreamDispatcher>(object)) {
    digest.Add(stream->seek());
  } else if (const auto bti = kernel::As<kernel::BtiDispatcher>(object)) {
    digest.Add(bti->token_count());
    digest.Add(bti->quarantine_count());
  }
}

}  // namespace

uint64_t StateOf(kernel::Kernel& kernel, bool content) {
  Digest digest;
  std::unordered_set<const kernel::Dispatcher*> seen;
  for (const auto& process : kernel.root_job()->processes()) {
    for (const auto& entry : process->handles().Entries()) {
      digest.Add(entry.value);
      digest.Add(entry.rights);
      if (seen.insert(entry.object.get()).second) AddObject(digest, entry.object, content);
    }
    for (const mm::RegionInfo& region : process->aspace().Regions()) {
      digest.Add(region.range);
      digest.Add(static_cast<uint64_t>(region.depth));
      if (!region.is_mapping) continue;
      digest.Add(region.vmo->user_id());
      digest.Add(region.vmo_offset.value());
      digest.Add(uint64_t{region.protection.read()} | uint64_t{region.protection.write()} << 1 |
                 uint64_t{region.protection.execute()} << 2);
    }
  }
  return digest.value();
}

std::string VerifyAll(kernel::Kernel& kernel) {
  const auto said = [](const absl::Status& status) { return std::string(status.message()); };
  for (const auto& process : kernel.root_job()->processes()) {
    if (const absl::Status s = process->aspace().Verify(); !s.ok()) return said(s);
    for (const mm::RegionInfo& region : process->aspace().Regions()) {
      if (!region.is_mapping) continue;
      if (const absl::Status s = region.vmo->Verify(); !s.ok()) return said(s);
    }
    for (const auto& entry : process->handles().Entries()) {
      const auto vmo = kernel::As<kernel::VmoDispatcher>(entry.object);
      if (vmo == nullptr) continue;
      if (const absl::Status s = vmo->vmo()->Verify(); !s.ok()) return said(s);
    }
  }
  if (const absl::Status s = kernel.frames().Verify(); !s.ok()) return said(s);
  return "";
}

}  // namespace zirconia::fuzz
