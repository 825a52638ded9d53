// What a call that fails must leave as it was.
#ifndef ZIRCONIA_TEST_FUZZ_STATE_H_
#define ZIRCONIA_TEST_FUZZ_STATE_H_

#include <cstdint>
#include <string>

#include "kernel_sim/kernel.h"

namespace zirconia::fuzz {

// The state of every process of a kernel in numbers: its handles, the objects behind them, and its address space.
// `content`: also what VMOs hold. Changes nothing.
uint64_t StateOf(kernel::Kernel& kernel, bool content);

// Checks every VMO that a handle or a mapping leads to, address spaces, page tables, and frames. Empty: all is well.
std::string VerifyAll(kernel::Kernel& kernel);

}  // namespace zirconia::fuzz

#endif  // ZIRCONIA_TEST_FUZZ_STATE_H_
