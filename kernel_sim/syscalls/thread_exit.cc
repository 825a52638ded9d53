// Calls with which a thread gives up its own stack, and ends.
#include <zircon/syscalls/exception.h>

#include <utility>

#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel::sys {
namespace {

// As if by __builtin_trap.
void Trap(const Caller& caller) {
  CrashReport report;
  report.type = ZX_EXCP_UNDEFINED_INSTRUCTION;
  caller.kernel.KillByException(caller.thread, std::move(report));
}

}  // namespace

zx_status_t vmar_unmap_handle_close_thread_exit(const Caller& caller, zx_handle_t vmar, zx_vaddr_t address, size_t size,
                                                zx_handle_t close_handle) {
  if (const zx_status_t s = vmar_unmap(caller, vmar, address, size); s != ZX_OK) return s;
  // From here on the caller may have no stack: it doesn't return.
  handle_close(caller, close_handle) == ZX_OK ? thread_exit(caller) : Trap(caller);
  return ZX_OK;
}

void futex_wake_handle_close_thread_exit(const Caller& caller, UserPtr<const zx_futex_t> value, uint32_t wake_count,
                                         int32_t new_value, zx_handle_t close_handle) {
  const bool aligned = value.address() % sizeof(zx_futex_t) == 0;
  // From the store on the caller may have no stack.
  const bool done = aligned && caller.memory.StoreRelease(value.address(), static_cast<uint32_t>(new_value)) == ZX_OK &&
                    futex_wake(caller, value, wake_count) == ZX_OK && handle_close(caller, close_handle) == ZX_OK;
  done ? thread_exit(caller) : Trap(caller);
}

}  // namespace zirconia::kernel::sys
