#include "mm/bitmap.h"

#include <algorithm>
#include <bit>

namespace zirconia::mm {
namespace {

// Bits [first, first + count) of one word; first + count <= 64.
constexpr uint64_t Mask(uint64_t first, uint64_t count) {
  return (count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1) << first;
}

}  // namespace

void Bitmap::Assign(uint64_t first, uint64_t count, bool value) {
  while (count > 0) {
    const uint64_t in_word = first % 64;
    const uint64_t n = std::min(count, 64 - in_word);
    uint64_t& word = words_[first / 64];
    word = value ? word | Mask(in_word, n) : word & ~Mask(in_word, n);
    first += n;
    count -= n;
  }
}

uint64_t Bitmap::Count(uint64_t first, uint64_t count) const {
  uint64_t total = 0;
  while (count > 0) {
    const uint64_t in_word = first % 64;
    const uint64_t n = std::min(count, 64 - in_word);
    total += static_cast<uint64_t>(std::popcount(words_[first / 64] & Mask(in_word, n)));
    first += n;
    count -= n;
  }
  return total;
}

uint64_t Bitmap::Find(bool value, uint64_t from, uint64_t end) const {
  while (from < end) {
    const uint64_t word = (value ? words_[from / 64] : ~words_[from / 64]) >> (from % 64);
    if (word != 0) return std::min(end, from + static_cast<uint64_t>(std::countr_zero(word)));
    from = (from / 64 + 1) * 64;
  }
  return end;
}

NumberSet::NumberSet(uint64_t limit) : limit_(limit) {
  uint64_t words = limit;
  do {
    words = words / 64 + 1;
    levels_.emplace_back(words);
  } while (words > 1);
}

bool NumberSet::Contains(uint64_t number) const {
  return number < limit_ && (levels_[0][number / 64] >> (number % 64) & 1) != 0;
}

void NumberSet::Insert(uint64_t number) {
  ++count_;
  for (LazyWords& level : levels_) {
    uint64_t& word = level[number / 64];
    const bool was_empty = word == 0;
    word |= uint64_t{1} << (number % 64);
    if (!was_empty) return;
    number /= 64;
  }
}

void NumberSet::Erase(uint64_t number) {
  --count_;
  for (LazyWords& level : levels_) {
    uint64_t& word = level[number / 64];
    word &= ~(uint64_t{1} << (number % 64));
    if (word != 0) return;
    number /= 64;
  }
}

uint64_t NumberSet::Least() const {
  uint64_t number = 0;
  for (size_t level = levels_.size(); level-- > 0;) {
    number = number * 64 + static_cast<uint64_t>(std::countr_zero(levels_[level][number]));
  }
  return number;
}

}  // namespace zirconia::mm
