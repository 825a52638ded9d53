// Processes.
#ifndef LIB_ZX_PROCESS_H_
#define LIB_ZX_PROCESS_H_

#include <lib/zx/handle.h>
#include <lib/zx/job.h>
#include <lib/zx/task.h>
#include <lib/zx/thread.h>
#include <lib/zx/vmar.h>
#include <zircon/process.h>

namespace zx {

class process : public task<process> {
 public:
  using task<process>::task;

  // This process.
  static unowned<process> self() { return unowned<process>(zx_process_self()); }

  // zx_process_create
  static zx_status_t create(const job& in, const char* name, size_t name_size, uint32_t options, process* result,
                            vmar* root_vmar) {
    return give(result, root_vmar, [&](zx_handle_t* a, zx_handle_t* b) {
      return zx_process_create(in.get(), name, name_size, options, a, b);
    });
  }
  // zx_process_start: `arg1` is consumed in any case.
  zx_status_t start(const thread& first, zx_vaddr_t entry, zx_vaddr_t stack, handle arg1, uintptr_t arg2) const {
    return zx_process_start(get(), first.get(), entry, stack, arg1.release(), arg2);
  }
  // zx_process_read_memory, zx_process_write_memory
  zx_status_t read_memory(zx_vaddr_t address, void* buffer, size_t size, size_t* actual) const {
    return zx_process_read_memory(get(), address, buffer, size, actual);
  }
  zx_status_t write_memory(zx_vaddr_t address, const void* buffer, size_t size, size_t* actual) const {
    return zx_process_write_memory(get(), address, buffer, size, actual);
  }
};
using unowned_process = unowned<process>;

}  // namespace zx

#endif  // LIB_ZX_PROCESS_H_
