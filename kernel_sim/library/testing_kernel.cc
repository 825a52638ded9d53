#include <zircon/process.h>

#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "kernel_sim/kernel.h"
#include "kernel_sim/library/library_thread.h"
#include "kernel_sim/resource.h"
#include "mm/software_page_table.h"
#include "platform/engine/safe_copy.h"
#include "platform/host_faulty.h"
#include "platform/host_linux.h"
#include "zirconia/testing/kernel.h"

namespace zirconia::testing {

using kernel::Attachment;
using kernel::Handle;
using kernel::LibraryProcess;

namespace {

std::shared_ptr<LibraryProcess> MakeProcess(kernel::Kernel& kernel, std::string_view name) {
  std::shared_ptr<LibraryProcess> process;
  std::string why;
  const zx_status_t status = LibraryProcess::Create(kernel, absl::string_view(name.data(), name.size()),
                                                    LibraryProcess::Ending::kThrow, &process, &why);
  if (status != ZX_OK) throw std::runtime_error("no process can be made: " + why);
  return process;
}

// A host whose calls can be made to fail.
struct UnreliableHost {
  platform::LinuxHost real;
  platform::FaultyHost faulty{real};
};

}  // namespace

struct Kernel::Impl {
  std::unique_ptr<UnreliableHost> host;
  std::unique_ptr<kernel::Kernel> kernel;
  std::shared_ptr<LibraryProcess> process;
  std::optional<Attachment> attachment;

  // The process that this thread's calls go to, if it is one of this kernel's.
  LibraryProcess& current() const {
    const Attachment* const here = Attachment::CurrentOrNull();
    return here != nullptr && &here->process().kernel() == kernel.get() ? here->process() : *process;
  }

