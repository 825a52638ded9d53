// The kernel: what all of its objects share, and where guests come in.
#ifndef ZIRCONIA_KERNEL_SIM_KERNEL_H_
#define ZIRCONIA_KERNEL_SIM_KERNEL_H_

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/call_once.h"
#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "kernel_sim/bti.h"
#include "kernel_sim/crash_report.h"
#include "kernel_sim/dispatcher.h"
#include "kernel_sim/futex.h"
#include "kernel_sim/machine.h"
#include "kernel_sim/process.h"
#include "kernel_sim/resource.h"
#include "kernel_sim/vdso_vmo.h"
#include "kernel_sim/virtual_clock.h"
#include "kernel_sim/vmo.h"
#include "platform/guest_events.h"
#include "platform/taken_out.h"

namespace zirconia::kernel {

class Tracer;

// One simulated kernel on one machine. Several in one process don't know of each other. Thread-safe.
class Kernel : public platform::GuestEvents {
 public:
  struct Options {
    Machine::Options machine;
    // Where the guests' console goes (zx_debug_write, debuglog). Called by guest threads, one call at a time.
    std::function<void(absl::string_view)> console;
    // Called when a guest dies of an exception that nobody handles, on its thread, while its memory is still there.
    std::function<void(const CrashReport&)> on_crash;
    // Called when a process has ended, while its address space is still there.
    std::function<void(ProcessDispatcher&)> on_exit;
    // Sees every system call; may be null. Must outlive the kernel.
    Tracer* tracer = nullptr;
    // Gets a line about what the kernel does, now and then; may be empty.
    std::function<void(absl::string_view)> log;
    // Monotonic time is that of a VirtualClock.
    bool virtual_time = false;
    // Whether the vDSO is made with the kernel, or when `EnsureVdso` asks for it.
    bool vdso_at_once = true;
    // After how long a thread that waits for a pager is said to be waiting, each time (kernel.userpager.overtime_*);
    // 0: never.
    zx_duration_t pager_overtime = ZX_SEC(20);
    // After how long it stops waiting, with TIMED_OUT (kernel.userpager.overtime_timeout_seconds); 0: never.
    zx_duration_t pager_timeout = ZX_SEC(300);
    // Called each time that a thread is said to be waiting for a pager, on that thread, with no lock held.
    std::function<void()> while_waiting_for_pager;
  };
  struct Counters {
    std::atomic<uint64_t> faults{0};              // guest page faults that came up
    std::atomic<uint64_t> exceptions{0};          // other processor exceptions
    std::vector<std::atomic<uint64_t>> syscalls;  // by number
    explicit Counters(size_t n) : syscalls(n) {}
  };

  static absl::StatusOr<std::unique_ptr<Kernel>> Create(Options options);
  // Stops.
  ~Kernel() override;
  // Kills what still runs, and waits for it: no callback of Options is called afterwards. On a thread that is no
  // guest's.
  void Stop();

  KoidAllocator& koids() { return koids_; }
  Machine& machine() { return *machine_; }
  platform::GuestEngine& engine() { return machine_->engine(); }
  mm::FrameAllocator& frames() { return machine_->frames(); }
  FutexTable& futexes() { return futexes_; }
  const std::shared_ptr<JobDispatcher>& root_job() const { return root_job_; }
  // Permits everything; guests get it, or a part of it, only from whoever starts them (LaunchOptions::handles).
  const std::shared_ptr<ResourceDispatcher>& root_resource() const { return root_resource_; }
  ResourceRegistry& resources() { return resources_; }
  LostPins& lost_pins() { return lost_pins_; }
  zx_duration_t pager_overtime() const { return options_.pager_overtime; }
  zx_duration_t pager_timeout() const { return options_.pager_timeout; }
  // A thread has waited that long (Options::pager_overtime) once more.
  void OnPagerOvertime() const {
    if (options_.while_waiting_for_pager) options_.while_waiting_for_pager();
  }
  // Empty where it wasn't made.
  const VdsoVmo& vdso() const { return vdso_; }
  // Makes the vDSO, the first time.
  absl::Status EnsureVdso();
  const Counters& counters() const { return counters_; }

  // Monotonic time in ns.
  zx_time_t Now() const;
  // Null: time is the host's.
  VirtualClock* virtual_clock() const { return virtual_clock_.get(); }
  void WriteConsole(absl::string_view text) ABSL_LOCKS_EXCLUDED(console_mutex_);

