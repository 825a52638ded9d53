// Threads.
#ifndef LIB_ZX_THREAD_H_
#define LIB_ZX_THREAD_H_

#include <lib/zx/task.h>
#include <zircon/process.h>

namespace zx {

class process;

class thread : public task<thread> {
 public:
  using task<thread>::task;

  // This thread.
  static unowned<thread> self() { return unowned<thread>(zx_thread_self()); }

  // zx_thread_create
  static zx_status_t create(const object<process>& in, const char* name, size_t name_size, uint32_t options,
                            thread* result) {
    return give(result, [&](zx_handle_t* out) { return zx_thread_create(in.get(), name, name_size, options, out); });
  }
  // zx_thread_start
  zx_status_t start(zx_vaddr_t entry, zx_vaddr_t stack, uintptr_t arg1, uintptr_t arg2) const {
    return zx_thread_start(get(), entry, stack, arg1, arg2);
  }
};
using unowned_thread = unowned<thread>;

}  // namespace zx

#endif  // LIB_ZX_THREAD_H_
