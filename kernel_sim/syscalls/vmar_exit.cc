// zx_vmar_unmap_handle_close_thread_exit.
#include <zircon/syscalls/exception.h>

#include <utility>

#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel::sys {

zx_status_t vmar_unmap_handle_close_thread_exit(const Caller& caller, zx_handle_t vmar, zx_vaddr_t address, size_t size,
                                                zx_handle_t close_handle) {
  if (const zx_status_t s = vmar_unmap(caller, vmar, address, size); s != ZX_OK) return s;
  // From here on the caller may have no stack: it doesn't return.
  if (handle_close(caller, close_handle) != ZX_OK) {
    CrashReport report;
    report.type = ZX_EXCP_UNDEFINED_INSTRUCTION;  // as if by __builtin_trap
    caller.kernel.KillByException(caller.thread, std::move(report));
  } else {
    thread_exit(caller);
  }
  return ZX_OK;
}

}  // namespace zirconia::kernel::sys
