#include "test/platform/engine_test_machine.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

namespace zirconia::platform {

SyscallAnswer TestKernel::OnSyscall(GuestThread& thread, const SyscallArguments& arguments) {
  if (arguments.number == 0) return End();
  return on_syscall ? on_syscall(thread, arguments) : Answer(0);
}

Disposition TestKernel::OnFault(GuestThread& thread, const FaultInfo& fault, GuestRegisters& at) {
  if (on_fault) return on_fault(thread, fault, at);
  faults.push_back(fault);
  registers = at;
  return Disposition::kEnd;
}

Disposition TestKernel::OnException(GuestThread& thread, const ExceptionInfo& exception, GuestRegisters& at) {
  if (on_exception) return on_exception(thread, exception, at);
  exceptions.push_back(exception);
  registers = at;
  return Disposition::kEnd;
}

Disposition TestKernel::OnInterrupt(GuestThread& thread) {
  ++interrupts;
  return on_interrupt ? on_interrupt(thread) : Disposition::kEnd;
}

TestWindow::TestWindow(GuestEngine& engine, Place place) {
  void* memory = MAP_FAILED;
  if (place == Place::kAnywhere) {
    memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  } else {
    // ThreadSanitizer has room at the first (and stops at the second), AddressSanitizer at the second.
    for (const uint64_t base : {0x4000000000, 0x200000000000}) {
      memory = mmap(reinterpret_cast<void*>(base), kSize, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
      if (memory != MAP_FAILED) break;
    }
  }
  if (memory == MAP_FAILED) std::abort();
  base_ = reinterpret_cast<uint64_t>(memory);
  const size_t code_size = static_cast<size_t>(guest_code_end - guest_code_begin);
  if (code_size > kData) std::abort();
  std::memcpy(memory, guest_code_begin, code_size);
  word(0) = engine.syscall_entry();
  mprotect(memory, kData, PROT_READ | PROT_EXEC);
  mprotect(reinterpret_cast<void*>(base_ + kNoAccess), mm::kPageSize, PROT_NONE);
  mprotect(reinterpret_cast<void*>(base_ + kReadOnly), mm::kPageSize, PROT_READ);
}

TestWindow::~TestWindow() { munmap(reinterpret_cast<void*>(base_), kSize); }

void TestMachine::Run(const char* program, uint64_t arg2) {
  std::unique_ptr<GuestThread> thread = Create();
  if (!thread->Start(window.StartOf(program, arg2)).ok()) std::abort();
}

}  // namespace zirconia::platform
