// Time for tests: it passes when the test says so, or when nobody has anything else to do.
#ifndef ZIRCONIA_KERNEL_SIM_VIRTUAL_CLOCK_H_
#define ZIRCONIA_KERNEL_SIM_VIRTUAL_CLOCK_H_

#include <zircon/types.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace zirconia::kernel {

class ThreadDispatcher;

// Stands still while some thread of the kernel can do something. Once all of them wait, it jumps to the earliest of
// their deadlines: so a sleep takes no time, and a wait times out only if nothing else can end it. A thread that isn't
// attached to the kernel, or waits by other means than the kernel's, counts as one that does something if it was added.
//
// Thread-safe. Its lock is taken after a thread's wait lock.
class VirtualClock {
 public:
  static constexpr zx_time_t kStart = 1'000'000'000;

  zx_time_t Now() const { return now_.load(std::memory_order_acquire); }
  // Lets time pass, and wakes those whose deadlines have passed.
  void Advance(zx_duration_t duration) ABSL_LOCKS_EXCLUDED(mutex_);

  // One thread more, or fewer, that can do something. No wait lock may be held.
  void AddThread() ABSL_LOCKS_EXCLUDED(mutex_);
  void RemoveThread() ABSL_LOCKS_EXCLUDED(mutex_);

  // The thread is about to wait. Null: it has to. Else time has jumped, and this thread's deadline (its own perhaps)
  // has passed: it is to be notified. With the wait lock of `thread` held.
  std::shared_ptr<ThreadDispatcher> BeginWait(ThreadDispatcher& thread, zx_time_t deadline) ABSL_LOCKS_EXCLUDED(mutex_);
  // The thread can do something again: it was notified, or looks for itself. Idempotent. With its wait lock held.
  void EndWait(const ThreadDispatcher& thread) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Waiter {
    ThreadDispatcher* thread;
    zx_time_t deadline;
  };
  // If nobody can do anything, jumps to the earliest deadline, and returns whose it is.
  std::shared_ptr<ThreadDispatcher> JumpIfIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::atomic<zx_time_t> now_{kStart};
  absl::Mutex mutex_;
  size_t threads_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Waiter> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_VIRTUAL_CLOCK_H_
