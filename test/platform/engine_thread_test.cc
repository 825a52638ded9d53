// Interrupts, and the life of guest threads.
#include <dirent.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <random>
#include <thread>

#include "absl/base/config.h"
#include "platform/engine/layout.h"
#include "test/platform/engine_test_machine.h"

#if defined(ABSL_HAVE_ADDRESS_SANITIZER) || defined(ABSL_HAVE_THREAD_SANITIZER)
#define SANITIZER_NEEDS_ADDRESS_SPACE
#endif

GUEST(exit);
GUEST(call_for_ever);
GUEST(spin);
GUEST(read);
GUEST(undefined);
GUEST(raw_syscall);
GUEST(work_for_ever);
GUEST(call_with_odd_state);

namespace zirconia::platform {
namespace {

using namespace std::chrono_literals;

size_t HostThreads() {
  size_t count = 0;
  DIR* const tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) count += entry->d_name[0] != '.' ? 1 : 0;
  closedir(tasks);
  return count;
}

template <typename Predicate>
void WaitUntil(Predicate predicate) {
  while (!predicate()) std::this_thread::sleep_for(50us);
}

uint64_t Count(TestWindow& window) { return std::atomic_ref(window.word(0x100)).load(); }

TEST_CASE("an interrupt takes a thread out of guest code", "[engine]") {
  TestMachine machine;
  const char* const program = GENERATE(guest_spin, guest_call_for_ever);
  auto thread = machine.Create();
  REQUIRE(thread->Start(machine.window.StartOf(program)).ok());
  WaitUntil([&] { return Count(machine.window) > 0; });
  thread->Interrupt();
  thread.reset();
  CHECK(machine.kernel.interrupts == 1);
  CHECK(machine.kernel.ends == 1);
}

TEST_CASE("an interrupted thread goes on where it was", "[engine]") {
  TestMachine machine;
  const char* const program = GENERATE(guest_spin, guest_call_for_ever);
  std::atomic<bool> end = false;
  machine.kernel.on_interrupt = [&](GuestThread&) { return end ? Disposition::kEnd : Disposition::kResume; };
  auto thread = machine.Create();
  REQUIRE(thread->Start(machine.window.StartOf(program)).ok());
  for (int i = 1; i <= 100; ++i) {
    thread->Interrupt();
    WaitUntil([&] { return machine.kernel.interrupts == i; });
    const uint64_t count = Count(machine.window);
    WaitUntil([&] { return Count(machine.window) > count; });
  }
  end = true;
  thread->Interrupt();
  thread.reset();
  CHECK(machine.kernel.interrupts == 101);
}

TEST_CASE("a thread interrupted before its start is stopped before its first instruction", "[engine]") {
  TestMachine machine;
  auto thread = machine.Create();
  thread->Interrupt();
  REQUIRE(thread->Start(machine.window.StartOf(guest_spin)).ok());
  thread.reset();
  CHECK(machine.kernel.interrupts == 1);
  CHECK(machine.kernel.ends == 1);
  CHECK(Count(machine.window) == 0);
}

TEST_CASE("an interrupt after the end is without effect", "[engine]") {
  TestMachine machine;
  auto thread = machine.Create();
  REQUIRE(thread->Start(machine.window.StartOf(guest_exit)).ok());
  WaitUntil([&] { return machine.kernel.ends == 1; });
  thread->Interrupt();
  // Its slot may be another's by now.
  auto other = machine.Create();
  thread->Interrupt();
  REQUIRE(other->Start(machine.window.StartOf(guest_exit)).ok());
  other.reset();
  thread->Interrupt();
  CHECK(machine.kernel.interrupts == 0);
}

TEST_CASE("an interrupt of a thread in the kernel is met on its way back", "[engine]") {
  TestMachine machine;
  std::string order;
  const int where = GENERATE(0, 1, 2, 3);
  machine.kernel.on_syscall = [&](GuestThread& thread, const SyscallArguments&) {
    thread.Interrupt();
    thread.Interrupt();
    order += "call ";
    return Answer(0);
  };
  machine.kernel.on_fault = [&](GuestThread& thread, const FaultInfo&, GuestRegisters&) {
    thread.Interrupt();
    order += "fault ";
    return Disposition::kResume;
  };
  machine.kernel.on_exception = [&](GuestThread& thread, const ExceptionInfo&, GuestRegisters&) {
    thread.Interrupt();
    order += "exception ";
    return Disposition::kResume;
  };
  machine.kernel.on_interrupt = [&](GuestThread&) {
    order += "interrupt ";
    return Disposition::kEnd;
  };
  const char* const programs[] = {guest_call_with_odd_state, guest_read, guest_undefined, guest_raw_syscall};
  const char* const expected[] = {"call interrupt ", "fault interrupt ", "exception interrupt ",
                                  "exception interrupt "};
  machine.Run(programs[where]);
  CHECK(order == expected[where]);
  CHECK(machine.window.word(0x100) == 0);
}

TEST_CASE("the kernel can interrupt a thread while it answers its interrupt", "[engine]") {
  TestMachine machine;
  machine.kernel.on_interrupt = [&](GuestThread& thread) {
    if (machine.kernel.interrupts == 50) return Disposition::kEnd;
    thread.Interrupt();
    return Disposition::kResume;
  };
  auto thread = machine.Create();
  REQUIRE(thread->Start(machine.window.StartOf(guest_spin)).ok());
  thread->Interrupt();
  thread.reset();
  CHECK(machine.kernel.interrupts == 50);
}

TEST_CASE("the kernel can end a thread in each of its calls", "[engine]") {
  TestMachine machine;
  for (const char* const program : {guest_exit, guest_read, guest_undefined, guest_raw_syscall}) machine.Run(program);
  auto thread = machine.Create();
  thread->Interrupt();
  REQUIRE(thread->Start(machine.window.StartOf(guest_spin)).ok());
  thread.reset();
  CHECK(machine.kernel.ends == 5);
  CHECK(machine.kernel.faults.size() == 1);
  CHECK(machine.kernel.exceptions.size() == 2);
}

// Threads that compute, fault and make system calls are interrupted at random. Each interrupt must be answered, and no
// state be lost.
TEST_CASE("no interrupt is lost and none does harm", "[engine]") {
  constexpr int kThreads = 4;
  constexpr int kInterrupts = 3000;
  struct Worker {
    std::unique_ptr<GuestEngine> engine = CreateInProcessEngine().value();
    TestKernel kernel;
    TestWindow window{*engine};
    std::unique_ptr<GuestThread> thread;
    uint64_t calls = 0;
    uint64_t faults = 0;
    bool broken = false;
    std::atomic<bool> end = false;
  };
  Worker workers[kThreads];
  for (Worker& worker : workers) {
    void* const page = reinterpret_cast<void*>(worker.window.no_access().value());
    const bool own_gs_base = &worker == &workers[1];
    const bool faulting = &worker == &workers[2];
    worker.kernel.on_syscall = [&, page, faulting](GuestThread&, const SyscallArguments& arguments) {
      if (arguments.number == 2) {
        worker.broken = true;
        return End();
      }
      if (arguments.args[6] != 0x77 || arguments.args[7] != 0x88) worker.broken = true;
      ++worker.calls;
      if (faulting && worker.calls % 3 == 0) mprotect(page, mm::kPageSize, PROT_NONE);
      return Answer(0x4321);
    };
    worker.kernel.on_fault = [&, page](GuestThread&, const FaultInfo& fault, GuestRegisters&) {
      ++worker.faults;
      if (fault.address != worker.window.no_access()) worker.broken = true;
      return mprotect(page, mm::kPageSize, PROT_READ | PROT_WRITE) == 0 ? Disposition::kResume : Disposition::kEnd;
    };
    worker.kernel.on_interrupt = [&](GuestThread&) { return worker.end ? Disposition::kEnd : Disposition::kResume; };
    worker.thread = worker.engine->CreateThread(worker.kernel, worker.window.range(), nullptr).value();
    if (own_gs_base) worker.thread->set_gs_base(worker.window.data().value());
    REQUIRE(worker.thread->Start(worker.window.StartOf(guest_work_for_ever, worker.window.no_access().value())).ok());
  }
  std::minstd_rand random(1);
  for (int i = 0; i < kInterrupts; ++i) {
    Worker& worker = workers[random() % kThreads];
    const int before = worker.kernel.interrupts;
    worker.thread->Interrupt();
    if (random() % 4 != 0) {
      WaitUntil([&] { return worker.kernel.interrupts > before || worker.kernel.ends > 0; });
    }
    for (auto spins = random() % 2000; spins > 0; --spins) std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  for (Worker& worker : workers) {
    const uint64_t count = Count(worker.window);
    WaitUntil([&] { return Count(worker.window) > count || worker.kernel.ends > 0; });
    CHECK(worker.kernel.ends == 0);
    worker.end = true;
    worker.thread->Interrupt();
    worker.thread.reset();
    CHECK(worker.kernel.ends == 1);
    CHECK_FALSE(worker.broken);
    CHECK(worker.kernel.faults.empty());
    CHECK(worker.kernel.exceptions.empty());
    CHECK(worker.calls > 0);
    CHECK(worker.faults > 0);
  }
}

TEST_CASE("threads that end leave nothing behind", "[engine]") {
  TestMachine machine;
  machine.Run(guest_exit);
  const size_t before = HostThreads();
  constexpr int kThreads = ZIRCONIA_SLOT_COUNT + 100;
  for (int i = 0; i < kThreads; ++i) machine.Run(guest_exit);
  CHECK(machine.kernel.ends == kThreads + 1);
  CHECK(HostThreads() == before);
}

TEST_CASE("threads that live at the same time don't meet", "[engine]") {
  constexpr int kThreads = 100;
  TestMachine machine;
  std::vector<std::unique_ptr<TestWindow>> windows;
  std::vector<std::unique_ptr<GuestThread>> threads;
  for (int i = 0; i < kThreads; ++i) {
    windows.push_back(std::make_unique<TestWindow>(*machine.engine));
    threads.push_back(machine.engine->CreateThread(machine.kernel, windows[i]->range(), nullptr).value());
    REQUIRE(threads[i]->Start(windows[i]->StartOf(guest_call_for_ever)).ok());
  }
  WaitUntil(
      [&] { return std::all_of(windows.begin(), windows.end(), [](auto& window) { return Count(*window) > 10; }); });
  for (auto& thread : threads) thread->Interrupt();
  threads.clear();
  CHECK(machine.kernel.interrupts == kThreads);
  CHECK(machine.kernel.ends == kThreads);
}

TEST_CASE("there is an end to the slots, and it is an error", "[engine]") {
  TestMachine machine;
  std::vector<std::unique_ptr<GuestThread>> threads;
  for (;;) {
    auto thread = machine.engine->CreateThread(machine.kernel, machine.window.range(), nullptr);
    if (!thread.ok()) {
      CHECK(thread.status().code() == absl::StatusCode::kResourceExhausted);
      break;
    }
    REQUIRE(threads.size() < ZIRCONIA_SLOT_COUNT);
    threads.push_back(*std::move(thread));
  }
  threads.clear();
  machine.Run(guest_exit);
  CHECK(machine.kernel.ends == 1);
}

#if !defined(SANITIZER_NEEDS_ADDRESS_SPACE)
TEST_CASE("a host without room for a thread is an error", "[engine]") {
  TestMachine machine;
  std::vector<std::unique_ptr<GuestThread>> threads;
  threads.reserve(100);
  // The C library keeps a few stacks of threads that ended: the first threads may get those.
  for (int i = 0; i < 100; ++i) threads.push_back(machine.Create());
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_AS, &none) == 0);
  int started = 0;
  absl::Status status;
  while (status.ok() && started < 100) {
    status = threads[started]->Start(machine.window.StartOf(guest_spin));
    if (status.ok()) ++started;
  }
  setrlimit(RLIMIT_AS, &before);
  CHECK(status.code() == absl::StatusCode::kResourceExhausted);
  for (auto& thread : threads) thread->Interrupt();
  threads.clear();
  CHECK(machine.kernel.ends == started);
}
#endif

}  // namespace
}  // namespace zirconia::platform
