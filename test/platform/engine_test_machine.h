// What the engine's tests run guest programs with: a window with code, data and a stack, and a kernel whose answers a
// test chooses.
#ifndef ZIRCONIA_TEST_PLATFORM_ENGINE_TEST_MACHINE_H_
#define ZIRCONIA_TEST_PLATFORM_ENGINE_TEST_MACHINE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "mm/units.h"
#include "platform/guest_engine.h"
#include "platform/guest_events.h"

// Declares a program or a label of engine_guest_code.S.
#define GUEST(name) extern "C" const char guest_##name[]

extern "C" const char guest_code_begin[];
extern "C" const char guest_code_end[];

namespace zirconia::platform {

// A kernel of functions. Unless told otherwise: system call 0 ends the thread, others return 0; what traps is recorded
// and ends the thread; interrupts end it too. The records are for tests with one thread.
class TestKernel : public GuestEvents {
 public:
  std::function<SyscallAnswer(GuestThread&, const SyscallArguments&)> on_syscall;
  std::function<Disposition(GuestThread&, const FaultInfo&, GuestRegisters&)> on_fault;
  std::function<Disposition(GuestThread&, const ExceptionInfo&, GuestRegisters&)> on_exception;
  std::function<Disposition(GuestThread&)> on_interrupt;

  std::vector<FaultInfo> faults;
  std::vector<ExceptionInfo> exceptions;
  GuestRegisters registers;  // at the last fault or exception
  std::atomic<int> interrupts{0};
  std::atomic<int> ends{0};

  SyscallAnswer OnSyscall(GuestThread& thread, const SyscallArguments& arguments) override;
  Disposition OnFault(GuestThread& thread, const FaultInfo& fault, GuestRegisters& at) override;
  Disposition OnException(GuestThread& thread, const ExceptionInfo& exception, GuestRegisters& at) override;
  Disposition OnInterrupt(GuestThread& thread) override;
  void OnThreadEnd(GuestThread&) override { ++ends; }
};

inline SyscallAnswer End() { return {.result = 0, .disposition = Disposition::kEnd}; }
inline SyscallAnswer Answer(uint64_t result) { return {.result = result, .disposition = Disposition::kResume}; }

// A window: the guest code (read and execute), a data page, a page of no access, a read-only page, a stack.
class TestWindow {
 public:
  enum class Place { kAnywhere, kBelowHostCode };
  explicit TestWindow(GuestEngine& engine, Place place = Place::kAnywhere);
  ~TestWindow();
  TestWindow(const TestWindow&) = delete;
  TestWindow& operator=(const TestWindow&) = delete;

  mm::VirtRange range() const { return {mm::VirtAddr(base_), mm::ByteSize(kSize)}; }
  // Where a program or label of the guest code is.
  mm::VirtAddr code(const char* label) const {
    return mm::VirtAddr(base_ + static_cast<uint64_t>(label - guest_code_begin));
  }
  mm::VirtAddr data() const { return mm::VirtAddr(base_ + kData); }
  mm::VirtAddr no_access() const { return mm::VirtAddr(base_ + kNoAccess); }
  mm::VirtAddr read_only() const { return mm::VirtAddr(base_ + kReadOnly); }
  mm::VirtAddr stack_top() const { return mm::VirtAddr(base_ + kSize); }

  // A word of the data page.
  uint64_t& word(uint64_t offset) { return *reinterpret_cast<uint64_t*>(base_ + kData + offset); }

  // How a thread starts that runs `program` on this window's stack.
  GuestStart StartOf(const char* program, uint64_t arg2 = 0) const {
    return {.pc = code(program), .sp = stack_top(), .arg1 = data().value(), .arg2 = arg2};
  }

 private:
  static constexpr uint64_t kData = 0x4000;
  static constexpr uint64_t kNoAccess = 0x5000;
  static constexpr uint64_t kReadOnly = 0x6000;
  static constexpr uint64_t kSize = 0x10000;

  uint64_t base_;
};

// An engine, a kernel and a window.
struct TestMachine {
  std::unique_ptr<GuestEngine> engine = CreateInProcessEngine().value();
  TestKernel kernel;
  TestWindow window{*engine};

  // A thread of this window, not started.
  std::unique_ptr<GuestThread> Create() { return engine->CreateThread(kernel, window.range(), nullptr).value(); }
  // Runs a program to its end.
  void Run(const char* program, uint64_t arg2 = 0);
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_TEST_PLATFORM_ENGINE_TEST_MACHINE_H_
