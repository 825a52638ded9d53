// Bitmaps whose storage costs nothing until it is touched.
#ifndef ZIRCONIA_MM_BITMAP_H_
#define ZIRCONIA_MM_BITMAP_H_

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <vector>

namespace zirconia::mm {

// Words that are zero at first, from memory that the C library takes zeroed from the host, so that what is never
// written stays unused.
class LazyWords {
 public:
  explicit LazyWords(uint64_t count) : words_(static_cast<uint64_t*>(std::calloc(count, sizeof(uint64_t)))) {
    if (words_ == nullptr) throw std::bad_alloc();
  }
  uint64_t& operator[](uint64_t i) { return words_.get()[i]; }
  uint64_t operator[](uint64_t i) const { return words_.get()[i]; }

 private:
  struct Free {
    void operator()(uint64_t* p) const { std::free(p); }
  };
  std::unique_ptr<uint64_t[], Free> words_;
};

// A fixed number of bits, all clear at first. Ranges are handled 64 bits at a time. Not thread-safe.
class Bitmap {
 public:
  explicit Bitmap(uint64_t bits) : bits_(bits), words_(bits / 64 + 1) {}

  uint64_t size() const { return bits_; }
  bool Test(uint64_t bit) const { return (words_[bit / 64] >> (bit % 64) & 1) != 0; }
  void Assign(uint64_t first, uint64_t count, bool value);
  uint64_t Count(uint64_t first, uint64_t count) const;
  // The first bit in [from, end) that is `value`; `end` where there is none.
  uint64_t Find(bool value, uint64_t from, uint64_t end) const;
  // Whether all of them are `value`.
  bool All(bool value, uint64_t first, uint64_t count) const {
    return Find(!value, first, first + count) == first + count;
  }

 private:
  uint64_t bits_;
  LazyWords words_;
};

// A set of small numbers that finds its least element in O(log64 n). Not thread-safe.
class NumberSet {
 public:
  // Can hold the numbers below `limit`.
  explicit NumberSet(uint64_t limit);

  bool empty() const { return count_ == 0; }
  uint64_t size() const { return count_; }
  // False also for numbers beyond the limit.
  bool Contains(uint64_t number) const;
  // Requires that it isn't in it.
  void Insert(uint64_t number);
  // Requires that it is in it.
  void Erase(uint64_t number);
  // Requires that it isn't empty.
  uint64_t Least() const;

 private:
  uint64_t limit_;
  uint64_t count_ = 0;
  // levels_[0] holds the numbers; a bit of levels_[i + 1] says whether a word of levels_[i] has any bit set. The last
  // is one word.
  std::vector<LazyWords> levels_;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_BITMAP_H_