  // Calls `access(table, fault)` on a software machine, `native()` on the host.
  template <typename Native, typename Access>
  bool Reach(Native native, Access access) const {
    if (kernel->machine().native()) return native();
    LibraryProcess& process_now = current();
    auto& table = static_cast<mm::SoftwarePageTable&>(process_now.space()->table());
    return access(table,
                  [&](mm::VirtAddr a, mm::Access kind) {
                    return Attachment::AnswerFault(process_now, a, kind) == ZX_OK ? absl::OkStatus()
                                                                                  : absl::UnknownError("");
                  })
        .ok();
  }
};

Kernel::Kernel(KernelOptions options) : impl_(std::make_unique<Impl>()) {
  kernel::Kernel::Options made;
  const bool on_host = options.page_table == PageTable::kHost;
  made.machine.kind = on_host ? kernel::Machine::Kind::kHost : kernel::Machine::Kind::kSoftware;
  made.machine.engine_at_once = false;
  made.vdso_at_once = false;
  made.machine.memory = mm::ByteSize(options.memory);
  made.machine.layout_seed = options.layout_seed;
  made.virtual_time = options.virtual_time;
  made.while_waiting_for_pager = std::move(options.while_waiting_for_pager);
  if (options.host_mappings != 0) made.machine.host_mappings = options.host_mappings;
  if (options.console) {
    made.console = [console = std::move(options.console)](absl::string_view text) {
      console(std::string_view(text.data(), text.size()));
    };
  }
  if (on_host && options.faulty_host) {
    impl_->host = std::make_unique<UnreliableHost>();
    made.machine.host = &impl_->host->faulty;
  }
  absl::StatusOr<std::unique_ptr<kernel::Kernel>> kernel = absl::UnknownError("");
  try {
    kernel = kernel::Kernel::Create(std::move(made));
  } catch (const std::bad_alloc&) {
    throw std::runtime_error("the host has no memory for a machine of " + std::to_string(options.memory) + " bytes");
  }
  if (!kernel.ok()) throw std::runtime_error(std::string(kernel.status().message()));
  impl_->kernel = *std::move(kernel);
  impl_->process = MakeProcess(*impl_->kernel, "test");
  impl_->attachment.emplace(impl_->process, "test");
}

Kernel::~Kernel() {
  StopFailing();
  impl_->attachment.reset();
  impl_->process.reset();
  impl_->kernel->Stop();
}

Kernel::Use::Use(Kernel& kernel) : attachment_(new Attachment(kernel.impl_->process, "test")) {}
Kernel::Use::~Use() { delete static_cast<Attachment*>(attachment_); }

Kernel::Away::Away(Kernel& kernel) : kernel_(kernel) {
  if (auto* const clock = kernel_.object().virtual_clock(); clock != nullptr) clock->RemoveThread();
}
Kernel::Away::~Away() {
  if (auto* const clock = kernel_.object().virtual_clock(); clock != nullptr) clock->AddThread();
}

bool Kernel::LoadBytes(zx_vaddr_t address, void* to, size_t size) const {
  return impl_->Reach([&] { return size == 0 || platform::SafeCopy(to, reinterpret_cast<const void*>(address), size); },
                      [&](mm::SoftwarePageTable& table, auto fault) {
                        return table.Load(mm::VirtAddr(address), {static_cast<std::byte*>(to), size}, fault);
                      });
}

bool Kernel::StoreBytes(zx_vaddr_t address, const void* from, size_t size) {
  return impl_->Reach([&] { return size == 0 || platform::SafeCopy(reinterpret_cast<void*>(address), from, size); },
                      [&](mm::SoftwarePageTable& table, auto fault) {
                        return table.Store(mm::VirtAddr(address), {static_cast<const std::byte*>(from), size}, fault);
                      });
}

void Kernel::FailAllocation(uint64_t n) { impl_->kernel->frames().FailAfter(n); }

void Kernel::FailHostCalls(const HostFailures& failures) {
  if (impl_->host == nullptr) return;
  platform::FaultyHost::Plan plan;
  plan.first = failures.first;
  plan.times = failures.times;
  plan.error = failures.error;
  plan.mode = failures.tears ? platform::FaultMode::kTear : platform::FaultMode::kBefore;
  impl_->host->faulty.Fail(plan);
}

void Kernel::FailHostCallsAtRandom(uint64_t seed, uint64_t one_in) {
  if (impl_->host != nullptr) {
    impl_->host->faulty.FailAtRandom({seed, one_in, platform::HostCallSet::Mapping()});
  }
}

uint64_t Kernel::StopFailing() {
  if (impl_->host == nullptr) return 0;
  const uint64_t failed = impl_->host->faulty.fired();
  impl_->host->faulty.StopFailing();
  return failed;
}

zx_time_t Kernel::Now() const { return impl_->kernel->Now(); }

void Kernel::Advance(zx_duration_t duration) {
  if (auto* const clock = impl_->kernel->virtual_clock(); clock != nullptr) clock->Advance(duration);
}

zx_handle_t Kernel::root_resource() {
  const auto& resource = impl_->kernel->root_resource();
  return impl_->current().handles().Add(Handle(resource, resource->default_rights()));
}

uint64_t Kernel::pages_used() const { return impl_->kernel->frames().stats().used.value(); }

std::string Kernel::Verify() const {
  absl::Status status;
  for (const auto& process : impl_->kernel->root_job()->processes()) {
    if (status.ok()) status = process->aspace().Verify();
  }
  if (status.ok()) status = impl_->kernel->frames().Verify();
  return std::string(status.message());
}

kernel::Kernel& Kernel::object() const { return *impl_->kernel; }

struct Process::Impl {
  std::shared_ptr<LibraryProcess> process;
};

Process::Process(Kernel& kernel, std::string_view name)
    : impl_(std::make_unique<Impl>(Impl{MakeProcess(*kernel.impl_->kernel, name)})) {}

Process::~Process() { impl_->process->Exit(0); }

Process::Enter::Enter(Process& process) : attachment_(new Attachment(process.impl_->process, "test")) {}
Process::Enter::~Enter() { delete static_cast<Attachment*>(attachment_); }

zx_handle_t Process::Give(zx_handle_t handle) {
  std::shared_ptr<kernel::Dispatcher> object;
  zx_rights_t rights = 0;
  if (Attachment::Current().process().handles().Get(handle, &object, &rights) != ZX_OK) return ZX_HANDLE_INVALID;
  return impl_->process->handles().Add(Handle(std::move(object), rights));
}

zx_handle_t Process::MakeHandle() {
  return Attachment::Current().process().handles().Add(Handle(impl_->process, impl_->process->default_rights()));
}

}  // namespace zirconia::testing
