#include <stdexcept>
#include <utility>

#include "absl/types/span.h"
#include "kernel_sim/kernel.h"
#include "kernel_sim/library/library_thread.h"
#include "mm/software_page_table.h"
#include "mm/verify.h"
#include "platform/engine/safe_copy.h"
#include "zirconia/testing/kernel.h"

namespace zirconia::testing {

using kernel::Attachment;
using kernel::LibraryProcess;

struct Kernel::Impl {
  std::unique_ptr<kernel::Kernel> kernel;
  std::shared_ptr<LibraryProcess> process;
  std::optional<Attachment> attachment;

  // Null on a host machine.
  mm::SoftwarePageTable* software_table() const {
    return kernel->machine().native() ? nullptr : static_cast<mm::SoftwarePageTable*>(&process->space()->table());
  }
};

Kernel::Kernel(KernelOptions options) : impl_(std::make_unique<Impl>()) {
  kernel::Kernel::Options made;
  made.machine.kind =
      options.page_table == PageTable::kHost ? kernel::Machine::Kind::kHost : kernel::Machine::Kind::kSoftware;
  made.machine.engine_at_once = false;
  made.vdso_at_once = false;
  made.machine.memory = mm::ByteSize(options.memory);
  made.machine.layout_seed = options.layout_seed;
  if (options.console) {
    made.console = [console = std::move(options.console)](absl::string_view text) {
      console(std::string_view(text.data(), text.size()));
    };
  }
  auto kernel = kernel::Kernel::Create(std::move(made));
  if (!kernel.ok()) throw std::runtime_error(std::string(kernel.status().message()));
  impl_->kernel = *std::move(kernel);
  std::string why;
  if (LibraryProcess::Create(*impl_->kernel, "test", LibraryProcess::Ending::kThrow, &impl_->process, &why) != ZX_OK) {
    throw std::runtime_error(why);
  }
  impl_->attachment.emplace(impl_->process, "test");
}

Kernel::~Kernel() {
  impl_->attachment.reset();
  impl_->process.reset();
  impl_->kernel->Stop();
}

Kernel::Use::Use(Kernel& kernel) : attachment_(new Attachment(kernel.impl_->process, "test")) {}
Kernel::Use::~Use() { delete static_cast<Attachment*>(attachment_); }

bool Kernel::LoadBytes(zx_vaddr_t address, void* to, size_t size) const {
  mm::SoftwarePageTable* const table = impl_->software_table();
  if (table == nullptr) return size == 0 || platform::SafeCopy(to, reinterpret_cast<const void*>(address), size);
  const auto fault = [&](mm::VirtAddr a, mm::Access access) {
    return impl_->kernel->AnswerFault(*impl_->process, a, access);
  };
  return table->Load(mm::VirtAddr(address), {static_cast<std::byte*>(to), size}, fault).ok();
}

bool Kernel::StoreBytes(zx_vaddr_t address, const void* from, size_t size) {
  mm::SoftwarePageTable* const table = impl_->software_table();
  if (table == nullptr) return size == 0 || platform::SafeCopy(reinterpret_cast<void*>(address), from, size);
  const auto fault = [&](mm::VirtAddr a, mm::Access access) {
    return impl_->kernel->AnswerFault(*impl_->process, a, access);
  };
  return table->Store(mm::VirtAddr(address), {static_cast<const std::byte*>(from), size}, fault).ok();
}

void Kernel::FailAllocation(uint64_t n) { impl_->kernel->frames().FailAfter(n); }

uint64_t Kernel::pages_used() const { return impl_->kernel->frames().stats().used.value(); }

std::string Kernel::Verify() const {
  absl::Status status = impl_->process->aspace().Verify();
  if (status.ok()) status = impl_->kernel->frames().Verify();
  return std::string(status.message());
}

kernel::Kernel& Kernel::object() const { return *impl_->kernel; }

}  // namespace zirconia::testing
