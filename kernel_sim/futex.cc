#include "kernel_sim/futex.h"

#include <zircon/syscalls/object.h>

#include <algorithm>

#include "kernel_sim/process.h"
#include "kernel_sim/thread.h"

namespace zirconia::kernel {

zx_status_t FutexTable::IfWordIs(const ThreadDispatcher& thread, uint64_t address, zx_futex_storage_t expected,
                                 absl::FunctionRef<zx_status_t()> act) {
  UserMemory& memory = thread.process().user_memory();
  zx_futex_storage_t value = 0;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      const zx_status_t copied = memory.CopyInNow(&value, address, sizeof(value));
      if (copied == ZX_OK) return value == expected ? act() : ZX_ERR_BAD_STATE;
      if (copied != ZX_ERR_SHOULD_WAIT) return copied;
    }
    // The word is a pager's, which must be waited for without the lock.
    if (const zx_status_t s = memory.CopyIn(&value, address, sizeof(value)); s != ZX_OK) return s;
  }
}

bool FutexTable::WaitsAt(const Key& key, const ThreadDispatcher* thread) const {
  const auto it = futexes_.find(key);
  if (it == futexes_.end()) return false;
  const auto& waiters = it->second.waiters;
  return std::any_of(waiters.begin(), waiters.end(), [=](const Waiter* waiter) { return waiter->thread == thread; });
}

zx_status_t FutexTable::Wait(ThreadDispatcher& thread, uint64_t address, zx_futex_storage_t expected,
                             const Owner& owner, zx_time_t deadline) {
  const Key key{thread.process().koid(), address};
  Waiter self{&thread, key};
  zx_status_t status = IfWordIs(thread, address, expected, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> zx_status_t {
    if (owner.status != ZX_OK) return owner.status;
    if (owner.thread.get() == &thread || WaitsAt(key, owner.thread.get())) return ZX_ERR_INVALID_ARGS;
    Futex& futex = futexes_[key];
    futex.waiters.push_back(&self);
    futex.owner = owner.thread;
    return ZX_OK;
  });
  if (status != ZX_OK) return status;
  status = thread.Wait(deadline, ZX_THREAD_STATE_BLOCKED_FUTEX, [&] { return self.woken; });
  if (status == ZX_OK) return ZX_OK;
  absl::MutexLock lock(&mutex_);
  // It may have been moved meanwhile.
  if (const auto it = futexes_.find(self.key); it != futexes_.end()) {
    std::erase(it->second.waiters, &self);
    if (it->second.waiters.empty()) futexes_.erase(it);
  }
  // A wake that came after the deadline was spent on this thread: it counts.
  thread.Notify([&] {
    if (self.woken) status = ZX_OK;
  });
  return status;
}

void FutexTable::WakeWaiters(Futex& futex, uint32_t count, AfterWake after) {
  futex.owner.reset();
  for (uint32_t woken = 0; woken < count && !futex.waiters.empty(); ++woken) {
    Waiter* const waiter = futex.waiters.front();
    futex.waiters.pop_front();
    ThreadDispatcher& thread = *waiter->thread;
    if (after == AfterWake::kWoken) futex.owner = std::static_pointer_cast<ThreadDispatcher>(thread.shared_from_this());
    thread.Notify([waiter] { waiter->woken = true; });
  }
}

void FutexTable::Wake(zx_koid_t process, uint64_t address, uint32_t count, AfterWake after) {
  absl::MutexLock lock(&mutex_);
  const auto it = futexes_.find(Key{process, address});
  if (it == futexes_.end()) return;
  WakeWaiters(it->second, count, after);
  if (it->second.waiters.empty()) futexes_.erase(it);
}

zx_status_t FutexTable::WakeAndRequeue(const ThreadDispatcher& caller, const Requeue& requeue, const Owner& owner) {
  const Key from{caller.process().koid(), requeue.from};
  const Key to{caller.process().koid(), requeue.to};
  return IfWordIs(caller, requeue.from, requeue.expected, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> zx_status_t {
    if (owner.status != ZX_OK) return owner.status;
    if (WaitsAt(from, owner.thread.get()) || WaitsAt(to, owner.thread.get())) return ZX_ERR_INVALID_ARGS;
    std::deque<Waiter*> moved;
    if (const auto it = futexes_.find(from); it != futexes_.end()) {
      auto& waiters = it->second.waiters;
      WakeWaiters(it->second, requeue.wake_count, requeue.after);
      const auto end = waiters.begin() + std::min<ptrdiff_t>(requeue.requeue_count, std::ssize(waiters));
      moved.assign(waiters.begin(), end);
      waiters.erase(waiters.begin(), end);
      if (waiters.empty()) futexes_.erase(it);
    }
    auto it = futexes_.find(to);
    if (it == futexes_.end()) {
      if (moved.empty()) return ZX_OK;
      it = futexes_.try_emplace(to).first;
    }
    it->second.owner = owner.thread;
    for (Waiter* const waiter : moved) {
      waiter->key = to;
      it->second.waiters.push_back(waiter);
    }
    return ZX_OK;
  });
}

zx_koid_t FutexTable::OwnerOf(zx_koid_t process, uint64_t address) const {
  std::shared_ptr<ThreadDispatcher> owner;  // may be the last reference: dropped when the lock is gone
  absl::MutexLock lock(&mutex_);
  const auto it = futexes_.find(Key{process, address});
  if (it != futexes_.end()) owner = it->second.owner.lock();
  return owner != nullptr && owner->state() != ZX_THREAD_STATE_DEAD ? owner->koid() : ZX_KOID_INVALID;
}

}  // namespace zirconia::kernel
