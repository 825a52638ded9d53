// Processes and jobs.
#ifndef ZIRCONIA_KERNEL_SIM_PROCESS_H_
#define ZIRCONIA_KERNEL_SIM_PROCESS_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "kernel_sim/dispatcher.h"
#include "kernel_sim/handle_table.h"
#include "kernel_sim/user_memory.h"
#include "kernel_sim/vmar.h"
#include "platform/guest_engine.h"

namespace zirconia::kernel {

class JobDispatcher;
class Kernel;
class ThreadDispatcher;

// A process: an address space, handles, threads. It is dying from its exit or kill on, and dead (ZX_PROCESS_TERMINATED)
// once its last thread has ended; then its handles are closed and its address space is empty. The mutex guards the
// state and the list of threads; the thread's own locks are taken after it.
class ProcessDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_PROCESS;
  enum class State : uint8_t { kInitial, kRunning, kDying, kDead };

  ProcessDispatcher(Kernel& kernel, std::shared_ptr<JobDispatcher> job, std::shared_ptr<GuestSpace> space);
  ~ProcessDispatcher() override;

  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_PROCESS_RIGHTS; }
  zx_koid_t related_koid() const override;

  Kernel& kernel() const { return kernel_; }
  const std::shared_ptr<GuestSpace>& space() const { return space_; }
  mm::AddressSpace& aspace() const { return *space_->aspace(); }
  HandleTable& handles() { return handles_; }
  const HandleTable& handles() const { return handles_; }
  // What is mapped in its address space, as a debugger sees it.
  GuestMemory& memory() { return memory_; }
  // How the kernel reaches the buffers of the process's own system calls.
  virtual UserMemory& user_memory() { return memory_; }
  // Whether code can start there, or a futex stand.
  virtual bool IsUserAddress(uint64_t address) const;
  // Whether its threads may set their FS base: not where that is the host's C library's.
  virtual bool owns_fs_base() const { return true; }
  // The engine's side of a thread that is about to be started. UNIMPLEMENTED: threads can't run on this machine.
  virtual absl::StatusOr<std::unique_ptr<platform::GuestThread>> MakeGuestThread(ThreadDispatcher& thread);

  // A thread that is not started yet. BAD_STATE: the process is dying or dead.
  zx_status_t CreateThread(absl::string_view name, std::shared_ptr<ThreadDispatcher>* out) ABSL_LOCKS_EXCLUDED(mutex_);
  // Starts the first thread, which gets `arg1` as a handle of this process. BAD_STATE: not in its initial state. `arg1`
  // is consumed.
  zx_status_t Start(ThreadDispatcher& thread, platform::GuestStart start, Handle arg1) ABSL_LOCKS_EXCLUDED(mutex_);
  // Starts a further thread. BAD_STATE: the process isn't running.
  zx_status_t StartThread(ThreadDispatcher& thread, const platform::GuestStart& start) ABSL_LOCKS_EXCLUDED(mutex_);

  // Makes the process run though no thread was started in it: a program that uses the host library. It lasts until its
  // exit. Requires the initial state; not together with Start.
  void BeginWithoutThread() ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes a thread in that runs already; `guest` stands for it. BAD_STATE: the process isn't running. The thread's end
  // is OnThreadEnded.
  zx_status_t Adopt(ThreadDispatcher& thread, std::unique_ptr<platform::GuestThread> guest) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends the process with this return code; the first call decides. Doesn't wait. Returns whether this was the first.
  bool Exit(int64_t return_code) ABSL_LOCKS_EXCLUDED(mutex_);
  // Called by the kernel on a thread's host thread, at its end.
  void OnThreadEnded(ThreadDispatcher& thread) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits, on a thread that is no guest's, until the process is dead.
  void WaitUntilDead() ABSL_LOCKS_EXCLUDED(mutex_);

  State state() const ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t return_code() const ABSL_LOCKS_EXCLUDED(mutex_);
  zx_time_t start_time() const ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<std::shared_ptr<ThreadDispatcher>> threads() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Processor time of all its threads, those that ended included, in ns.
  zx_duration_t runtime() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Where the vDSO stands. Its code is mapped executable at most once.
  uint64_t vdso_base() const { return vdso_base_.load(std::memory_order_relaxed); }
  // Claims the one executable mapping: false where there is one already.
  bool ClaimVdso() { return !vdso_claimed_.exchange(true); }
  void ReleaseVdso() { vdso_claimed_ = false; }
  void set_vdso_base(uint64_t base) { vdso_base_ = base; }

  // ZX_PROP_PROCESS_DEBUG_ADDR and _BREAK_ON_LOAD: kept for debuggers, without meaning to the kernel.
  std::atomic<uint64_t> debug_addr{0};
  std::atomic<uint64_t> break_on_load{0};

 protected:
  void OnZeroHandles() override;
  // Its end was decided, with this return code; its threads are about to be told. No lock is held.
  virtual void OnExit(int64_t /*return_code*/) {}

 private:
  void Finish() ABSL_LOCKS_EXCLUDED(mutex_);

  Kernel& kernel_;
  const std::shared_ptr<JobDispatcher> job_;
  const std::shared_ptr<GuestSpace> space_;
  HandleTable handles_;
  GuestMemory memory_;
  std::atomic<bool> vdso_claimed_{false};
  std::atomic<uint64_t> vdso_base_{0};

  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kInitial;
  int64_t return_code_ ABSL_GUARDED_BY(mutex_) = 0;
  zx_time_t start_time_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;           // threads that were started and aren't done with this process
  bool without_thread_ ABSL_GUARDED_BY(mutex_) = false;  // counted in `running_` until its exit
  zx_duration_t ended_runtime_ ABSL_GUARDED_BY(mutex_) = 0;  // of threads that are no longer listed
  std::vector<std::shared_ptr<ThreadDispatcher>> threads_ ABSL_GUARDED_BY(mutex_);
};

// A job: what processes belong to. There is one, the root.
class JobDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_JOB;
  explicit JobDispatcher(KoidAllocator& koids) : Dispatcher(koids, ZX_JOB_NO_JOBS | ZX_JOB_NO_PROCESSES) {}
  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_JOB_RIGHTS; }

  // BAD_STATE: the job was killed.
  zx_status_t AddProcess(const std::shared_ptr<ProcessDispatcher>& process) ABSL_LOCKS_EXCLUDED(mutex_);
  void RemoveProcess(const ProcessDispatcher& process) ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<std::shared_ptr<ProcessDispatcher>> processes() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Kills every process, and takes no new one. Returns those that it met, so that they can be waited for.
  std::vector<std::shared_ptr<ProcessDispatcher>> Kill(int64_t return_code) ABSL_LOCKS_EXCLUDED(mutex_);
  bool killed() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Processor time of all its processes, those that are dead included, in ns.
  zx_duration_t runtime() const ABSL_LOCKS_EXCLUDED(mutex_);

  // ZX_PROP_JOB_KILL_ON_OOM: kept and told; no machine here kills for want of memory.
  std::atomic<bool> kill_on_oom{false};

 private:
  mutable absl::Mutex mutex_;
  zx_duration_t ended_runtime_ ABSL_GUARDED_BY(mutex_) = 0;  // of processes that are no longer listed
  bool killed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::pair<const ProcessDispatcher*, std::weak_ptr<ProcessDispatcher>>> processes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_PROCESS_H_
