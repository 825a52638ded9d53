// What a guest can cause, and how it is answered: the only way up from the platform.
#ifndef ZIRCONIA_PLATFORM_GUEST_EVENTS_H_
#define ZIRCONIA_PLATFORM_GUEST_EVENTS_H_

#include <array>
#include <cstdint>

#include "mm/units.h"

namespace zirconia::platform {

class GuestThread;

// The general registers of a guest thread on x86-64. Vector and x87 state stays in the processor (or in the signal
// frame).
struct GuestRegisters {
  uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0, rsi = 0, rdi = 0, rbp = 0, rsp = 0;
  uint64_t r8 = 0, r9 = 0, r10 = 0, r11 = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
  uint64_t rip = 0, rflags = 0;
  uint64_t fs_base = 0, gs_base = 0;
};

// Whether the guest thread goes on.
enum class Disposition : uint8_t {
  kResume,  // with the registers as they now stand
  kEnd,     // it never runs guest code again; `GuestEvents::OnThreadEnd` follows
};

struct SyscallArguments {
  uint64_t number = 0;
  std::array<uint64_t, 8> args{};
  uint64_t pc = 0;  // where the guest goes on
};

struct SyscallAnswer {
  uint64_t result = 0;
  Disposition disposition = Disposition::kResume;
};

// A processor exception other than a page fault.
enum class ExceptionKind : uint8_t {
  kUndefinedInstruction,
  kSoftwareBreakpoint,  // int3
  kHardwareBreakpoint,  // single step, watch point
  kUnalignedAccess,     // with AC set
  kGeneral,     // divide error, floating point, general protection (such as access by a non-canonical address): see
                // `vector`
  kRawSyscall,  // a system call instruction that isn't the vDSO's; rip is behind it
  kHostMemory,  // the host couldn't give the page behind an address that was touched (SIGBUS)
};

struct ExceptionInfo {
  ExceptionKind kind = ExceptionKind::kGeneral;
  uint64_t vector = 0;      // the processor's exception number; 0 for kRawSyscall
  uint64_t error_code = 0;  // the processor's
  mm::VirtAddr address;     // the data address, where one is known
};

struct FaultInfo {
  mm::VirtAddr address;
  mm::Access access = mm::Access::kRead;
  uint64_t error_code = 0;    // the processor's page-fault error code
  bool known_address = true;  // false: the engine can't tell it; `address` is then 0 (the in-process engine always can)
};

// Implemented by the kernel, and by unit tests of engines. Every call is made on the guest thread's own host thread,
// with the host's thread state (FS base, signal-safe stack of at least 192 KiB) in place, all asynchronous signals
// blocked, and no lock held. A call may wait for as long as it likes; whoever wants it to end early makes what it waits
// for return (an engine can't).
class GuestEvents {
 public:
  virtual ~GuestEvents() = default;

  // The vDSO's entry. The hot path: no registers are given.
  virtual SyscallAnswer OnSyscall(GuestThread& thread, const SyscallArguments& arguments) = 0;
  // A page fault in guest code. kResume repeats the access (with `registers` as they now stand).
  virtual Disposition OnFault(GuestThread& thread, const FaultInfo& fault, GuestRegisters& registers) = 0;
  virtual Disposition OnException(GuestThread& thread, const ExceptionInfo& exception, GuestRegisters& registers) = 0;
  // After `GuestThread::Interrupt`: the thread was caught in guest code, or is about to return to it.
  virtual Disposition OnInterrupt(GuestThread& thread) = 0;
  // The last call for this thread, on its host thread; it may destroy what belongs to the thread, but not `thread`
  // itself.
  virtual void OnThreadEnd(GuestThread& thread) = 0;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_GUEST_EVENTS_H_
