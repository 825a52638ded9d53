// zx_process_*, zx_thread_*, zx_task_kill.
#include <algorithm>
#include <memory>
#include <vector>

#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel {
namespace sys {

zx_status_t process_create(const Caller& caller, zx_handle_t job_handle, UserPtr<const char> user_name,
                           size_t name_size, uint32_t options, UserPtr<zx_handle_t> out_process,
                           UserPtr<zx_handle_t> out_vmar) {
  if (options != 0) return ZX_ERR_INVALID_ARGS;
  std::string name;
  if (const zx_status_t s = ReadUserString(caller.memory, user_name, name_size, ZX_MAX_NAME_LEN - 1, &name);
      s != ZX_OK) {
    return s;
  }
  std::shared_ptr<JobDispatcher> job;
  if (const zx_status_t s = caller.handles().Get(job_handle, ZX_RIGHT_MANAGE_PROCESS, &job); s != ZX_OK) return s;
  std::shared_ptr<ProcessDispatcher> process;
  std::shared_ptr<VmarDispatcher> vmar;
  if (const zx_status_t s = caller.kernel.CreateProcess(job, name, std::nullopt, &process, &vmar); s != ZX_OK) {
    return s;
  }
  std::array<Handle, 2> handles{Handle(process, process->default_rights()), Handle(vmar, vmar->default_rights())};
  const std::array out{out_process, out_vmar};
  return caller.GiveHandles(absl::MakeSpan(handles), out);
}

zx_status_t process_start(const Caller& caller, zx_handle_t handle, zx_handle_t thread_handle, zx_vaddr_t entry,
                          zx_vaddr_t stack, zx_handle_t arg1, uintptr_t arg2) {
  std::shared_ptr<ProcessDispatcher> process;
  std::shared_ptr<ThreadDispatcher> thread;
  zx_status_t status = caller.handles().Get(handle, ZX_RIGHT_WRITE, &process);
  if (status == ZX_OK) status = caller.handles().Get(thread_handle, ZX_RIGHT_WRITE, &thread);
  // The argument is consumed in any case. It may be one of the other two.
  Handle argument = arg1 == ZX_HANDLE_INVALID ? Handle() : caller.handles().Remove(arg1);
  if (status != ZX_OK) return status;
  if (&thread->process() != process.get()) return ZX_ERR_ACCESS_DENIED;
  if (arg1 != ZX_HANDLE_INVALID) {
    if (!argument) return ZX_ERR_BAD_HANDLE;
    if (!argument.has(ZX_RIGHT_TRANSFER)) return ZX_ERR_ACCESS_DENIED;
  }
  if (entry != 0 && !process->IsUserAddress(entry)) return ZX_ERR_INVALID_ARGS;
  return process->Start(*thread, {mm::VirtAddr(entry), mm::VirtAddr(stack), 0, arg2}, std::move(argument));
}

void process_exit(const Caller& caller, int64_t return_code) { caller.process.Exit(return_code); }

namespace {

// How much is copied between two address spaces at a time, through a buffer of the kernel's own.
constexpr size_t kCopyPiece = 64 * 1024;
// Zircon's limit for one call.
constexpr size_t kMaxProcessCopy = 64 * 1024 * 1024;

zx_status_t CheckProcessMemory(const Caller& caller, zx_handle_t handle, zx_rights_t rights, uint64_t buffer,
                               size_t size, std::shared_ptr<ProcessDispatcher>* process) {
  if (buffer == 0 || size == 0 || size > kMaxProcessCopy) return ZX_ERR_INVALID_ARGS;
  if (const zx_status_t s = caller.handles().Get(handle, rights, process); s != ZX_OK) return s;
  const auto state = (*process)->state();
  return state == ProcessDispatcher::State::kDead || state == ProcessDispatcher::State::kDying ? ZX_ERR_BAD_STATE
                                                                                               : ZX_OK;
}

}  // namespace

zx_status_t process_read_memory(const Caller& caller, zx_handle_t handle, zx_vaddr_t address, UserPtr<void> buffer,
                                size_t size, UserPtr<size_t> actual) {
  // Reading wants both rights too.
  constexpr zx_rights_t kNeeded = ZX_RIGHT_READ | ZX_RIGHT_WRITE;
  std::shared_ptr<ProcessDispatcher> process;
  if (const zx_status_t s = CheckProcessMemory(caller, handle, kNeeded, buffer.address(), size, &process); s != ZX_OK) {
    return s;
  }
  std::vector<std::byte> piece(std::min(size, kCopyPiece));
  zx_status_t why = ZX_OK;
  size_t done = 0;
  while (done < size) {
    const size_t wanted = std::min(size - done, piece.size());
    const size_t got = process->memory().Peek(piece.data(), address + done, wanted, &why);
    if (got != 0 && caller.memory.CopyOut(buffer.address() + done, piece.data(), got) != ZX_OK)
      return ZX_ERR_INVALID_ARGS;
    done += got;
    if (got < wanted) break;
  }
  if (done == 0) return why;
  return actual.Write(caller.memory, done);
}

zx_status_t process_write_memory(const Caller& caller, zx_handle_t handle, zx_vaddr_t address,
                                 UserPtr<const void> buffer, size_t size, UserPtr<size_t> actual) {
  std::shared_ptr<ProcessDispatcher> process;
  if (const zx_status_t s = CheckProcessMemory(caller, handle, ZX_RIGHT_WRITE, buffer.address(), size, &process);
      s != ZX_OK) {
    return s;
  }
  std::vector<std::byte> piece(std::min(size, kCopyPiece));
  zx_status_t why = ZX_OK;
  size_t done = 0;
  while (done < size) {
    const size_t wanted = std::min(size - done, piece.size());
    if (caller.memory.CopyIn(piece.data(), buffer.address() + done, wanted) != ZX_OK) return ZX_ERR_INVALID_ARGS;
    const size_t put = process->memory().Poke(address + done, piece.data(), wanted, &why);
    done += put;
    if (put < wanted) break;
  }
  if (done == 0) return why;
  return actual.Write(caller.memory, done);
}

zx_status_t thread_create(const Caller& caller, zx_handle_t process_handle, UserPtr<const char> user_name,
                          size_t name_size, uint32_t options, UserPtr<zx_handle_t> out) {
  if (options != 0) return ZX_ERR_INVALID_ARGS;
  std::string name;
  if (const zx_status_t s = ReadUserString(caller.memory, user_name, name_size, ZX_MAX_NAME_LEN - 1, &name);
      s != ZX_OK) {
    return s;
  }
  std::shared_ptr<ProcessDispatcher> process;
  if (const zx_status_t s = caller.handles().Get(process_handle, ZX_RIGHT_MANAGE_THREAD, &process); s != ZX_OK)
    return s;
  std::shared_ptr<ThreadDispatcher> thread;
  if (const zx_status_t s = process->CreateThread(name, &thread); s != ZX_OK) return s;
  return caller.GiveHandle(std::move(thread), out);
}

zx_status_t thread_start(const Caller& caller, zx_handle_t handle, zx_vaddr_t entry, zx_vaddr_t stack, uintptr_t arg1,
                         uintptr_t arg2) {
  std::shared_ptr<ThreadDispatcher> thread;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_MANAGE_THREAD, &thread); s != ZX_OK) return s;
  if (entry != 0 && !thread->process().IsUserAddress(entry)) return ZX_ERR_INVALID_ARGS;
  return thread->process().StartThread(*thread, {mm::VirtAddr(entry), mm::VirtAddr(stack), arg1, arg2});
}

void thread_exit(const Caller& caller) { caller.thread.Kill(); }

zx_status_t task_kill(const Caller& caller, zx_handle_t handle) {
  std::shared_ptr<Dispatcher> object;
  zx_rights_t rights = 0;
  if (const zx_status_t s = caller.handles().Get(handle, &object, &rights); s != ZX_OK) return s;
  if ((rights & ZX_RIGHT_DESTROY) == 0) return ZX_ERR_ACCESS_DENIED;
  if (const auto job = As<JobDispatcher>(object)) {
    job->Kill(ZX_TASK_RETCODE_SYSCALL_KILL);
  } else if (const auto process = As<ProcessDispatcher>(object)) {
    process->Exit(ZX_TASK_RETCODE_SYSCALL_KILL);
  } else {
    return ZX_ERR_WRONG_TYPE;  // threads too: one can't be killed alone
  }
  return ZX_OK;
}

}  // namespace sys
}  // namespace zirconia::kernel
