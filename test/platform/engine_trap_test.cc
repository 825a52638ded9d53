// What traps in guest code: reported exactly, answered in place, and never a matter of the host's.
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "platform/engine/in_process_engine.h"
#include "test/platform/engine_test_machine.h"

GUEST(exit);
GUEST(read);
GUEST(write);
GUEST(jump);
GUEST(read_by_stack_pointer);
GUEST(read_gs);
GUEST(undefined);
GUEST(breakpoint);
GUEST(behind_breakpoint);
GUEST(divide_by_zero);
GUEST(divide);
GUEST(privileged);
GUEST(simd_exception);
GUEST(divide_simd);
GUEST(unaligned);
GUEST(unaligned_access);
GUEST(single_step);
GUEST(after_step);
GUEST(raw_syscall);
GUEST(behind_raw_syscall);
GUEST(raw_int80);
GUEST(behind_raw_int80);
GUEST(write_and_keep_state);
GUEST(healed_write);

namespace zirconia::platform {
namespace {

constexpr uint64_t kNotCanonical = 0x8000000000000000;

// Uses the vector registers and the x87 stack as any compiled code may.
void UseVectorState() {
  volatile double x = 2;
  for (int i = 0; i < 10; ++i) x = std::sqrt(x) + 1;
  volatile long double y = 2;
  for (int i = 0; i < 10; ++i) y = std::sqrt(y) + 1;
}

void CheckFault(const TestKernel& kernel, uint64_t address, mm::Access access, uint64_t rip) {
  CHECK(kernel.ends == 1);
  CHECK(kernel.exceptions.empty());
  REQUIRE(kernel.faults.size() == 1);
  const FaultInfo& fault = kernel.faults[0];
  CHECK(fault.address.value() == address);
  CHECK(fault.access == access);
  CHECK(fault.known_address);
  CHECK(kernel.registers.rip == rip);
}

TEST_CASE("a page fault is reported with its address and access", "[engine]") {
  TestMachine machine;
  const TestWindow& window = machine.window;
  // Beyond what user space can have, but canonical: such an access is a page fault too.
  constexpr uint64_t kKernelHalf = 0xffff800000001000;
  for (const char* const program : {guest_read, guest_write}) {
    for (const uint64_t address : {uint64_t{0}, uint64_t{8}, window.no_access().value() + 24, kKernelHalf}) {
      TestKernel kernel;
      machine.engine->CreateThread(kernel, window.range(), nullptr)
          .value()
          ->Start(window.StartOf(program, address))
          .IgnoreError();
      CheckFault(kernel, address, program == guest_read ? mm::Access::kRead : mm::Access::kWrite,
                 window.code(program).value());
    }
  }
}

TEST_CASE("a page fault's error code tells a missing page from a forbidden access", "[engine]") {
  TestMachine machine;
  SECTION("nothing there") {
    machine.Run(guest_write, machine.window.no_access().value());
    REQUIRE(machine.kernel.faults.size() == 1);
    CHECK(machine.kernel.faults[0].error_code == 6);
  }
  SECTION("read only") {
    [[maybe_unused]] const char present = *reinterpret_cast<volatile char*>(machine.window.read_only().value());
    machine.Run(guest_write, machine.window.read_only().value() + 8);
    CheckFault(machine.kernel, machine.window.read_only().value() + 8, mm::Access::kWrite,
               machine.window.code(guest_write).value());
    CHECK(machine.kernel.faults[0].error_code == 7);
  }
  SECTION("the guest's own code") {
    machine.Run(guest_write, machine.window.code(guest_write).value());
    CheckFault(machine.kernel, machine.window.code(guest_write).value(), mm::Access::kWrite,
               machine.window.code(guest_write).value());
  }
}

TEST_CASE("executing what isn't executable is an execute fault there", "[engine]") {
  TestMachine machine;
  const TestWindow& window = machine.window;
  static int host_data = 0;
  for (const uint64_t target : {uint64_t{0}, uint64_t{0x1000}, window.data().value(), window.no_access().value(),
                                reinterpret_cast<uint64_t>(&host_data)}) {
    TestKernel kernel;
    machine.engine->CreateThread(kernel, window.range(), nullptr)
        .value()
        ->Start(window.StartOf(guest_jump, target))
        .IgnoreError();
    CheckFault(kernel, target, mm::Access::kExecute, target);
  }
}

TEST_CASE("an access by the guest's unset GS base is one near address 0", "[engine]") {
  TestMachine machine;
  machine.Run(guest_read_gs);
  CheckFault(machine.kernel, 0x28, mm::Access::kRead, machine.window.code(guest_read_gs).value());
}

struct ExceptionCase {
  const char* name;
  const char* program;
  const char* at;
  uint64_t argument;
  ExceptionKind kind;
  uint64_t vector;
};

TEST_CASE("processor exceptions are reported exactly", "[engine]") {
  const ExceptionCase expected = GENERATE(
      ExceptionCase{"undefined instruction", guest_undefined, guest_undefined + 1, 0,
                    ExceptionKind::kUndefinedInstruction, 6},
      ExceptionCase{"breakpoint", guest_breakpoint, guest_behind_breakpoint, 0, ExceptionKind::kSoftwareBreakpoint, 3},
      ExceptionCase{"divide", guest_divide_by_zero, guest_divide, 0, ExceptionKind::kGeneral, 0},
      ExceptionCase{"privileged instruction", guest_privileged, guest_privileged, 0, ExceptionKind::kGeneral, 13},
      ExceptionCase{"read not canonical", guest_read, guest_read, kNotCanonical, ExceptionKind::kGeneral, 13},
      ExceptionCase{"write not canonical", guest_write, guest_write, kNotCanonical, ExceptionKind::kGeneral, 13},
      ExceptionCase{"jump not canonical", guest_jump, nullptr, kNotCanonical, ExceptionKind::kGeneral, 13},
      ExceptionCase{"stack not canonical", guest_read_by_stack_pointer, guest_read_by_stack_pointer + 3, kNotCanonical,
                    ExceptionKind::kGeneral, 12},
      ExceptionCase{"vector arithmetic", guest_simd_exception, guest_divide_simd, 0, ExceptionKind::kGeneral, 19},
      ExceptionCase{"unaligned", guest_unaligned, guest_unaligned_access, 0, ExceptionKind::kUnalignedAccess, 17},
      ExceptionCase{"single step", guest_single_step, guest_after_step, 0, ExceptionKind::kHardwareBreakpoint, 1});
  INFO(expected.name);
  TestMachine machine;
  machine.Run(expected.program, expected.argument);
  CHECK(machine.kernel.ends == 1);
  CHECK(machine.kernel.faults.empty());
  REQUIRE(machine.kernel.exceptions.size() == 1);
  CHECK(machine.kernel.exceptions[0].kind == expected.kind);
  CHECK(machine.kernel.exceptions[0].vector == expected.vector);
  // Processors differ in whether a jump to nowhere traps at the jump or behind it.
  if (expected.at != nullptr) CHECK(machine.kernel.registers.rip == machine.window.code(expected.at).value());
}

TEST_CASE("a thread that starts at nowhere traps there", "[engine]") {
  TestMachine machine;
  const uint64_t nowhere = GENERATE(as<uint64_t>{}, 0, 0x1000, kNotCanonical);
  GuestStart start = machine.window.StartOf(guest_exit, 5);
  start.pc = mm::VirtAddr(nowhere);
  machine.Create()->Start(start).IgnoreError();
  CHECK(machine.kernel.ends == 1);
  CHECK(machine.kernel.faults.size() + machine.kernel.exceptions.size() == 1);
  CHECK(machine.kernel.registers.rip == nowhere);
  CHECK(machine.kernel.registers.rsp == start.sp.value());
  CHECK(machine.kernel.registers.rsi == 5);
}

TEST_CASE("a touch of a page that the host can't give is an exception of its own", "[engine]") {
  TestMachine machine;
  std::FILE* const empty = std::tmpfile();
  REQUIRE(empty != nullptr);
  void* const beyond = mmap(reinterpret_cast<void*>(machine.window.no_access().value()), mm::kPageSize, PROT_READ,
                            MAP_SHARED | MAP_FIXED, fileno(empty), 0);
  REQUIRE(beyond != MAP_FAILED);
  machine.Run(guest_read, machine.window.no_access().value() + 16);
  std::fclose(empty);
  CHECK(machine.kernel.ends == 1);
  REQUIRE(machine.kernel.exceptions.size() == 1);
  CHECK(machine.kernel.exceptions[0].kind == ExceptionKind::kHostMemory);
  CHECK(machine.kernel.exceptions[0].address == machine.window.no_access() + mm::ByteSize(16));
}

TEST_CASE("a healed fault goes on as if nothing had been", "[engine]") {
  TestMachine machine;
  const uint64_t address = machine.window.no_access().value() + 0x40;
  int faults = 0;
  uint64_t rip = 0;
  uint32_t host_mxcsr = 0;
  machine.kernel.on_fault = [&](GuestThread&, const FaultInfo& fault, GuestRegisters& registers) {
    ++faults;
    rip = registers.rip;
    asm volatile("stmxcsr %0" : "=m"(host_mxcsr));
    UseVectorState();
    void* const page = reinterpret_cast<void*>(fault.address.RoundDownToPage().value());
    return mprotect(page, mm::kPageSize, PROT_READ | PROT_WRITE) == 0 ? Disposition::kResume : Disposition::kEnd;
  };
  machine.Run(guest_write_and_keep_state, address);
  CHECK(faults == 1);
  CHECK(rip == machine.window.code(guest_healed_write).value());
  CHECK(host_mxcsr == 0x1f80);
  const uint64_t value = 0x0123456789abcdef;
  CHECK(*reinterpret_cast<uint64_t*>(address) == value);
  CHECK(machine.window.word(0x100) == value);
  CHECK(machine.window.word(0x108) == value);
  CHECK(machine.window.word(0x110) == value);
  CHECK(machine.window.word(0x118) == 0x3ff0000000000000);
  CHECK((machine.window.word(0x120) & 0xffc0) == 0xdf80);
  CHECK(machine.window.word(0x128) == 0x1234);
  CHECK(machine.window.word(0x130) == 77);
  CHECK((machine.window.word(0x138) & 0x400) != 0);
}

TEST_CASE("a fault that isn't healed comes again", "[engine]") {
  TestMachine machine;
  int faults = 0;
  machine.kernel.on_fault = [&](GuestThread&, const FaultInfo&, GuestRegisters&) {
    return ++faults < 100 ? Disposition::kResume : Disposition::kEnd;
  };
  machine.Run(guest_read, 0);
  CHECK(faults == 100);
}

TEST_CASE("the answer to a trap can change every register", "[engine]") {
  TestMachine machine;
  GuestRegisters wanted;
  wanted.rip = machine.window.code(guest_undefined).value();
  uint64_t value = 0x1000;
  const auto general = [](GuestRegisters& r) {
    return std::vector<uint64_t*>{&r.rax, &r.rbx, &r.rcx, &r.rdx, &r.rsi, &r.rdi, &r.rbp, &r.rsp,
                                  &r.r8,  &r.r9,  &r.r10, &r.r11, &r.r12, &r.r13, &r.r14, &r.r15};
  };
  for (uint64_t* const r : general(wanted)) *r = ++value;
  wanted.rflags = 0x8d7;
  GuestRegisters seen;
  int traps = 0;
  machine.kernel.on_exception = [&](GuestThread&, const ExceptionInfo&, GuestRegisters& registers) {
    if (++traps == 1) {
      registers = wanted;
      return Disposition::kResume;
    }
    seen = registers;
    return Disposition::kEnd;
  };
  machine.Run(guest_undefined);
  CHECK(traps == 2);
  for (size_t i = 0; i < 16; ++i) CHECK(*general(seen)[i] == *general(wanted)[i]);
  CHECK(seen.rip == machine.window.code(guest_undefined).value() + 1);
  CHECK((seen.rflags & 0x8d5) == 0x8d5);
}

TEST_CASE("a guest sent to nowhere by the answer to a trap traps there", "[engine]") {
  TestMachine machine;
  machine.kernel.on_fault = [&](GuestThread&, const FaultInfo&, GuestRegisters& registers) {
    registers.rip = kNotCanonical;
    registers.rsp = kNotCanonical;
    return Disposition::kResume;
  };
  machine.Run(guest_read, 0);
  CHECK(machine.kernel.ends == 1);
  REQUIRE(machine.kernel.exceptions.size() == 1);
  CHECK(machine.kernel.exceptions[0].vector == 13);
  CHECK(machine.kernel.registers.rip == kNotCanonical);
}

// Both forms of a system call instruction, under both ways of catching them.
TEST_CASE("a raw system call instruction never reaches the host", "[engine]") {
  using engine::InProcessEngine;
  using engine::SyscallDispatchMode;
  const auto mode = GENERATE(SyscallDispatchMode::kInclusive, SyscallDispatchMode::kExclusive);
  std::unique_ptr<GuestEngine> guest_engine = InProcessEngine::Create(mode).value();
  TestWindow window(*guest_engine, TestWindow::Place::kBelowHostCode);
  const bool old_gate = GENERATE(false, true);
  TestKernel kernel;
  int caught = 0;
  GuestRegisters at;
  kernel.on_exception = [&](GuestThread&, const ExceptionInfo& exception, GuestRegisters& registers) {
    if (exception.kind == ExceptionKind::kRawSyscall) ++caught;
    at = registers;
    registers.rax = 0x1234;
    return Disposition::kResume;
  };
  auto thread = guest_engine->CreateThread(kernel, window.range(), nullptr).value();
  REQUIRE(thread->Start(window.StartOf(old_gate ? guest_raw_int80 : guest_raw_syscall)).ok());
  thread.reset();
  CHECK(caught == 1);
  CHECK(kernel.ends == 1);
  CHECK(at.rip == window.code(old_gate ? guest_behind_raw_int80 : guest_behind_raw_syscall).value());
  CHECK(at.rax == (old_gate ? 1 : 231));
  CHECK(window.word(0x100) == 0x1234);
}

TEST_CASE("without inclusive dispatch a window amid host code is refused", "[engine]") {
  using engine::InProcessEngine;
  using engine::SyscallDispatchMode;
  auto guest_engine = InProcessEngine::Create(SyscallDispatchMode::kExclusive).value();
  TestKernel kernel;
  const uint64_t own_code = reinterpret_cast<uint64_t>(&UseVectorState) & ~(mm::kPageSize - 1);
  const mm::VirtRange amid{mm::VirtAddr(own_code), mm::ByteSize(mm::kPageSize)};
  CHECK(guest_engine->CreateThread(kernel, amid, nullptr).status().code() == absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace zirconia::platform
