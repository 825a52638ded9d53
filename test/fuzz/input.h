// The bytes of one input, as numbers.
#ifndef ZIRCONIA_TEST_FUZZ_INPUT_H_
#define ZIRCONIA_TEST_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace zirconia::fuzz {

// Gives the bytes out from the front. Where they have ended it gives zeros, so that every sequence of bytes is an
// input.
class Input {
 public:
  explicit Input(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  // `bytes` of them, the lowest first.
  uint64_t Word(size_t bytes) {
    uint64_t word = 0;
    for (size_t i = 0; i < bytes; ++i) word |= uint64_t{Byte()} << (8 * i);
    return word;
  }
  size_t Below(size_t count) { return count == 0 ? 0 : Byte() % count; }
  bool Flag() { return (Byte() & 1) != 0; }

 private:
  std::span<const uint8_t> bytes_;
};

}  // namespace zirconia::fuzz

#endif  // ZIRCONIA_TEST_FUZZ_INPUT_H_
