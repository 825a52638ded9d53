#include "mm/slab.h"

#include <algorithm>
#include <atomic>

#include "mm/poison.h"

namespace zirconia::mm {
namespace {

constexpr size_t kSmallestChunk = size_t{16} << 10;

std::atomic<Slab::Advice> g_advice{nullptr};

// So that a chunk of the largest size is one huge page.
std::align_val_t AlignOf(size_t chunk) {
  return std::align_val_t{chunk == Slab::kLargestChunk ? Slab::kLargestChunk : Slab::kAlign};
}

}  // namespace

void Slab::SetAdvice(Advice advice) { g_advice.store(advice, std::memory_order_relaxed); }

Slab::~Slab() {
  for (const Chunk& chunk : chunks_) {
    Unpoison(chunk.memory, chunk.size);
    ::operator delete(chunk.memory, AlignOf(chunk.size));
  }
}

void Slab::AddChunk() {
  // About as large as a half of all before it.
  const size_t shift = std::min<size_t>(chunks_.size() / 2, 16);
  const size_t size = std::min(kSmallestChunk << shift, kLargestChunk);
  void* const memory = ::operator new(size, AlignOf(size));
  const Advice advice = g_advice.load(std::memory_order_relaxed);
  if (size == kLargestChunk && advice != nullptr) advice(memory, size);
  Poison(memory, size);
  chunks_.push_back({memory, size});
  at_ = static_cast<std::byte*>(memory);
  left_ = size;
}

// Pieces that nobody uses are poisoned, so that AddressSanitizer sees who uses them still.
void* Slab::Allocate() {
  void* piece = first_unused_;
  if (piece == nullptr) {
    if (left_ < size_) AddChunk();
    piece = at_;
    at_ += size_;
    left_ -= size_;
  }
  Unpoison(piece, size_);
  if (piece == first_unused_) first_unused_ = first_unused_->next;
  return piece;
}

void Slab::Free(void* piece) {
  first_unused_ = new (piece) Unused{first_unused_};
  Poison(piece, size_);
}

}  // namespace zirconia::mm
