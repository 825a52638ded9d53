// Futexes: waiting for a word of memory to change.
#ifndef ZIRCONIA_KERNEL_SIM_FUTEX_H_
#define ZIRCONIA_KERNEL_SIM_FUTEX_H_

#include <zircon/types.h>

#include <deque>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"

namespace zirconia::kernel {

class ThreadDispatcher;

// Who waits on which address of which process, and who owns it. A futex exists while somebody waits on it: without
// waiters there is no owner either. Owners only steer scheduling, which is the host's here; they are kept to be told.
// The lock is held while the word is read, so that a wake between the look and the wait is not lost; it is taken before
// the locks of memory and the wait locks of threads.
class FutexTable {
 public:
  // The new owner that a caller names. What is wrong with it is said only after the look at the word.
  struct Owner {
    zx_status_t status = ZX_OK;                // what is wrong with the handle
    std::shared_ptr<ThreadDispatcher> thread;  // null: nobody. One that has ended owns nothing
  };
  // Who owns a futex once waiters of it were woken.
  enum class AfterWake : uint8_t {
    kNobody,
    kWoken,  // who was woken; requires that at most one is
  };

  // zx_futex_wait. BAD_STATE: the word isn't `expected`. The owner's status; INVALID_ARGS: the owner waits there, or is
  // the caller. TIMED_OUT; CANCELED: killed.
  zx_status_t Wait(ThreadDispatcher& thread, uint64_t address, zx_futex_storage_t expected, const Owner& owner,
                   zx_time_t deadline) ABSL_LOCKS_EXCLUDED(mutex_);
  // zx_futex_wake and zx_futex_wake_single_owner: wakes up to `count`, the longest waiting first.
  void Wake(zx_koid_t process, uint64_t address, uint32_t count, AfterWake after) ABSL_LOCKS_EXCLUDED(mutex_);
  // zx_futex_requeue and zx_futex_requeue_single_owner: wakes as Wake does, then moves up to `requeue_count` of the
  // others, in their order, behind those that wait at `to`, which is then owned by `owner`. BAD_STATE: the word at
  // `from` isn't `expected`. The owner's status; INVALID_ARGS: the owner waits at one of both. On an error nothing has
  // changed.
  struct Requeue {
    uint64_t from;
    zx_futex_storage_t expected;
    uint32_t wake_count;
    AfterWake after;
    uint64_t to;
    uint32_t requeue_count;
  };
  zx_status_t WakeAndRequeue(const ThreadDispatcher& caller, const Requeue& requeue, const Owner& owner)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // zx_futex_get_owner; ZX_KOID_INVALID: nobody.
  zx_koid_t OwnerOf(zx_koid_t process, uint64_t address) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Key = std::pair<zx_koid_t, uint64_t>;
  struct Waiter {
    ThreadDispatcher* thread;
    Key key;             // where it waits; guarded by the table's lock
    bool woken = false;  // guarded by the thread's wait lock
  };
  struct Futex {
    std::deque<Waiter*> waiters;            // never empty, but within an operation
    std::weak_ptr<ThreadDispatcher> owner;  // a thread that has ended is none
  };

  // Does `act` under the lock in which the word was seen to be `expected`; waits for its page where it is a pager's.
  zx_status_t IfWordIs(const ThreadDispatcher& thread, uint64_t address, zx_futex_storage_t expected,
                       absl::FunctionRef<zx_status_t()> act) ABSL_LOCKS_EXCLUDED(mutex_);
  bool WaitsAt(const Key& key, const ThreadDispatcher* thread) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What Wake does to a futex; it may be empty afterwards.
  static void WakeWaiters(Futex& futex, uint32_t count, AfterWake after);

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<Key, Futex> futexes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_FUTEX_H_
