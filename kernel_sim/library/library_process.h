// A process of a simulated kernel whose program is (a part of) this host process.
#ifndef ZIRCONIA_KERNEL_SIM_LIBRARY_LIBRARY_PROCESS_H_
#define ZIRCONIA_KERNEL_SIM_LIBRARY_LIBRARY_PROCESS_H_

#include <atomic>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "kernel_sim/kernel.h"
#include "kernel_sim/library/program_memory.h"
#include "kernel_sim/process.h"
#include "platform/engine/host_faults.h"

namespace zirconia::kernel {

// Its threads are host threads: those that attach themselves (Attachment), and those that zx_thread_start makes. Its
// memory is the program's own, and what it maps in its simulated address space. On a host machine, page faults there
// are answered for every thread of the host process, attached or not.
class LibraryProcess final : public ProcessDispatcher, private platform::HostFaultRange {
 public:
  // What the end of the process, or of one of its threads, is.
  enum class Ending : uint8_t {
    kHost,   // what it is for an ordinary program: the host process ends, the host thread ends
    kThrow,  // an exception on the thread that made the call (library/testing/kernel.h): for tests
  };

  // A running process, with handles to itself, its root VMAR and the root job. Errors as Kernel::CreateProcess.
  static zx_status_t Create(Kernel& kernel, absl::string_view name, Ending ending, std::shared_ptr<LibraryProcess>* out,
                            std::string* why = nullptr);
  // Use Create.
  LibraryProcess(Kernel& kernel, std::shared_ptr<JobDispatcher> job, const std::shared_ptr<GuestSpace>& space,
                 Ending ending);
  ~LibraryProcess() override { Withdraw(); }

  using HostFaultRange::belongs_to_parent;

  // zx_process_self, zx_vmar_root_self, zx_job_default.
  zx_handle_t self() const { return self_; }
  zx_handle_t root_vmar() const { return root_vmar_; }
  zx_handle_t job() const { return job_; }
  Ending ending() const { return ending_; }

  // zx_take_startup_handle: once each, the vDSO (PA_VMO_VDSO) and the root resource (PA_RESOURCE).
  zx_handle_t TakeStartupHandle(uint32_t info);

  UserMemory& user_memory() override { return program_memory_; }
  bool IsUserAddress(uint64_t address) const override;
  bool owns_fs_base() const override { return false; }
  absl::StatusOr<std::unique_ptr<platform::GuestThread>> MakeGuestThread(ThreadDispatcher& thread) override;

 private:
  bool OnHostFault(mm::VirtAddr address, mm::Access access) override;
  void OnExit(int64_t return_code) override;

  const Ending ending_;
  ProgramMemory program_memory_;
  zx_handle_t self_ = ZX_HANDLE_INVALID;
  zx_handle_t root_vmar_ = ZX_HANDLE_INVALID;
  zx_handle_t job_ = ZX_HANDLE_INVALID;
  std::atomic<bool> vdso_taken_{false};
  std::atomic<bool> resource_taken_{false};
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_LIBRARY_LIBRARY_PROCESS_H_
