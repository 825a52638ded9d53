// Guest programs run by a kernel in this process.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string>

#include "kernel_sim/kernel.h"
#include "kernel_sim/loader/launch.h"

namespace zirconia::kernel {
namespace {

long HostMappingLines() {
  std::ifstream maps("/proc/self/maps");
  return std::count(std::istreambuf_iterator<char>(maps), {}, '\n');
}

TEST_CASE("threads that have ended give their host threads back while the guest runs", "[kernel]") {
  const auto file = ReadWholeFile(std::string(ZIRCONIA_GUESTS) + "/many_threads");
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

}  // namespace
}  // namespace zirconia::kernel
