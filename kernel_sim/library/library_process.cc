#include "kernel_sim/library/library_process.h"

#include <signal.h>
#include <unistd.h>
#include <zircon/processargs.h>
#include <zircon/syscalls/object.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "kernel_sim/library/library_thread.h"
#include "kernel_sim/status.h"

namespace zirconia::kernel {
namespace {

// What faults of the host are this process's.
mm::VirtRange NativeRange(Kernel& kernel, const GuestSpace& space) {
  const mm::VirtRange range = space.aspace()->range();
  return kernel.machine().native() ? range : mm::VirtRange{range.base, mm::ByteSize(0)};
}

}  // namespace

LibraryProcess::LibraryProcess(Kernel& kernel, std::shared_ptr<JobDispatcher> job,
                               const std::shared_ptr<GuestSpace>& space, Ending ending)
    : ProcessDispatcher(kernel, std::move(job), space),
      HostFaultRange(NativeRange(kernel, *space)),
      ending_(ending),
      program_memory_(space->aspace()) {}

zx_status_t LibraryProcess::Create(Kernel& kernel, absl::string_view name, Ending ending,
                                   std::shared_ptr<LibraryProcess>* out, std::string* why) {
  auto space = kernel.machine().CreateResidentSpace();
  if (!space.ok()) {
    if (why != nullptr) *why = std::string(space.status().message());
    return ToZxStatus(space.status());
  }
  if ((*space)->resident()) kernel.AddResidentSpace(*space);
  const auto& job = kernel.root_job();
  auto process = std::make_shared<LibraryProcess>(kernel, job, *std::move(space), ending);
  process->set_name(name);
  const auto vmar = std::make_shared<VmarDispatcher>(kernel.koids(), process->space(), process->aspace().root());
  process->BeginWithoutThread();
  if (const zx_status_t s = job->AddProcess(process); s != ZX_OK) return s;
  HandleTable& handles = process->handles();
  process->self_ = handles.Add(Handle(process, process->default_rights()));
  process->root_vmar_ = handles.Add(Handle(vmar, vmar->default_rights()));
  process->job_ = handles.Add(Handle(job, job->default_rights()));
  *out = std::move(process);
  return ZX_OK;
}

zx_handle_t LibraryProcess::TakeStartupHandle(uint32_t info) {
  if (info == PA_HND(PA_RESOURCE, 0) && !resource_taken_.exchange(true)) {
    const auto& resource = kernel().root_resource();
    return handles().Add(Handle(resource, resource->default_rights()));
  }
  if (info != PA_HND(PA_VMO_VDSO, 0) || vdso_taken_.exchange(true)) return ZX_HANDLE_INVALID;
  if (!kernel().EnsureVdso().ok()) return ZX_HANDLE_INVALID;
  return handles().Add(Handle(kernel().vdso().vmo(), VdsoVmo::kRights));
}

bool LibraryProcess::IsUserAddress(uint64_t address) const {
  constexpr uint64_t kLowest = 0x10000, kEnd = uint64_t{1} << 47;
  return address >= kLowest && address < kEnd;
}

absl::StatusOr<std::unique_ptr<platform::GuestThread>> LibraryProcess::MakeGuestThread(ThreadDispatcher& thread) {
  return std::make_unique<LibraryThread>(*this, thread);
}

bool LibraryProcess::OnHostFault(mm::VirtAddr address, mm::Access access) {
  return Attachment::AnswerFault(*this, address, access) == ZX_OK;
}

void LibraryProcess::OnExit(int64_t return_code) {
  if (ending_ != Ending::kHost) return;
  if (return_code == ZX_TASK_RETCODE_SYSCALL_KILL) {
    kill(getpid(), SIGKILL);
  } else if (return_code == ZX_TASK_RETCODE_EXCEPTION_KILL) {
    std::fputs("zirconia: a system call ended this process: it had no way to report a bad pointer\n", stderr);
    std::abort();
  }
  _exit(static_cast<int>(return_code & 0xff));
}

}  // namespace zirconia::kernel
