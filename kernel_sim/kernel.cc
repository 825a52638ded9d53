#include "kernel_sim/kernel.h"

#include <zircon/syscalls/exception.h>
#include <zircon/syscalls/policy.h>

#include <chrono>
#include <utility>

#include "kernel_sim/pager_source.h"
#include "kernel_sim/status.h"
#include "kernel_sim/syscalls/dispatch.h"
#include "kernel_sim/thread.h"
#include "kernel_sim/tracer.h"

namespace zirconia::kernel {
namespace {

ThreadDispatcher& ThreadOf(platform::GuestThread& guest) { return *static_cast<ThreadDispatcher*>(guest.owner()); }

platform::Disposition ResumeUnlessKilled(const ThreadDispatcher& thread) {
  return thread.killed() ? platform::Disposition::kEnd : platform::Disposition::kResume;
}

uint32_t ExceptionType(platform::ExceptionKind kind) {
  switch (kind) {
    case platform::ExceptionKind::kUndefinedInstruction:
      return ZX_EXCP_UNDEFINED_INSTRUCTION;
    case platform::ExceptionKind::kSoftwareBreakpoint:
      return ZX_EXCP_SW_BREAKPOINT;
    case platform::ExceptionKind::kHardwareBreakpoint:
      return ZX_EXCP_HW_BREAKPOINT;
    case platform::ExceptionKind::kUnalignedAccess:
      return ZX_EXCP_UNALIGNED_ACCESS;
    case platform::ExceptionKind::kRawSyscall:
      return ZX_EXCP_POLICY_ERROR;
    case platform::ExceptionKind::kHostMemory:
      return ZX_EXCP_FATAL_PAGE_FAULT;
    case platform::ExceptionKind::kGeneral:
      return ZX_EXCP_GENERAL;
  }
  return ZX_EXCP_GENERAL;
}

}  // namespace

Kernel::Kernel(Options options, std::unique_ptr<Machine> machine)
    : options_(std::move(options)),
      virtual_clock_(options_.virtual_time ? std::make_unique<VirtualClock>() : nullptr),
      machine_(std::move(machine)),
      counters_(SyscallCount()),
      root_job_(std::make_shared<JobDispatcher>(koids_)),
      root_resource_(std::make_shared<ResourceDispatcher>(koids_, ResourceRange(), "root")) {
  root_job_->set_name("root");
}

absl::StatusOr<std::unique_ptr<Kernel>> Kernel::Create(Options options) {
  auto machine = Machine::Create(options.machine);
  if (!machine.ok()) return machine.status();
  std::unique_ptr<Kernel> kernel(new Kernel(std::move(options), *std::move(machine)));
  kernel->Log("machine made: %d frames of memory, at most %d host mappings", kernel->frames().stats().total.value(),
              kernel->machine().HostMappingLimit());
  if (kernel->options_.vdso_at_once) {
    if (absl::Status s = kernel->EnsureVdso(); !s.ok()) return s;
  }
  return kernel;
}

absl::Status Kernel::EnsureVdso() {
  absl::call_once(vdso_once_, [this] {
    VdsoVmo::Constants constants;
    constants.syscall_entry = engine().syscall_entry();
    constants.physmem_bytes = frames().stats().total.bytes().value();
    vdso_status_ = vdso_.Init(koids_, frames(), constants);
  });
  return vdso_status_;
}

Kernel::~Kernel() { Stop(); }

void Kernel::Stop() {
  for (const auto& process : root_job_->Kill(ZX_TASK_RETCODE_SYSCALL_KILL)) process->WaitUntilDead();
  EmptyGraveyard();
}

zx_time_t Kernel::Now() const {
  if (virtual_clock_ != nullptr) return virtual_clock_->Now();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void Kernel::WriteConsole(absl::string_view text) {
  absl::MutexLock lock(&console_mutex_);
  if (options_.console) options_.console(text);
}

zx_status_t Kernel::CreateProcess(const std::shared_ptr<JobDispatcher>& job, absl::string_view name,
                                  std::optional<mm::VirtRange> needed, std::shared_ptr<ProcessDispatcher>* process,
                                  std::shared_ptr<VmarDispatcher>* root_vmar, std::string* why) {
  EmptyGraveyard();
  auto space = machine_->CreateSpace(needed);
  if (!space.ok()) {
    if (why != nullptr) *why = std::string(space.status().message());
    return ToZxStatus(space.status());
  }
  auto made = std::make_shared<ProcessDispatcher>(*this, job, *std::move(space));
  made->set_name(name);
  if (const zx_status_t s = job->AddProcess(made); s != ZX_OK) return s;
  *root_vmar = std::make_shared<VmarDispatcher>(koids_, made->space(), made->aspace().root());
  const mm::VirtRange range = made->aspace().range();
  Log("process %d '%s' made, its addresses [%#x, %#x)", made->koid(), made->name(), range.base.value(),
      range.end().value());
  *process = std::move(made);
  return ZX_OK;
}

zx_status_t Kernel::CreateVmo(uint64_t size, bool resizable, std::shared_ptr<VmoDispatcher>* out) {
  auto vmo = mm::VmObject::Create(frames(), mm::ByteSize(size), resizable);
  if (!vmo.ok()) return ToZxStatus(vmo.status());
  *out = std::make_shared<VmoDispatcher>(koids_, *std::move(vmo), size);
  return ZX_OK;
}

void Kernel::KillByException(ThreadDispatcher& thread, CrashReport report) const {
  ProcessDispatcher& process = thread.process();
  report.process = process.name();
  report.process_koid = process.koid();
  report.thread = thread.name();
  report.thread_koid = thread.koid();
  report.guest = &process;
  Log("thread %d of process %d died of %s", thread.koid(), process.koid(), ExceptionName(report.type));
  // This thread still runs, so that the process stays whole until it was reported.
  if (process.Exit(ZX_TASK_RETCODE_EXCEPTION_KILL) && options_.on_crash) options_.on_crash(report);
}

void Kernel::Bury(std::unique_ptr<platform::GuestThread> guest) {
  absl::MutexLock lock(&graveyard_mutex_);
  graveyard_.push_back(std::move(guest));
}

void Kernel::EmptyGraveyard() {
  std::vector<std::unique_ptr<platform::GuestThread>> dead;
  absl::MutexLock lock(&graveyard_mutex_);
  dead.swap(graveyard_);
}

zx_status_t Kernel::AnswerFault(ProcessDispatcher& process, mm::VirtAddr address, mm::Access access) {
  counters_.faults.fetch_add(1, std::memory_order_relaxed);
  return WithPages([&](mm::PageWait& wait) {
    if (!has_resident_spaces_.load(std::memory_order_relaxed)) {
      return process.aspace().HandleFault(address, access, &wait);
    }
    platform::TakenOut taken_out(/*may_allocate=*/false);
    absl::Status answer = process.aspace().HandleFault(address, access, &wait);
    if (!taken_out.empty()) ShowAgain(taken_out);
    return answer;
  });
}

void Kernel::AddResidentSpace(const std::shared_ptr<GuestSpace>& space) {
  absl::MutexLock lock(&resident_mutex_);
  std::erase_if(resident_spaces_, [](const std::weak_ptr<GuestSpace>& weak) { return weak.expired(); });
  resident_spaces_.push_back(space);
  has_resident_spaces_ = true;
}

absl::InlinedVector<std::shared_ptr<GuestSpace>, 4> Kernel::ResidentSpaces() {
  absl::InlinedVector<std::shared_ptr<GuestSpace>, 4> spaces;
  absl::MutexLock lock(&resident_mutex_);
  for (const std::weak_ptr<GuestSpace>& weak : resident_spaces_) {
    if (auto space = weak.lock()) spaces.push_back(std::move(space));
  }
  return spaces;
}

void Kernel::ShowAgain(platform::TakenOut& taken_out) {
  const auto spaces = ResidentSpaces();
  // Showing may take out something else: at most as often as there are operations of other threads.
  while (!taken_out.empty()) {
    for (const platform::TakenOut::Range& taken : taken_out.Take()) {
      for (const auto& space : spaces) {
        if (&space->table() == taken.table) space->Show(taken.range);
      }
    }
  }
}

void Kernel::ShowGrown(const mm::VmObject& vmo) {
  if (!has_resident_spaces_ || vmo.mapping_count() == 0) return;
  for (const auto& space : ResidentSpaces()) {
    for (const mm::VirtRange range : space->aspace()->RangesOf(vmo)) space->Show(range);
  }
}

uint64_t Kernel::Call(ThreadDispatcher& thread, uint64_t number, const std::array<uint64_t, 8>& words) {
  counters_.syscalls[number].fetch_add(1, std::memory_order_relaxed);
  const ThreadDispatcher::AsCurrent current(thread);
  const Caller caller{*this, thread.process(), thread, thread.process().user_memory()};
  if (options_.tracer != nullptr) [[unlikely]]
    options_.tracer->Enter(caller, number, words);
  uint64_t result = 0;
  if (has_resident_spaces_.load(std::memory_order_relaxed)) {
    platform::TakenOut taken_out(/*may_allocate=*/true);
    result = DispatchSyscall(caller, number, words);
    if (!taken_out.empty()) ShowAgain(taken_out);
  } else {
    result = DispatchSyscall(caller, number, words);
  }
  if (options_.tracer != nullptr) [[unlikely]]
    options_.tracer->Leave(caller, number, words, result);
  return result;
}

platform::SyscallAnswer Kernel::OnSyscall(platform::GuestThread& guest, const platform::SyscallArguments& arguments) {
  ThreadDispatcher& thread = ThreadOf(guest);
  if (arguments.number >= SyscallCount()) [[unlikely]] {
    // Only a program that jumps into the vDSO's middle gets here.
    CrashReport report;
    report.type = ZX_EXCP_POLICY_ERROR;
    report.policy_code = ZX_EXCP_POLICY_CODE_BAD_SYSCALL;
    report.registers.rip = arguments.pc;
    KillByException(thread, std::move(report));
    return {0, platform::Disposition::kEnd};
  }
  const uint64_t result = Call(thread, arguments.number, arguments.args);
  return {result, ResumeUnlessKilled(thread)};
}

platform::Disposition Kernel::OnFault(platform::GuestThread& guest, const platform::FaultInfo& fault,
                                      platform::GuestRegisters& registers) {
  ThreadDispatcher& thread = ThreadOf(guest);
  const ThreadDispatcher::AsCurrent current(thread);
  const zx_status_t answer = AnswerFault(thread.process(), fault.address, fault.access);
  if (answer != ZX_OK) {
    if (thread.killed()) return platform::Disposition::kEnd;
    CrashReport report;
    report.type = ZX_EXCP_FATAL_PAGE_FAULT;
    report.registers = registers;
    if (fault.known_address) report.address = fault.address;
    report.access = fault.access;
    report.status = answer;
    KillByException(thread, std::move(report));
  }
  return ResumeUnlessKilled(thread);
}

platform::Disposition Kernel::OnException(platform::GuestThread& guest, const platform::ExceptionInfo& exception,
                                          platform::GuestRegisters& registers) {
  ThreadDispatcher& thread = ThreadOf(guest);
  counters_.exceptions.fetch_add(1, std::memory_order_relaxed);
  CrashReport report;
  report.type = ExceptionType(exception.kind);
  report.registers = registers;
  report.vector = exception.vector;
  if (exception.kind == platform::ExceptionKind::kRawSyscall) report.policy_code = ZX_EXCP_POLICY_CODE_BAD_SYSCALL;
  if (exception.kind == platform::ExceptionKind::kHostMemory) {
    report.address = exception.address;
    report.status = ZX_ERR_NO_MEMORY;
  }
  KillByException(thread, std::move(report));
  return ResumeUnlessKilled(thread);
}

platform::Disposition Kernel::OnInterrupt(platform::GuestThread& guest) { return ResumeUnlessKilled(ThreadOf(guest)); }

void Kernel::OnThreadEnd(platform::GuestThread& guest) {
  // The thread object may go with its process's list, the process with the thread.
  const auto thread = std::static_pointer_cast<ThreadDispatcher>(ThreadOf(guest).shared_from_this());
  thread->process().OnThreadEnded(*thread);
}

}  // namespace zirconia::kernel
