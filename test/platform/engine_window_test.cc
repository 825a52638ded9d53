// Interrupts that arrive at a chosen instruction of the engine.
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstddef>
#include <new>
#include <thread>

#include "platform/engine/context.h"
#include "test/platform/engine_test_machine.h"

GUEST(tour);

namespace zirconia::platform {
namespace {

using namespace std::chrono_literals;

// What the tested process and its tracer share.
struct Shared {
  std::atomic<uint64_t> address{0};         // where the next guest thread is to be stopped
  std::atomic<bool> stopped{false};         // it has been
  std::atomic<bool> interrupted{false};     // the interrupt is on its way to it; it may go on
  std::atomic<int> hits{0};                 // addresses that were reached
  std::atomic<uint64_t> first_bad{0};       // offset + 1 of the first address where an interrupt was lost or did harm
  std::atomic<bool> no_breakpoints{false};  // the host has none
};

template <typename Predicate>
bool WaitFor(Predicate predicate) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

// One guest thread takes the tour and is interrupted where the tracer stops it. False: lost, or harmful.
bool InterruptAt(TestMachine& machine, Shared& shared, uint64_t address) {
  shared.stopped = false;
  shared.interrupted = false;
  shared.address = address;
  std::atomic_ref<uint64_t> spins(machine.window.word(0x100));
  spins = 0;
  bool broken = false;
  int calls_before_interrupt = 0;
  std::atomic<bool> end = false;
  machine.kernel.interrupts = 0;
  machine.kernel.on_syscall = [&](GuestThread& thread, const SyscallArguments& arguments) {
    if (arguments.number == 2) broken = true;
    if (shared.stopped && machine.kernel.interrupts == 0) ++calls_before_interrupt;
    if (arguments.number == 3) thread.set_gs_base(0);
    return arguments.number == 2 ? End() : Answer(0x4321);
  };
  machine.kernel.on_interrupt = [&](GuestThread&) { return end ? Disposition::kEnd : Disposition::kResume; };
  const int ends = machine.kernel.ends;
  const auto ended = [&] { return machine.kernel.ends != ends; };
  auto thread = machine.Create();
  if (!thread->Start(machine.window.StartOf(guest_tour)).ok()) return false;
  bool good = WaitFor([&] { return shared.stopped || spins > 0 || ended(); });
  if (shared.stopped) {
    ++shared.hits;
    thread->Interrupt();
    shared.interrupted = true;
    good = good && WaitFor([&] { return machine.kernel.interrupts > 0; });
    good = good && WaitFor([&] { return spins > 0 || ended(); }) && machine.kernel.interrupts == 1;
  }
  // An address of the way to the thread's end stops it now at the earliest: not what this is about.
  shared.interrupted = true;
  end = true;
  thread->Interrupt();
  good = good && WaitFor(ended);
  if (!good) _exit(1);  // the thread may never end
  // On the way in, the call is still made; behind the last look at the thread's state, nothing is.
  const bool may_call_first = address < reinterpret_cast<uint64_t>(engine::zirconia_engine_exit_window_begin);
  if (calls_before_interrupt > (may_call_first ? 1 : 0)) return false;
  return !broken && machine.kernel.faults.empty() && machine.kernel.exceptions.empty();
}

[[noreturn]] void RunTestedProcess(Shared& shared) {
  raise(SIGSTOP);
  TestMachine machine;
  const uint64_t begin = reinterpret_cast<uint64_t>(engine::zirconia_engine_text_begin);
  const uint64_t size = reinterpret_cast<uint64_t>(engine::zirconia_engine_text_end) - begin;
  for (uint64_t offset = 0; offset < size && !shared.no_breakpoints; ++offset) {
    shared.first_bad = offset + 1;
    if (!InterruptAt(machine, shared, begin + offset)) _exit(1);
  }
  shared.first_bad = 0;
  _exit(0);
}

bool SetBreakpoint(pid_t thread, uint64_t address, bool on) {
  const auto poke = [thread](size_t index, uint64_t value) {
    return ptrace(PTRACE_POKEUSER, thread, offsetof(struct user, u_debugreg) + index * 8, value) == 0;
  };
  return poke(0, address) && poke(7, on ? 1 : 0);
}

void TraceUntilExit(pid_t process, Shared& shared) {
  int status = 0;
  for (;;) {
    const pid_t thread = waitpid(-1, &status, __WALL);
    if (thread < 0) return;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (thread == process) return;
      continue;
    }
    const int event = status >> 16;
    int signal = event == 0 ? WSTOPSIG(status) : 0;
    if (event == PTRACE_EVENT_STOP && thread != process && !SetBreakpoint(thread, shared.address, true)) {
      shared.no_breakpoints = true;
    }
    if (event == 0 && signal == SIGTRAP) {
      signal = 0;
      SetBreakpoint(thread, 0, false);
      shared.stopped = true;
      WaitFor([&] { return shared.interrupted.load(); });
    }
    ptrace(PTRACE_CONT, thread, nullptr, signal);
  }
}

TEST_CASE("an interrupt at any instruction of the engine is met and does no harm", "[engine]") {
  void* const memory = mmap(nullptr, mm::kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  Shared& shared = *new (memory) Shared;
  const pid_t process = fork();
  if (process == 0) RunTestedProcess(shared);
  int status = 0;
  waitpid(process, &status, WUNTRACED);
  const bool traced = ptrace(PTRACE_SEIZE, process, nullptr, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) == 0;
  if (!traced) {
    kill(process, SIGKILL);
    waitpid(process, &status, 0);
  } else {
    kill(process, SIGCONT);
    TraceUntilExit(process, shared);
  }
  if (!traced || shared.no_breakpoints) {
    WARN("skipped: this host has no ptrace or no hardware breakpoints");
  } else {
    CHECK(shared.first_bad == 0);
    CHECK(shared.hits > 100);
  }
  munmap(memory, mm::kPageSize);
}

}  // namespace
}  // namespace zirconia::platform
