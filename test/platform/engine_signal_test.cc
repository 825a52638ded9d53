// Faults of host code: recovered from where that was provided for, and else what they are without the engine.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <thread>

#include "platform/engine/safe_copy.h"
#include "platform/engine/signals.h"
#include "test/platform/engine_test_machine.h"

GUEST(exit);
GUEST(read);
GUEST(undefined);
GUEST(call_with_odd_state);

namespace zirconia::platform {
namespace {

// Runs `body` in a child process that has the default action for `signal` beneath the engine's handler; returns the
// child's wait status.
template <typename Body>
int RunInChild(int signal, Body body) {
  const pid_t child = fork();
  if (child == 0) {
    ::signal(signal, SIG_DFL);
    ::signal(SIGALRM, SIG_DFL);
    alarm(60);
    engine::InstallSignalHandlers();
    body();
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

bool DiedBy(int status, int signal) { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }

void ReadNull() {
  uint64_t value;
  asm volatile("mov (%%rcx), %%rax; nop" : "=a"(value) : "c"(uint64_t{16}));
}

TEST_CASE("a host fault still ends the process by its signal", "[engine]") {
  SECTION("on a thread of the host") {
    CHECK(DiedBy(RunInChild(SIGSEGV, ReadNull), SIGSEGV));
    CHECK(DiedBy(RunInChild(SIGILL, [] { asm volatile("ud2"); }), SIGILL));
    CHECK(DiedBy(RunInChild(SIGTRAP, [] { asm volatile("int3"); }), SIGTRAP));
    CHECK(DiedBy(RunInChild(SIGSEGV, [] { raise(SIGSEGV); }), SIGSEGV));
  }
  SECTION("in the kernel's answer to a guest") {
    const auto run = [](const char* program) {
      return RunInChild(SIGSEGV, [program] {
        TestMachine machine;
        machine.kernel.on_syscall = [](GuestThread&, const SyscallArguments&) {
          ReadNull();
          return End();
        };
        machine.kernel.on_fault = [](GuestThread&, const FaultInfo&, GuestRegisters&) {
          ReadNull();
          return Disposition::kEnd;
        };
        machine.Run(program);
      });
    };
    CHECK(DiedBy(run(guest_call_with_odd_state), SIGSEGV));
    CHECK(DiedBy(run(guest_read), SIGSEGV));
  }
}

int g_handled = 0;
struct sigaction g_found;

void SkipReadNull(int, siginfo_t* info, void* context) {
  ++g_handled;
  if (info->si_addr != reinterpret_cast<void*>(16)) _exit(3);
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP] += 3;
}

// What test frameworks do.
void PutBackAndRaise(int signal) {
  if (++g_handled > 1) _exit(3);
  sigaction(signal, &g_found, nullptr);
  raise(signal);
}

TEST_CASE("a host fault reaches the handler that was there before", "[engine]") {
  SECTION("which can repair it") {
    const int status = RunInChild(SIGSEGV, [] {
      struct sigaction action {};
      action.sa_flags = SA_SIGINFO;
      action.sa_sigaction = SkipReadNull;
      sigaction(SIGSEGV, &action, nullptr);
      engine::InstallSignalHandlers();
      ReadNull();
      ReadNull();
      _exit(g_handled == 2 ? 7 : 4);
    });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
  }
  SECTION("which can put back what it found, and die of it") {
    const auto run = [](bool found_ours, int flags) {
      return RunInChild(SIGSEGV, [=] {
        if (!found_ours) ::signal(SIGSEGV, SIG_DFL);
        struct sigaction action {};
        action.sa_flags = flags;
        action.sa_handler = PutBackAndRaise;
        sigaction(SIGSEGV, &action, &g_found);
        engine::InstallSignalHandlers();
        ReadNull();
      });
    };
    CHECK(DiedBy(run(true, 0), SIGSEGV));
    CHECK(DiedBy(run(true, SA_NODEFER), SIGSEGV));
    CHECK(DiedBy(run(false, 0), SIGSEGV));
  }
}

TEST_CASE("handlers that were exchanged are put in place again", "[engine]") {
  const int status = RunInChild(SIGSEGV, [] {
    TestMachine machine;
    ::signal(SIGSEGV, SIG_DFL);
    machine.Run(guest_read);
    _exit(machine.kernel.faults.size() == 1 ? 7 : 3);
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
}

class SafeCopyPages {
 public:
  // A page, and behind it one that can't be touched.
  SafeCopyPages()
      : base_(static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    mprotect(base_ + 4096, 4096, PROT_NONE);
  }
  ~SafeCopyPages() { munmap(base_, 8192); }
  char* end() const { return base_ + 4096; }

 private:
  char* const base_;
};

TEST_CASE("a safe copy copies", "[engine]") {
  EnableSafeCopy();
  char from[300];
  std::iota(from, from + sizeof(from), 0);
  for (size_t size = 0; size <= sizeof(from); ++size) {
    char to[300] = {};
    REQUIRE(SafeCopy(to, from, size));
    REQUIRE(std::memcmp(to, from, size) == 0);
    for (size_t i = size; i < sizeof(to); ++i) REQUIRE(to[i] == 0);
  }
}

TEST_CASE("a safe copy reports memory that can't be touched", "[engine]") {
  EnableSafeCopy();
  SafeCopyPages pages;
  char buffer[4096] = {};
  for (const size_t size : {1, 2, 7, 8, 9, 15, 16, 17, 64, 1000, 4096}) {
    INFO("size " << size);
    CHECK(SafeCopy(buffer, pages.end() - size, size));
    CHECK(SafeCopy(pages.end() - size, buffer, size));
    CHECK_FALSE(SafeCopy(buffer, pages.end() - size + 1, size));
    CHECK_FALSE(SafeCopy(pages.end() - size + 1, buffer, size));
    CHECK_FALSE(SafeCopy(buffer, nullptr, size));
  }
  CHECK(SafeCopy(nullptr, nullptr, 0));
}

TEST_CASE("a safe copy survives a file that ends early", "[engine]") {
  EnableSafeCopy();
  std::FILE* const empty = std::tmpfile();
  REQUIRE(empty != nullptr);
  void* const beyond = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(empty), 0);
  REQUIRE(beyond != MAP_FAILED);
  char buffer[64] = {};
  CHECK_FALSE(SafeCopy(buffer, beyond, sizeof(buffer)));
  CHECK_FALSE(SafeCopy(beyond, buffer, sizeof(buffer)));
  munmap(beyond, 4096);
  std::fclose(empty);
}

TEST_CASE("a safe copy works in every call of the kernel", "[engine]") {
  TestMachine machine;
  const auto fails = [] {
    char buffer[64];
    return !SafeCopy(buffer, reinterpret_cast<void*>(0x1000), sizeof(buffer));
  };
  int failed = 0;
  machine.kernel.on_syscall = [&](GuestThread&, const SyscallArguments&) {
    failed += fails();
    return Answer(0);
  };
  machine.kernel.on_exception = [&](GuestThread&, const ExceptionInfo&, GuestRegisters&) {
    failed += fails();
    return Disposition::kEnd;
  };
  machine.Run(guest_call_with_odd_state);
  CHECK(failed == 2);
  machine.Run(guest_undefined);
  CHECK(failed == 3);
  // The guest's own state is as untouched by it as by anything else.
  CHECK((machine.window.word(0x100) & 0xffc0) == 0xdfc0);
}

}  // namespace
}  // namespace zirconia::platform
