// Events, time, randomness, the console.
#include <sys/random.h>
#include <zircon/syscalls/exception.h>
#include <zircon/syscalls/log.h>
#include <zircon/syscalls/object.h>

#include <algorithm>
#include <array>
#include <string>

#include "kernel_sim/debuglog.h"
#include "kernel_sim/event.h"
#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel::sys {

zx_status_t event_create(const Caller& caller, uint32_t options, UserPtr<zx_handle_t> out) {
  if (options != 0) return ZX_ERR_INVALID_ARGS;
  return caller.GiveHandle(std::make_shared<EventDispatcher>(caller.kernel.koids()), out);
}

zx_status_t eventpair_create(const Caller& caller, uint32_t options, UserPtr<zx_handle_t> out0,
                             UserPtr<zx_handle_t> out1) {
  if (options != 0) return ZX_ERR_NOT_SUPPORTED;
  auto [a, b] = EventPairDispatcher::Create(caller.kernel.koids());
  std::array<Handle, 2> handles{Handle(a, a->default_rights()), Handle(b, b->default_rights())};
  const std::array out{out0, out1};
  return caller.GiveHandles(absl::MakeSpan(handles), out);
}

zx_time_t clock_get_monotonic(const Caller& caller) { return caller.kernel.Now(); }

zx_status_t nanosleep(const Caller& caller, zx_time_t deadline) {
  const zx_status_t s = caller.thread.Wait(deadline, ZX_THREAD_STATE_BLOCKED_SLEEPING, [] { return false; });
  return s == ZX_ERR_TIMED_OUT ? ZX_OK : s;
}

void cprng_draw(const Caller& caller, UserPtr<void> buffer, size_t size) {
  // Any size, in pieces that getrandom gives whole, until the caller is killed.
  std::array<std::byte, ZX_CPRNG_DRAW_MAX_LEN> random{};
  size_t done = 0;
  while (done < size && !caller.thread.killed()) {
    const ssize_t n = getrandom(random.data(), std::min(random.size(), size - done), 0);
    if (n <= 0) continue;
    if (caller.memory.CopyOut(buffer.address() + done, random.data(), static_cast<size_t>(n)) != ZX_OK) break;
    done += static_cast<size_t>(n);
  }
  if (done == size || caller.thread.killed()) return;
  // This call can't report an error, and a guest that goes on without its random bytes is worse than none.
  CrashReport report;
  report.type = ZX_EXCP_FATAL_PAGE_FAULT;
  report.address = mm::VirtAddr(buffer.address() + done);
  report.access = mm::Access::kWrite;
  report.status = ZX_ERR_INVALID_ARGS;
  caller.kernel.KillByException(caller.thread, std::move(report));
}

zx_status_t debug_write(const Caller& caller, UserPtr<const char> buffer, size_t size) {
  // Any size, in pieces, until the caller is killed.
  constexpr size_t kPiece = 64 * 1024;
  std::string piece;
  for (size_t done = 0; done < size && !caller.thread.killed(); done += piece.size()) {
    piece.resize(std::min(kPiece, size - done));
    const UserPtr<const char> from(buffer.address() + done);
    if (from.ReadArray(caller.memory, piece.data(), piece.size()) != ZX_OK) return ZX_ERR_INVALID_ARGS;
    caller.kernel.WriteConsole(piece);
  }
  return ZX_OK;
}

zx_status_t debuglog_create(const Caller& caller, zx_handle_t resource, uint32_t options, UserPtr<zx_handle_t> out) {
  if ((options & ~ZX_LOG_FLAG_READABLE) != 0) return ZX_ERR_INVALID_ARGS;
  if (resource != ZX_HANDLE_INVALID) {
    if (const zx_status_t s = CheckResource(caller.handles(), resource, ResourceRange()); s != ZX_OK) return s;
  }
  if ((options & ZX_LOG_FLAG_READABLE) != 0) return ZX_ERR_ACCESS_DENIED;  // nothing keeps records
  return caller.GiveHandle(std::make_shared<DebuglogDispatcher>(caller.kernel.koids()), out);
}

zx_status_t debuglog_write(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<const void> buffer,
                           size_t size) {
  if ((options & ~ZX_LOG_FLAGS_MASK) != 0) return ZX_ERR_INVALID_ARGS;
  std::shared_ptr<DebuglogDispatcher> log;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_WRITE, &log); s != ZX_OK) return s;
  // A record: longer ones are cut, and each is a line on the console.
  std::string text(std::min<size_t>(size, ZX_LOG_RECORD_DATA_MAX), '\0');
  if (buffer.as<const char>().ReadArray(caller.memory, text.data(), text.size()) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  if (text.empty() || text.back() != '\n') text.push_back('\n');
  caller.kernel.WriteConsole(text);
  return ZX_OK;
}

zx_status_t debuglog_read(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<void> /*buffer*/,
                          size_t /*size*/) {
  if (options != 0) return ZX_ERR_INVALID_ARGS;
  // Readable logs need a resource, which nobody has: no handle has this right.
  std::shared_ptr<DebuglogDispatcher> log;
  const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_READ, &log);
  return s != ZX_OK ? s : ZX_ERR_SHOULD_WAIT;
}

}  // namespace zirconia::kernel::sys
