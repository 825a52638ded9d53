// Memory for many objects of one type.
#ifndef ZIRCONIA_MM_SLAB_H_
#define ZIRCONIA_MM_SLAB_H_

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace zirconia::mm {

// Pieces of one size, side by side in chunks: small chunks first, then such as a host can back with one huge page each,
// since among a million objects finding the page costs as much as finding the line. What was freed last is used first.
// Not thread-safe.
class Slab {
 public:
  static constexpr size_t kAlign = 64;  // a cache line
  static constexpr size_t kLargestChunk = size_t{2} << 20;

  // Is told of each chunk of kLargestChunk bytes, aligned to its size; from now on, in all slabs.
  using Advice = void (*)(void* chunk, size_t size);
  static void SetAdvice(Advice advice);

  explicit Slab(size_t size) : size_((size + kAlign - 1) / kAlign * kAlign) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab();  // what wasn't freed goes with it

  void* Allocate();
  void Free(void* piece);

 private:
  struct Unused {
    Unused* next;
  };
  struct Chunk {
    void* memory;
    size_t size;
  };
  void AddChunk();

  const size_t size_;
  Unused* first_unused_ = nullptr;
  std::byte* at_ = nullptr;  // what is left of the last chunk
  size_t left_ = 0;
  std::vector<Chunk> chunks_;
};

// The same for objects.
template <typename T>
class SlabOf {
 public:
  template <typename... Args>
  T* New(Args&&... args) {
    static_assert(alignof(T) <= Slab::kAlign);
    return new (slab_.Allocate()) T(std::forward<Args>(args)...);
  }
  void Delete(T* object) {
    std::destroy_at(object);
    slab_.Free(object);
  }

 private:
  Slab slab_{sizeof(T)};
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_SLAB_H_