  // An empty process, at whatever addresses or at those `needed`. NO_MEMORY: the host has no room for its address
  // space. BAD_STATE: the job was killed.
  zx_status_t CreateProcess(const std::shared_ptr<JobDispatcher>& job, absl::string_view name,
                            std::optional<mm::VirtRange> needed, std::shared_ptr<ProcessDispatcher>* process,
                            std::shared_ptr<VmarDispatcher>* root_vmar, std::string* why = nullptr);
  // A VMO of this size (rounded up); what zx_vmo_create does.
  zx_status_t CreateVmo(uint64_t size, bool resizable, std::shared_ptr<VmoDispatcher>* out);

  // Ends a thread's process because of an exception that nobody handles, and reports it if it is what ends the process.
  void KillByException(ThreadDispatcher& thread, CrashReport report) const;

  // Answers a page fault of a process, counted, as AddressSpace::HandleFault does, and waits for a pager where that is
  // what it takes, on this thread: CANCELED: it was killed meanwhile; or what the pager said. Neither allocates nor
  // logs where it can be answered without waiting.
  zx_status_t AnswerFault(ProcessDispatcher& process, mm::VirtAddr address, mm::Access access);

  // Formats a line for the log, if somebody wants it.
  template <typename... Args>
  void Log(const absl::FormatSpec<Args...>& format, const Args&... args) const {
    if (options_.log) options_.log(absl::StrFormat(format, args...));
  }

  // From now on, system calls and faults show again what they took out of this space.
  void AddResidentSpace(const std::shared_ptr<GuestSpace>& space) ABSL_LOCKS_EXCLUDED(resident_mutex_);
  // Makes the addresses at which resident spaces map a VMO readable where it has grown.
  void ShowGrown(const mm::VmObject& vmo) ABSL_LOCKS_EXCLUDED(resident_mutex_);

  // Called by a process that has ended, before its address space goes.
  void ReportExit(ProcessDispatcher& process) {
    if (options_.on_exit) options_.on_exit(process);
  }

  // Takes the engine's side of a thread that has ended; it is destroyed on another thread.
  void Bury(std::unique_ptr<platform::GuestThread> guest) ABSL_LOCKS_EXCLUDED(graveyard_mutex_);
  // Destroys what was buried, and gives its host threads back. Whoever makes new ones calls it first. It waits for
  // their last steps, which take locks: no lock may be held.
  void EmptyGraveyard() ABSL_LOCKS_EXCLUDED(graveyard_mutex_);

  // Carries a system call of `thread` out, on that thread: as a guest's, counted and traced. `number` < SyscallCount().
  uint64_t Call(ThreadDispatcher& thread, uint64_t number, const std::array<uint64_t, 8>& words);

  platform::SyscallAnswer OnSyscall(platform::GuestThread& guest, const platform::SyscallArguments& arguments) override;
  platform::Disposition OnFault(platform::GuestThread& guest, const platform::FaultInfo& fault,
                                platform::GuestRegisters& registers) override;
  platform::Disposition OnException(platform::GuestThread& guest, const platform::ExceptionInfo& exception,
                                    platform::GuestRegisters& registers) override;
  platform::Disposition OnInterrupt(platform::GuestThread& guest) override;
  void OnThreadEnd(platform::GuestThread& guest) override;

 private:
  Kernel(Options options, std::unique_ptr<Machine> machine);

  // The resident spaces that still exist.
  absl::InlinedVector<std::shared_ptr<GuestSpace>, 4> ResidentSpaces() ABSL_LOCKS_EXCLUDED(resident_mutex_);
  void ShowAgain(platform::TakenOut& taken_out) ABSL_LOCKS_EXCLUDED(resident_mutex_);

  Options options_;
  const std::unique_ptr<VirtualClock> virtual_clock_;
  KoidAllocator koids_;
  std::unique_ptr<Machine> machine_;
  Counters counters_;
  FutexTable futexes_;
  absl::once_flag vdso_once_;
  absl::Status vdso_status_;  // of its making
  VdsoVmo vdso_;
  std::shared_ptr<JobDispatcher> root_job_;
  ResourceRegistry resources_;
  LostPins lost_pins_;
  std::shared_ptr<ResourceDispatcher> root_resource_;
  std::atomic<bool> has_resident_spaces_{false};
  absl::Mutex resident_mutex_;
  std::vector<std::weak_ptr<GuestSpace>> resident_spaces_ ABSL_GUARDED_BY(resident_mutex_);
  absl::Mutex console_mutex_;
  absl::Mutex graveyard_mutex_;
  std::vector<std::unique_ptr<platform::GuestThread>> graveyard_ ABSL_GUARDED_BY(graveyard_mutex_);
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_KERNEL_H_
