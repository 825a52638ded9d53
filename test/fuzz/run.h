// One input, from a new kernel to its end.
#ifndef ZIRCONIA_TEST_FUZZ_RUN_H_
#define ZIRCONIA_TEST_FUZZ_RUN_H_

#include <cstdint>
#include <span>
#include <string>

namespace zirconia::fuzz {

// Makes a kernel as the first bytes say, carries out what the others say, checks everything, and takes everything away
// again: no frame may be left. Returns what was wrong, empty: nothing. `trace`: each call is written to stderr.
std::string RunInput(std::span<const uint8_t> bytes, bool trace = false);

}  // namespace zirconia::fuzz

#endif  // ZIRCONIA_TEST_FUZZ_RUN_H_
