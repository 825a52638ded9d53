// Threads of guests.
#ifndef ZIRCONIA_KERNEL_SIM_THREAD_H_
#define ZIRCONIA_KERNEL_SIM_THREAD_H_

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "kernel_sim/dispatcher.h"
#include "platform/guest_engine.h"

namespace zirconia::kernel {

class Kernel;
class ProcessDispatcher;

// A thread: created, started once, ended by its own exit, by its process's end, or by a kill. While it runs, its
// process keeps it alive.
//
// Waiting in the kernel goes through `Wait`: whoever changes what a thread waits for does so in `Notify`. The wait lock
// is a leaf.
class ThreadDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_THREAD;
  ThreadDispatcher(Kernel& kernel, std::shared_ptr<ProcessDispatcher> process);
  ~ThreadDispatcher() override;

  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_THREAD_RIGHTS; }
  zx_koid_t related_koid() const override;

  // The thread that the calling host thread is; null: none.
  static ThreadDispatcher* Current();
  // Whether the thread that a call or fault is carried out for is to end: what takes long ends too, CANCELED.
  static bool CurrentIsKilled() {
    const ThreadDispatcher* const current = Current();
    return current != nullptr && current->killed();
  }
  // Makes it the current one as long as this lives. They nest.
  class AsCurrent {
   public:
    explicit AsCurrent(ThreadDispatcher& thread);
    ~AsCurrent();
    AsCurrent(const AsCurrent&) = delete;
    AsCurrent& operator=(const AsCurrent&) = delete;

   private:
    ThreadDispatcher* const outer_;
  };

  Kernel& kernel() const { return kernel_; }
  ProcessDispatcher& process() const { return *process_; }
  const std::shared_ptr<ProcessDispatcher>& shared_process() const { return process_; }

  // BAD_STATE: started before, or killed. NO_MEMORY: the host gives no thread.
  zx_status_t Start(const platform::GuestStart& start) ABSL_LOCKS_EXCLUDED(mutex_);
  // For a thread that runs already, and was never started: `guest` stands for it.
  void Adopt(std::unique_ptr<platform::GuestThread> guest) ABSL_LOCKS_EXCLUDED(mutex_);
  // It stops waiting, leaves guest code and ends; one that never ran is dead at once. Without effect once it has ended.
  // Doesn't wait.
  void Kill() ABSL_LOCKS_EXCLUDED(mutex_);
  bool killed() const { return killed_.load(std::memory_order_acquire); }

  // ZX_THREAD_STATE_*.
  uint32_t state() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Waits, on this thread, until `done` holds (called with the wait lock held), the deadline (monotonic ns) passes:
  // TIMED_OUT, or the thread is killed: CANCELED. `blocked_state` is what `state` says meanwhile.
  zx_status_t Wait(zx_time_t deadline, uint32_t blocked_state, absl::FunctionRef<bool()> done)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Runs `change` with the wait lock held, and wakes the thread so that it looks again.
  void Notify(absl::FunctionRef<void()> change) ABSL_LOCKS_EXCLUDED(mutex_);

  // Processor time that it took, in ns.
  zx_duration_t runtime() const ABSL_LOCKS_EXCLUDED(mutex_);
  // What `runtime` is from now on; called at the thread's end, on its host thread.
  zx_duration_t StopClock() ABSL_LOCKS_EXCLUDED(mutex_);

  // ZX_PROP_REGISTER_FS and _GS. Only by the thread itself.
  zx_status_t SetSegmentBase(bool gs, uint64_t base);

  // The engine's last word: the host thread is about to finish. Hands over the engine's object for somebody else to
  // destroy.
  std::unique_ptr<platform::GuestThread> Ended() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Kernel& kernel_;
  const std::shared_ptr<ProcessDispatcher> process_;
  std::atomic<bool> killed_{false};
  mutable absl::Mutex mutex_;
  absl::CondVar wake_;
  bool announcing_ ABSL_GUARDED_BY(mutex_) = false;  // Start is about to assert ZX_THREAD_RUNNING
  absl::CondVar announced_;
  uint32_t state_ ABSL_GUARDED_BY(mutex_) = 0;  // ZX_THREAD_STATE_NEW
  std::optional<zx_duration_t> final_runtime_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<platform::GuestThread> guest_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_THREAD_H_
