// System calls: what the kernel gets, what the guest gets back, and whose state is whose.
#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "test/platform/engine_test_machine.h"

GUEST(exit);
GUEST(store_initial_state);
GUEST(call_with_eight_arguments);
GUEST(call_with_odd_state);
GUEST(use_fs_base);
GUEST(use_gs_base);
GUEST(call_and_return_to);
GUEST(spin);
GUEST(single_step_call);
GUEST(after_step_call);

namespace zirconia::platform {
namespace {

thread_local int t_marker = 41;

uint32_t Mxcsr() {
  uint32_t value = 0;
  asm volatile("stmxcsr %0" : "=m"(value));
  return value;
}

uint16_t X87ControlWord() {
  uint16_t value = 0;
  asm volatile("fnstcw %0" : "=m"(value));
  return value;
}

uint64_t Flags() {
  uint64_t value = 0;
  asm volatile("sub $128, %%rsp; pushfq; pop %0; add $128, %%rsp" : "=r"(value)::"memory", "cc");
  return value;
}

TEST_CASE("a guest thread runs until the kernel ends it", "[engine]") {
  TestMachine machine;
  int owner = 0;
  {
    auto thread = machine.engine->CreateThread(machine.kernel, machine.window.range(), &owner).value();
    CHECK(thread->owner() == &owner);
    REQUIRE(thread->Start(machine.window.StartOf(guest_exit)).ok());
    CHECK(thread->Start(machine.window.StartOf(guest_exit)).code() == absl::StatusCode::kFailedPrecondition);
  }
  CHECK(machine.kernel.ends == 1);
  CHECK(machine.kernel.faults.empty());
  CHECK(machine.kernel.exceptions.empty());
}

TEST_CASE("a guest thread that is never started ends nothing", "[engine]") {
  TestMachine machine;
  machine.Create().reset();
  CHECK(machine.kernel.ends == 0);
}

TEST_CASE("a thread without a window is refused", "[engine]") {
  TestMachine machine;
  const auto refused = [&](mm::VirtRange window) {
    return machine.engine->CreateThread(machine.kernel, window, nullptr).status().code() ==
           absl::StatusCode::kInvalidArgument;
  };
  CHECK(refused({mm::VirtAddr(0x1000), mm::ByteSize(0)}));
  CHECK(refused({mm::VirtAddr(0x1000), mm::ByteSize(~uint64_t{0})}));
}

TEST_CASE("a guest starts with nothing but its start state", "[engine]") {
  TestMachine machine;
  machine.Run(guest_store_initial_state, 0x1234);
  const auto word = [&](uint64_t offset) { return machine.window.word(offset); };
  for (const uint64_t zero : {0x100, 0x108, 0x110, 0x118, 0x128, 0x138, 0x140, 0x148, 0x150, 0x158, 0x160, 0x168, 0x170,
                              0x178, 0x198, 0x1a0, 0x1a8, 0x1b0}) {
    INFO("offset " << zero);
    CHECK(word(zero) == 0);
  }
  CHECK(word(0x120) == 0x1234);
  CHECK(word(0x130) == machine.window.stack_top().value());
  CHECK((word(0x180) & ~uint64_t{0x8d5}) == 0x202);
  CHECK(word(0x188) == 0x1f80);
  CHECK(word(0x190) == 0x37f);
}

TEST_CASE("a system call brings eight arguments and returns one result", "[engine]") {
  TestMachine machine;
  SyscallArguments got;
  int calls = 0;
  machine.kernel.on_syscall = [&](GuestThread&, const SyscallArguments& arguments) {
    got = arguments;
    ++calls;
    return Answer(0xfedcba9876543210);
  };
  machine.Run(guest_call_with_eight_arguments);
  CHECK(calls == 1);
  CHECK(got.number == 1);
  for (uint64_t i = 0; i < 8; ++i) CHECK(got.args[i] == 0x1111111111111111 * (i + 1));
  CHECK(got.pc == machine.window.word(0x88));

  const auto word = [&](uint64_t offset) { return machine.window.word(offset); };
  CHECK(word(0x100) == 0xfedcba9876543210);
  SECTION("callee-saved registers, the stack pointer and the stack are kept") {
    CHECK(word(0x108) == 0x9999999999999999);
    CHECK(word(0x110) == 0x7777777777777777);
    CHECK(word(0x118) == 0x8888888888888888);
    CHECK(word(0x120) == 0xaaaaaaaaaaaaaaaa);
    CHECK(word(0x128) == 0xbbbbbbbbbbbbbbbb);
    CHECK(word(0x130) == word(0x80));
    CHECK(word(0x178) == 0x5a5a5a5a);
  }
  SECTION("no value of the host is left in another register") {
    CHECK(word(0x138) == word(0x88));  // rcx: where it returned to
    for (uint64_t offset = 0x140; offset <= 0x170; offset += 8) CHECK(word(offset) == 0);
  }
}

TEST_CASE("the kernel runs with the host's thread state", "[engine]") {
  TestMachine machine;
  const uint32_t mxcsr = Mxcsr() & 0xffc0;
  const uint16_t control_word = X87ControlWord();
  std::vector<std::string> wrong;
  int* marker = nullptr;
  machine.kernel.on_syscall = [&](GuestThread&, const SyscallArguments&) {
    if ((Mxcsr() & 0xffc0) != mxcsr) wrong.push_back("MXCSR");
    if (X87ControlWord() != control_word) wrong.push_back("FCW");
    if ((Flags() & 0x44500) != 0) wrong.push_back("flags");
    if (++t_marker == 41) wrong.push_back("thread-local");
    marker = &t_marker;
    return Answer(0);
  };
  machine.Run(guest_call_with_odd_state);
  CHECK(wrong.empty());
  CHECK(marker != &t_marker);
  CHECK(t_marker == 41);
  SECTION("and the guest gets its own back") {
    CHECK((machine.window.word(0x100) & 0xffc0) == 0xdfc0);
    CHECK(machine.window.word(0x108) == 0x0a72);
    CHECK((machine.window.word(0x110) & 0x44500) == 0x40400);
    CHECK((machine.window.word(0x118) & 0xffc0) == 0xdfc0);
  }
}

TEST_CASE("a guest's segment bases survive and can be set", "[engine]") {
  TestMachine machine;
  const bool fs = GENERATE(true, false);
  INFO((fs ? "FS" : "GS"));
  const uint64_t own = machine.window.data().value() + 0x800;
  const uint64_t set = machine.window.data().value() + 0x900;
  const uint64_t set_at_trap = machine.window.data().value() + 0xa00;
  machine.window.word(0x800) = 0x11;
  machine.window.word(0x900) = 0x22;
  machine.window.word(0xa00) = 0x33;
  const auto base = [fs](GuestThread& thread) { return fs ? thread.fs_base() : thread.gs_base(); };
  const auto set_base = [fs](GuestThread& thread, uint64_t to) {
    fs ? thread.set_fs_base(to) : thread.set_gs_base(to);
  };
  std::vector<uint64_t> seen;
  machine.kernel.on_syscall = [&](GuestThread& thread, const SyscallArguments& arguments) {
    seen.push_back(base(thread));
    if (arguments.number == 2) set_base(thread, set);
    return Answer(0);
  };
  const bool by_registers = GENERATE(true, false);
  machine.kernel.on_exception = [&](GuestThread& thread, const ExceptionInfo&, GuestRegisters& registers) {
    uint64_t& in_registers = fs ? registers.fs_base : registers.gs_base;
    seen.push_back(in_registers);
    if (by_registers) {
      in_registers = set_at_trap;
    } else {
      set_base(thread, set_at_trap);
    }
    registers.rip += 2;
    return Disposition::kResume;
  };
  machine.Run(fs ? guest_use_fs_base : guest_use_gs_base);
  CHECK(seen == std::vector<uint64_t>{own, own, set});
  CHECK(machine.window.word(0x100) == own);
  CHECK(machine.window.word(0x108) == 0x11);
  CHECK(machine.window.word(0x110) == set);
  CHECK(machine.window.word(0x118) == 0x22);
  CHECK(machine.window.word(0x120) == set_at_trap);
  CHECK(machine.window.word(0x128) == 0x33);
}

TEST_CASE("segment bases set before the start are the guest's from its first instruction", "[engine]") {
  TestMachine machine;
  auto thread = machine.Create();
  CHECK(thread->fs_base() == 0);
  CHECK(thread->gs_base() == 0);
  thread->set_fs_base(0x123000);
  thread->set_gs_base(0x456000);
  CHECK(thread->gs_base() == 0x456000);
  REQUIRE(thread->Start(machine.window.StartOf(guest_store_initial_state)).ok());
  thread.reset();
  CHECK(machine.window.word(0x178) == 0x123000);
}

TEST_CASE("a segment base that isn't canonical does no harm", "[engine]") {
  TestMachine machine;
  auto thread = machine.Create();
  thread->set_fs_base(0x8000000000000000);
  thread->set_gs_base(0x0000800000000000);
  REQUIRE(thread->Start(machine.window.StartOf(guest_store_initial_state)).ok());
  thread.reset();
  CHECK(machine.kernel.ends == 1);
}

TEST_CASE("a system call that returns to nowhere is a fault of the guest", "[engine]") {
  TestMachine machine;
  const uint64_t nowhere = GENERATE(as<uint64_t>{}, 0, 0x1000, 0x8000000000000000);
  machine.Run(guest_call_and_return_to, nowhere);
  CHECK(machine.kernel.faults.size() + machine.kernel.exceptions.size() == 1);
  CHECK(machine.kernel.registers.rip == nowhere);
  CHECK(machine.kernel.registers.rsp == machine.window.stack_top().value());
}

TEST_CASE("the kernel can end a thread in a system call", "[engine]") {
  TestMachine machine;
  machine.kernel.on_syscall = [](GuestThread&, const SyscallArguments&) { return End(); };
  machine.Run(guest_call_with_odd_state);
  CHECK(machine.kernel.ends == 1);
  CHECK(machine.window.word(0x100) == 0);
}

TEST_CASE("a guest single-steps across a system call as if it were one instruction", "[engine]") {
  TestMachine machine;
  std::vector<uint64_t> steps;
  machine.kernel.on_syscall = [](GuestThread&, const SyscallArguments&) { return Answer(0x77); };
  machine.kernel.on_exception = [&](GuestThread&, const ExceptionInfo& exception, GuestRegisters& registers) {
    if (exception.kind != ExceptionKind::kHardwareBreakpoint) return Disposition::kEnd;
    steps.push_back(registers.rip);
    return Disposition::kResume;
  };
  machine.Run(guest_single_step_call);
  REQUIRE(steps.size() >= 2);
  CHECK(steps[0] == machine.window.code(guest_after_step_call).value());
  for (const uint64_t pc : steps) CHECK(machine.window.range().Contains(mm::VirtAddr(pc)));
  CHECK(machine.window.word(0x100) == 0x77);
}

}  // namespace
}  // namespace zirconia::platform
