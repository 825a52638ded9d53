// From a system call's number and argument words to its handler.
#ifndef ZIRCONIA_KERNEL_SIM_SYSCALLS_DISPATCH_H_
#define ZIRCONIA_KERNEL_SIM_SYSCALLS_DISPATCH_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel {

using SyscallWords = std::array<uint64_t, 8>;

// How many lines syscalls.def has; their numbers run from 0.
size_t SyscallCount();

// Requires number < SyscallCount().
const char* SyscallName(uint64_t number);

// Carries the call out; the result as the guest finds it in rax. Requires number < SyscallCount().
uint64_t DispatchSyscall(const Caller& caller, uint64_t number, const SyscallWords& words);

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_SYSCALLS_DISPATCH_H_
