#include "mm/pool.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <new>

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "mm/check.h"
#include "mm/poison.h"

namespace zirconia::mm {
namespace {

// Small pieces are multiples of kStep, cut from chunks. Large ones are powers of 2.
constexpr size_t kStep = 16;
constexpr size_t kSmallLog2 = 10;
constexpr size_t kSmall = size_t{1} << kSmallLog2;
constexpr size_t kSmallSizes = kSmall / kStep;
constexpr size_t kLargeSizes = 64 - kSmallLog2;
constexpr size_t kChunk = size_t{1} << 20;

// Which of the sizes serves so many bytes, which are at most 2^63.
size_t NumberOf(size_t bytes) {
  if (bytes <= kSmall) return bytes == 0 ? 0 : (bytes - 1) / kStep;
  return kSmallSizes + std::bit_width(bytes - 1) - kSmallLog2 - 1;
}
size_t SizeOf(size_t number) {
  return number < kSmallSizes ? (number + 1) * kStep : kSmall << (number - kSmallSizes + 1);
}

struct Unused {
  Unused* next;
};

// The pieces of one size. Those that nobody uses are poisoned but for their links, so that AddressSanitizer sees who
// uses them still, and how to reach them.
struct UnusedPieces {
  absl::Mutex mutex{absl::kConstInit};
  Unused* first ABSL_GUARDED_BY(mutex) = nullptr;
  size_t in_use ABSL_GUARDED_BY(mutex) = 0;  // how many others of this size there are
};

struct Chunk {
  absl::Mutex mutex{absl::kConstInit};
  std::byte* at ABSL_GUARDED_BY(mutex) = nullptr;  // what is left of it
  size_t left ABSL_GUARDED_BY(mutex) = 0;
};

ABSL_CONST_INIT std::array<UnusedPieces, kSmallSizes + kLargeSizes> g_unused;
ABSL_CONST_INIT Chunk g_chunk;
std::atomic<Pool::Source> g_source{std::malloc};

void* FromSource(size_t bytes) {
  void* const memory = g_source.load(std::memory_order_relaxed)(bytes);
  ZIRCONIA_CHECK(memory != nullptr, "the host has no memory left for what the kernel has to remember");
  return memory;
}

void* CutFromChunk(size_t bytes) {
  absl::MutexLock lock(&g_chunk.mutex);
  if (g_chunk.left < bytes) {
    // What is left of the one before is less than the largest piece.
    g_chunk.at = static_cast<std::byte*>(FromSource(kChunk));
    g_chunk.left = kChunk;
  }
  void* const piece = g_chunk.at;
  g_chunk.at += bytes;
  g_chunk.left -= bytes;
  return piece;
}

}  // namespace

void Pool::SetSource(Source source) { g_source.store(source, std::memory_order_relaxed); }

void* Pool::Allocate(size_t bytes) {
  const size_t number = NumberOf(bytes);
  {
    UnusedPieces& unused = g_unused[number];
    absl::MutexLock lock(&unused.mutex);
    ++unused.in_use;
    if (Unused* const piece = unused.first; piece != nullptr) {
      Unpoison(piece, SizeOf(number));
      unused.first = piece->next;
      return piece;
    }
  }
  return number < kSmallSizes ? CutFromChunk(SizeOf(number)) : FromSource(SizeOf(number));
}

void Pool::Free(void* piece, size_t bytes) {
  const size_t number = NumberOf(bytes);
  UnusedPieces& unused = g_unused[number];
  absl::MutexLock lock(&unused.mutex);
  unused.first = new (piece) Unused{unused.first};
  --unused.in_use;
  Poison(unused.first + 1, SizeOf(number) - sizeof(Unused));
}

size_t Pool::InUse() {
  size_t bytes = 0;
  for (size_t number = 0; number < g_unused.size(); ++number) {
    absl::MutexLock lock(&g_unused[number].mutex);
    bytes += g_unused[number].in_use * SizeOf(number);
  }
  return bytes;
}

}  // namespace zirconia::mm
