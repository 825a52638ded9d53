// zx_vmar_unmap_handle_close_thread_exit and zx_futex_wake_handle_close_thread_exit, by guests: what happens to their
// own stacks no host program can try.
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

// Runs a guest that ends by a trap; what it printed.
std::string RunUntilTrap(const char* name) {
  const auto file = ReadWholeFile(std::string(ZIRCONIA_GUESTS "/") + name);
  REQUIRE(file.ok());
  std::string console;
  std::vector<uint32_t> crashes;
  Kernel::Options options;
  options.console = [&](absl::string_view text) { console.append(text.data(), text.size()); };
  options.on_crash = [&](const CrashReport& report) { crashes.push_back(report.type); };
  const auto kernel = Kernel::Create(std::move(options));
  REQUIRE(kernel.ok());
  LaunchOptions launch;
  launch.name = name;
  launch.arguments = {name};
  const auto launched = LaunchProgram(**kernel, *file, launch);
  REQUIRE(launched.ok());
  launched->process->WaitUntilDead();
  CHECK(launched->process->return_code() == ZX_TASK_RETCODE_EXCEPTION_KILL);
  CHECK(crashes == std::vector<uint32_t>{ZX_EXCP_UNDEFINED_INSTRUCTION});
  return console;
}

TEST_CASE("threads unmap their own stack, close their own handle, and end; a bad handle is their trap", "[kernel]") {
  CHECK(RunUntilTrap("detached") == "ok a_thread_unmaps_its_stack_and_ends\n");
}

TEST_CASE("threads write a word and end while their stack is taken away; a misaligned word is their trap", "[kernel]") {
  CHECK(RunUntilTrap("joined") == "ok a_thread_ends_while_its_stack_is_taken_away\n");
}

}  // namespace
}  // namespace zirconia::kernel
