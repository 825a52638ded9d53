// Futexes: waiting for a word of memory to change.
#ifndef ZIRCONIA_KERNEL_SIM_FUTEX_H_
#define ZIRCONIA_KERNEL_SIM_FUTEX_H_

#include <zircon/types.h>

#include <deque>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace zirconia::kernel {

class ThreadDispatcher;

// Who waits on which address of which process. The lock is held while the word is read, so that a wake between the look
// and the wait is not lost; it is taken before the locks of memory.
class FutexTable {
 public:
  // The new owner that a waiter names. Owners only steer scheduling, which is the host's here: what remains are the
  // checks, which come after the look at the word.
  struct Owner {
    zx_status_t status = ZX_OK;                // what is wrong with the handle
    const ThreadDispatcher* thread = nullptr;  // null: nobody
  };

  // zx_futex_wait. BAD_STATE: the word isn't `expected`. The owner's status; INVALID_ARGS: the owner waits there.
  // TIMED_OUT; CANCELED: killed.
  zx_status_t Wait(ThreadDispatcher& thread, uint64_t address, zx_futex_storage_t expected, const Owner& owner,
                   zx_time_t deadline) ABSL_LOCKS_EXCLUDED(mutex_);
  // Wakes up to `count`, the longest waiting first; returns how many.
  uint32_t Wake(zx_koid_t process, uint64_t address, uint32_t count) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Waiter {
    ThreadDispatcher* thread;
    bool woken = false;  // guarded by the thread's wait lock
  };
  using Key = std::pair<zx_koid_t, uint64_t>;

  absl::Mutex mutex_;
  absl::flat_hash_map<Key, std::deque<Waiter*>> waiters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_FUTEX_H_
