// Catching system call instructions of guest code (Linux's syscall user dispatch).
#ifndef ZIRCONIA_PLATFORM_ENGINE_SYSCALL_DISPATCH_H_
#define ZIRCONIA_PLATFORM_ENGINE_SYSCALL_DISPATCH_H_

#include <cstdint>

#include "absl/status/status.h"
#include "mm/units.h"

namespace zirconia::platform::engine {

enum class SyscallDispatchMode : uint8_t {
  kNone,       // the host can't
  kExclusive,  // all instructions outside of one allowed range are caught; so all of the host must be on one side of
               // the window
  kInclusive,  // those in the window are caught, nothing else changes (Linux 6.16)
};

// What this host offers at best. Probes on the calling thread, whose dispatch is off afterwards.
SyscallDispatchMode ProbeSyscallDispatch();

// Whether system calls of code in `window`, and no others, can be caught. FAILED_PRECONDITION, with the cause, where
// they can't.
absl::Status CheckSyscallDispatch(SyscallDispatchMode mode, mm::VirtRange window);

// For the calling thread: on, for a window that was checked; off. False: the host refuses.
bool EnableSyscallDispatch(SyscallDispatchMode mode, mm::VirtRange window);
void DisableSyscallDispatch();

}  // namespace zirconia::platform::engine

#endif  // ZIRCONIA_PLATFORM_ENGINE_SYSCALL_DISPATCH_H_
