// A whole kernel on this host's machine, without a guest program.
#include "kernel_sim/kernel.h"

#include <zircon/syscalls/object.h>

#include <catch2/catch.hpp>

#include "kernel_sim/loader/launch.h"
#include "kernel_sim/status.h"
#include "kernel_sim/thread.h"
#include "mm/vm_address_region.h"

namespace zirconia::kernel {
namespace {

using Catch::Matchers::Contains;

std::unique_ptr<Kernel> MakeKernel(uint64_t memory = uint64_t{64} << 20) {
  Kernel::Options options;
  options.machine.memory = mm::ByteSize(memory);
  auto kernel = Kernel::Create(std::move(options));
  REQUIRE(kernel.ok());
  return *std::move(kernel);
}

struct Child {
  std::shared_ptr<ProcessDispatcher> process;
  std::shared_ptr<VmarDispatcher> vmar;
  explicit Child(Kernel& kernel) {
    REQUIRE(kernel.CreateProcess(kernel.root_job(), "child", std::nullopt, &process, &vmar) == ZX_OK);
  }
};

TEST_CASE("processes have address spaces of their own", "[kernel]") {
  const auto kernel = MakeKernel();
  const Child a(*kernel);
  const Child b(*kernel);
  CHECK_FALSE(a.process->aspace().range().Overlaps(b.process->aspace().range()));
  CHECK(kernel->root_job()->processes().size() == 2);
}

TEST_CASE("a process that never ran can be filled, read, and killed", "[kernel]") {
  const auto kernel = MakeKernel();
  const Child child(*kernel);
  std::shared_ptr<VmoDispatcher> vmo;
  REQUIRE(kernel->CreateVmo(mm::kPageSize, false, &vmo) == ZX_OK);
  mm::VmAddressRegion::MapRequest map;
  map.vmo = vmo->vmo();
  map.size = mm::ByteSize(mm::kPageSize);
  map.protection = map.max_protection = mm::Protection::ReadWrite();
  const auto address = child.vmar->region().Map(map);
  REQUIRE(address.ok());
  const uint64_t value = 0x1234;
  CHECK(child.process->memory().CopyOut(address->value(), &value, sizeof(value)) == ZX_OK);
  uint64_t back = 0;
  CHECK(child.process->memory().CopyIn(&back, address->value(), sizeof(back)) == ZX_OK);
  CHECK(back == value);
  CHECK(child.process->memory().CopyIn(&back, address->value() + mm::kPageSize - 4, sizeof(back)) ==
        ZX_ERR_INVALID_ARGS);

  child.process->Exit(7);
  child.process->WaitUntilDead();
  CHECK(child.process->return_code() == 7);
  CHECK((child.process->signals() & ZX_PROCESS_TERMINATED) != 0);
  CHECK(child.process->memory().CopyIn(&back, address->value(), sizeof(back)) == ZX_ERR_INVALID_ARGS);
  CHECK_FALSE(child.vmar->region().alive());
  CHECK(kernel->root_job()->processes().empty());
}

TEST_CASE("nothing of the machine is lost when processes come and go", "[kernel]") {
  const auto kernel = MakeKernel();
  const auto frames = kernel->frames().stats().used;
  uint64_t mappings = 0;
  for (int i = 0; i < 200; ++i) {
    const Child child(*kernel);
    std::shared_ptr<ThreadDispatcher> thread;
    REQUIRE(child.process->CreateThread("t", &thread) == ZX_OK);
    child.process->Exit(0);
    if (i == 0) mappings = kernel->machine().HostMappings();
  }
  CHECK(kernel->frames().stats().used == frames);
  CHECK(kernel->machine().HostMappings() <= mappings);
}

TEST_CASE("the last handle of a process that was never started takes the process with it", "[kernel]") {
  const auto kernel = MakeKernel();
  Child child(*kernel);
  Handle(child.process, child.process->default_rights()).Close();
  CHECK(child.process->state() == ProcessDispatcher::State::kDead);
}

TEST_CASE("a killed job takes no process any more", "[kernel]") {
  const auto kernel = MakeKernel();
  const Child child(*kernel);
  kernel->root_job()->Kill(ZX_TASK_RETCODE_SYSCALL_KILL);
  CHECK(child.process->return_code() == ZX_TASK_RETCODE_SYSCALL_KILL);
  std::shared_ptr<ProcessDispatcher> process;
  std::shared_ptr<VmarDispatcher> vmar;
  CHECK(kernel->CreateProcess(kernel->root_job(), "late", std::nullopt, &process, &vmar) == ZX_ERR_BAD_STATE);
}

TEST_CASE("the vDSO's code is mapped once in a process, executable and unchangeable", "[kernel]") {
  const auto kernel = MakeKernel();
  const Child child(*kernel);
  const auto base = kernel->vdso().MapInto(*child.process);
  REQUIRE(base.ok());
  CHECK(child.process->vdso_base() == *base);
  CHECK(absl::IsAlreadyExists(kernel->vdso().MapInto(*child.process).status()));
  const mm::VirtRange code{mm::VirtAddr(*base + kernel->vdso().code_offset()),
                           mm::ByteSize(kernel->vdso().code_size())};
  auto& root = child.vmar->region();
  const absl::Status unmapped = root.Unmap(code);
  CHECK(ToZxStatus(unmapped) != ZX_OK);
  bool found = false;
  for (const mm::RegionInfo& r : child.process->aspace().Regions()) {
    found |= r.is_mapping && r.range == code && r.protection == mm::Protection::ReadExecute();
  }
  CHECK(found);
}

TEST_CASE("two kernels in one process don't know of each other", "[kernel]") {
  const auto a = MakeKernel();
  const auto b = MakeKernel();
  const Child in_a(*a);
  CHECK(b->root_job()->processes().empty());
  CHECK(&a->frames() != &b->frames());
}

TEST_CASE("a program that can't be loaded leaves no process, and the error says why", "[kernel]") {
  const auto kernel = MakeKernel();
  const std::vector<std::byte> junk(100);
  const auto launched = LaunchProgram(*kernel, junk, LaunchOptions());
  REQUIRE_FALSE(launched.ok());
  CHECK_THAT(std::string(launched.status().message()), Contains("ELF"));
  CHECK(kernel->root_job()->processes().empty());
}

TEST_CASE("a file becomes a VMO with its bytes, and an error names the file", "[kernel]") {
  const auto kernel = MakeKernel(uint64_t{1} << 20);
  const auto missing = VmoFromFile(*kernel, "/nonexistent/file", "x");
  CHECK_THAT(std::string(missing.status().message()), Contains("/nonexistent/file"));
  const auto self = ReadWholeFile("/proc/self/exe");
  REQUIRE(self.ok());
  const auto too_large = VmoFromFile(*kernel, "/proc/self/exe", "x");
  CHECK_THAT(std::string(too_large.status().message()), Contains("--memory"));

  const auto large_kernel = MakeKernel(uint64_t{1} << 30);
  const auto vmo = VmoFromFile(*large_kernel, "/proc/self/exe", "self");
  REQUIRE(vmo.ok());
  CHECK((*vmo)->content_size() == self->size());
  CHECK((*vmo)->name() == "self");
  std::vector<std::byte> content(self->size());
  REQUIRE((*vmo)->vmo()->Read(mm::ByteSize(0), absl::MakeSpan(content)).ok());
  CHECK((content == *self));
}

}  // namespace
}  // namespace zirconia::kernel
