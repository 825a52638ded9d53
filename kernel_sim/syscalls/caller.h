// Who makes a system call, and what handlers do for all of them.
#ifndef ZIRCONIA_KERNEL_SIM_SYSCALLS_CALLER_H_
#define ZIRCONIA_KERNEL_SIM_SYSCALLS_CALLER_H_

#include <zircon/errors.h>
#include <zircon/syscalls.h>

#include <memory>
#include <utility>

#include "kernel_sim/handle_table.h"
#include "kernel_sim/kernel.h"
#include "kernel_sim/process.h"
#include "kernel_sim/thread.h"
#include "kernel_sim/user_memory.h"

namespace zirconia::kernel {

// What a handler gets besides the call's arguments.
struct Caller {
  Kernel& kernel;
  ProcessDispatcher& process;
  ThreadDispatcher& thread;
  UserMemory& memory;

  HandleTable& handles() const { return process.handles(); }

  // Gives the caller a handle: its value is written to `out` before the object can be reached by it. INVALID_ARGS:
  // `out` is bad; NO_RESOURCES: the table is full. On an error there is no handle.
  zx_status_t GiveHandle(Handle handle, UserPtr<zx_handle_t> out) const { return GiveHandles({&handle, 1}, {&out, 1}); }
  zx_status_t GiveHandle(std::shared_ptr<Dispatcher> object, UserPtr<zx_handle_t> out) const {
    const zx_rights_t rights = object->default_rights();
    return GiveHandle(Handle(std::move(object), rights), out);
  }
  // Several, all or none.
  zx_status_t GiveHandles(absl::Span<Handle> handles, absl::Span<const UserPtr<zx_handle_t>> out) const;
};

// The handlers, one for each line of syscalls.def, with the C prototype's arguments; pointers are UserPtr.
namespace sys {

template <typename T>
struct HandlerArgument {
  using Type = T;
};
template <typename T>
struct HandlerArgument<T*> {
  using Type = UserPtr<T>;
};
template <typename Result, typename... Args>
struct Handler {
  using Type = Result(const Caller&, typename HandlerArgument<Args>::Type...);
};
// Deduced from an argument: clang takes what doesn't return for a type of its own, which only converts to this one.
template <typename Result, typename... Args>
Handler<Result, Args...> HandlerOf(Result (*)(Args...));

// Declares them with the prototypes of <zircon/syscalls.h>, so that a handler that differs doesn't link.
#define ZX_SYSCALL(number, result, name, count, arguments) decltype(HandlerOf(&::zx_##name))::Type name;
#include "kernel_sim/syscalls.def"
#undef ZX_SYSCALL

}  // namespace sys

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_SYSCALLS_CALLER_H_
