// Memory for what page faults change and use.
#ifndef ZIRCONIA_MM_POOL_H_
#define ZIRCONIA_MM_POOL_H_

#include <cstddef>
#include <string>
#include <vector>

namespace zirconia::mm {

// Memory that doesn't come from the C library: a page fault of a host program may interrupt code that holds any lock of
// it, also that of malloc. Whatever is needed to answer a fault, such as the nodes of the trees that it changes, is
// taken from here. What is given back is kept for pieces of the same size until the process ends.
//
// Thread-safe. Its locks are leaves.
class Pool {
 public:
  // Returns that many bytes of new memory, aligned as malloc aligns, or null where the host has no more.
  using Source = void* (*)(size_t bytes);
  // Where memory comes from, from now on; at first from malloc.
  static void SetSource(Source source);

  // Aligned as malloc aligns. Where the host has no memory, that is said, and the process stops.
  static void* Allocate(size_t bytes);
  // `bytes` as they were asked for.
  static void Free(void* piece, size_t bytes);

  // The bytes of all pieces that are in use.
  static size_t InUse();
};

// The pool for containers of the standard library's kind.
template <typename T>
class PoolAllocator {
 public:
  using value_type = T;
  PoolAllocator() = default;
  template <typename U>
  PoolAllocator(const PoolAllocator<U>&) {}  // NOLINT(google-explicit-constructor): as allocators are converted
  T* allocate(size_t n) {
    static_assert(alignof(T) <= alignof(std::max_align_t));
    return static_cast<T*>(Pool::Allocate(n * sizeof(T)));
  }
  void deallocate(T* piece, size_t n) { Pool::Free(piece, n * sizeof(T)); }
  friend bool operator==(const PoolAllocator&, const PoolAllocator&) { return true; }
};
template <typename T>
using PoolVector = std::vector<T, PoolAllocator<T>>;
using PoolString = std::basic_string<char, std::char_traits<char>, PoolAllocator<char>>;

// A base of classes whose objects, made with `new`, come from the pool.
struct FromPool {
  static void* operator new(size_t bytes) { return Pool::Allocate(bytes); }
  static void operator delete(void* piece, size_t bytes) { Pool::Free(piece, bytes); }
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_POOL_H_
