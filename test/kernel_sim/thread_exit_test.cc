// zx_vmar_unmap_handle_close_thread_exit, by a guest: what it does to its own stack no host program can try.
#include <zircon/syscalls/exception.h>
#include <zircon/syscalls/object.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "kernel_sim/kernel.h"
#include "kernel_sim/loader/launch.h"

namespace zirconia::kernel {
namespace {

TEST_CASE("threads unmap their own stack, close their own handle, and end; a bad handle is their trap", "[kernel]") {
  const auto file = ReadWholeFile(ZIRCONIA_GUESTS "/detached");
  REQUIRE(file.ok());
  std::string console;
  std::vector<uint32_t> crashes;
  Kernel::Options options;
  options.console = [&](absl::string_view text) { console.append(text.data(), text.size()); };
  options.on_crash = [&](const CrashReport& report) { crashes.push_back(report.type); };
  const auto kernel = Kernel::Create(std::move(options));
  REQUIRE(kernel.ok());
  LaunchOptions launch;
  launch.name = "detached";
  launch.arguments = {"detached"};
  const auto launched = LaunchProgram(**kernel, *file, launch);
  REQUIRE(launched.ok());
  launched->process->WaitUntilDead();
  CHECK(console == "ok a_thread_unmaps_its_stack_and_ends\n");
  CHECK(launched->process->return_code() == ZX_TASK_RETCODE_EXCEPTION_KILL);
  CHECK(crashes == std::vector<uint32_t>{ZX_EXCP_UNDEFINED_INSTRUCTION});
}

}  // namespace
}  // namespace zirconia::kernel
