// How programs that use the host library end, and where their faults go.
#include <signal.h>

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "test/support/command.h"

namespace zirconia {
namespace {

// A sanitizer leaves the signals alone: how the program ends without one is what is looked at.
test::CommandResult Run(const char* way) {
  const std::string leave_signals = "handle_segv=0:handle_sigbus=0:handle_abort=0";
  return test::RunCommand({"/usr/bin/env", "ASAN_OPTIONS=detect_leaks=0:" + leave_signals,
                           "TSAN_OPTIONS=" + leave_signals, LIBRARY_PROGRAM, way},
                          60);
}

void CheckExits(const char* way, int code) {
  INFO(way);
  const test::CommandResult result = Run(way);
  INFO(result.err);
  CHECK(result.signal == 0);
  CHECK(result.exit_code == code);
}

void CheckDies(const char* way, int signal) {
  INFO(way);
  const test::CommandResult result = Run(way);
  INFO(result.err);
  CHECK(result.signal == signal);
}

TEST_CASE("a fault on mapped memory is answered, and keeps errno", "[library]") { CheckExits("works", 0); }

TEST_CASE("answering a fault, or finding that there is no answer, doesn't call the C library's allocator",
          "[library]") {
  // A sanitizer has an allocator of its own.
  if (std::string_view(B_SANITIZE) != "none") return;
  const test::CommandResult result = test::RunCommand({FAULT_PATH_PROGRAM}, 60);
  INFO(result.err);
  CHECK(result.signal == 0);
  CHECK(result.exit_code == 0);
}

TEST_CASE("a fault elsewhere, or that the kernel can't answer, kills as it does without the library", "[library]") {
  CheckDies("null", SIGSEGV);
  CheckDies("beyond", SIGSEGV);
  CheckDies("unmapped", SIGSEGV);
  CheckDies("ignored", SIGSEGV);
  CheckDies("abort", SIGABRT);
  CheckDies("raise", SIGSEGV);
  CheckDies("stack-overflow", SIGSEGV);
}

TEST_CASE("a program's own handler gets what isn't the kernel's, with the address", "[library]") {
  CheckExits("own-handler", 42);
}

TEST_CASE("zx_vmar_map puts the fault handler in front of one that was installed later", "[library]") {
  CheckExits("later-handler", 42);
}

TEST_CASE("a thread that never made a call has its faults answered", "[library]") {
  CheckExits("touch-only-thread", 0);
}

TEST_CASE("faults are answered on an alternate stack too", "[library]") { CheckExits("alternate-stack", 0); }

TEST_CASE("a fault may happen while the C library holds a lock", "[library]") { CheckExits("stdio", 0); }

TEST_CASE("the child of a fork is refused what would change its parent's kernel, and may have its own", "[library]") {
  const test::CommandResult result = Run("fork");
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK(result.err.find(
            "zirconia: zx_vmo_write in the child of a fork is refused: the simulated kernel is the parent's") !=
        std::string::npos);
  CHECK(result.err.find("handle_close") == std::string::npos);
}

TEST_CASE("zx_process_exit ends the program with its code, from any thread", "[library]") {
  CheckExits("exit", 7);
  CheckExits("exit-elsewhere", 8);
}

TEST_CASE("a program that kills its own process is killed", "[library]") {
  CheckDies("kill", SIGKILL);
  CheckDies("kill-elsewhere", SIGKILL);
}

TEST_CASE("a program may end by returning from main, and make calls until the very end", "[library]") {
  CheckExits("return", 5);
  CheckExits("at-exit", 0);
}

TEST_CASE("zx_thread_exit ends the host thread only", "[library]") {
  CheckExits("thread-exit", 0);
  CheckExits("main-thread-exit", 6);
}

TEST_CASE("a call that can't report a bad pointer ends the program", "[library]") { CheckDies("bad-draw", SIGABRT); }

}  // namespace
}  // namespace zirconia
