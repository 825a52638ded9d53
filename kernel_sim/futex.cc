#include "kernel_sim/futex.h"

#include <zircon/syscalls/object.h>

#include <algorithm>

#include "kernel_sim/process.h"
#include "kernel_sim/thread.h"

namespace zirconia::kernel {

zx_status_t FutexTable::Wait(ThreadDispatcher& thread, uint64_t address, zx_futex_storage_t expected,
                             const Owner& owner, zx_time_t deadline) {
  Waiter self{&thread};
  const Key key{thread.process().koid(), address};
  UserMemory& memory = thread.process().user_memory();
  zx_futex_storage_t value = 0;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      const zx_status_t copied = memory.CopyInNow(&value, address, sizeof(value));
      if (copied != ZX_OK && copied != ZX_ERR_SHOULD_WAIT) return copied;
      if (copied == ZX_OK) {
        if (value != expected) return ZX_ERR_BAD_STATE;
        if (owner.status != ZX_OK) return owner.status;
        if (const auto it = waiters_.find(key); owner.thread != nullptr && it != waiters_.end()) {
          for (const Waiter* waiter : it->second) {
            if (waiter->thread == owner.thread) return ZX_ERR_INVALID_ARGS;
          }
        }
        waiters_[key].push_back(&self);
        break;
      }
    }
    // The word is a pager's, which must be waited for without the lock.
    if (const zx_status_t s = memory.CopyIn(&value, address, sizeof(value)); s != ZX_OK) return s;
  }
  zx_status_t status = thread.Wait(deadline, ZX_THREAD_STATE_BLOCKED_FUTEX, [&] { return self.woken; });
  if (status == ZX_OK) return ZX_OK;
  absl::MutexLock lock(&mutex_);
  if (const auto it = waiters_.find(key); it != waiters_.end()) {
    std::erase(it->second, &self);
    if (it->second.empty()) waiters_.erase(it);
  }
  // A wake that came after the deadline was spent on this thread: it counts.
  thread.Notify([&] {
    if (self.woken) status = ZX_OK;
  });
  return status;
}

uint32_t FutexTable::Wake(zx_koid_t process, uint64_t address, uint32_t count) {
  absl::MutexLock lock(&mutex_);
  const auto it = waiters_.find(Key{process, address});
  if (it == waiters_.end()) return 0;
  uint32_t woken = 0;
  for (; woken < count && !it->second.empty(); ++woken) {
    Waiter* waiter = it->second.front();
    it->second.pop_front();
    waiter->thread->Notify([waiter] { waiter->woken = true; });
  }
  if (it->second.empty()) waiters_.erase(it);
  return woken;
}

}  // namespace zirconia::kernel
