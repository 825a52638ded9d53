// A small generator of pseudo-random numbers that gives the same sequence everywhere.
#ifndef ZIRCONIA_MM_RANDOM_H_
#define ZIRCONIA_MM_RANDOM_H_

#include <cstdint>

namespace zirconia::mm {

// The next number of the SplitMix64 sequence whose state is `state`.
constexpr uint64_t NextRandom(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_RANDOM_H_
