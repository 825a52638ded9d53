// Guest programs run by a kernel in this process.
#include <zircon/syscalls/exception.h>
#include <zircon/syscalls/object.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernel_sim/kernel.h"
#include "kernel_sim/loader/launch.h"
#include "platform/host_linux.h"

namespace zirconia::kernel {
namespace {

long HostMappingLines() {
  std::ifstream maps("/proc/self/maps");
  return std::count(std::istreambuf_iterator<char>(maps), {}, '\n');
}

TEST_CASE("threads that have ended give their host threads back while the guest runs", "[kernel]") {
  const auto file = ReadWholeFile(ZIRCONIA_GUESTS "/many_threads");
  REQUIRE(file.ok());
  long before = 0;
  long at_exit = 0;
  Kernel::Options options;
  options.on_exit = [&](ProcessDispatcher&) { at_exit = HostMappingLines(); };
  const auto kernel = Kernel::Create(std::move(options));
  REQUIRE(kernel.ok());
  LaunchOptions launch;
  launch.name = "many_threads";
  launch.arguments = {"many_threads"};
  launch.before_start = [&](const LaunchedProgram&) { before = HostMappingLines(); };
  const auto launched = LaunchProgram(**kernel, *file, launch);
  REQUIRE(launched.ok());
  launched->process->WaitUntilDead();
  CHECK(launched->process->return_code() == 0);
  // Of the 500 threads, each with a stack and a guard, few may still be there.
  CHECK(at_exit - before < 250);
}

// Refuses to map memory in one range, once it is armed.
class RefusingHost final : public platform::ForwardingHost {
 public:
  using ForwardingHost::ForwardingHost;
  platform::HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                                       uint64_t offset) override {
    const uint64_t refused_from = base_of_refused;
    if (fd >= 0 && refused_from != 0 && address - refused_from < mm::ByteSize(uint64_t{1} << 30).value()) {
      ++refused;
      return {0, ENOMEM};
    }
    return base().Mmap(address, length, protection, flags, fd, offset);
  }
  std::atomic<uint64_t> base_of_refused{0};
  std::atomic<int> refused{0};
};

TEST_CASE("where the host refuses a range for good, the guest that touches it ends with a report, and no other",
          "[kernel]") {
  platform::LinuxHost linux_host;
  RefusingHost host(linux_host);
  std::vector<CrashReport> reports;
  Kernel::Options options;
  options.machine.host = &host;
  options.on_crash = [&](const CrashReport& report) { reports.push_back(report); };
  const auto kernel = Kernel::Create(std::move(options));
  REQUIRE(kernel.ok());
  const auto launch = [&](const std::string& name, bool refused) {
    const auto file = ReadWholeFile(absl::StrCat(ZIRCONIA_GUESTS "/", name));
    REQUIRE(file.ok());
    LaunchOptions how;
    how.name = name;
    how.arguments = {name, "20000"};
    if (refused) {
      how.before_start = [&](const LaunchedProgram& program) {
        host.base_of_refused = program.process->aspace().range().base.value();
      };
    }
    const auto launched = LaunchProgram(**kernel, *file, how);
    REQUIRE(launched.ok());
    return launched->process;
  };
  const auto other = launch("remap_race", false);
  const auto victim = launch("hello", true);
  victim->WaitUntilDead();
  CHECK(victim->return_code() == ZX_TASK_RETCODE_EXCEPTION_KILL);
  // It was tried again before it was given up.
  CHECK(host.refused > 5);
  other->WaitUntilDead();
  CHECK(other->return_code() == 0);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].process == "hello");
  CHECK(reports[0].type == ZX_EXCP_FATAL_PAGE_FAULT);
  CHECK(reports[0].status == ZX_ERR_NO_MEMORY);
  // With the host at its senses again, the same machine runs the same program.
  host.base_of_refused = 0;
  const auto again = launch("hello", false);
  again->WaitUntilDead();
  CHECK(again->return_code() == 1);  // the number of its arguments
}

}  // namespace
}  // namespace zirconia::kernel
