#include "platform/engine/traps.h"

#include <cstdint>

#include "platform/engine/signals.h"

namespace zirconia::platform::engine {
namespace {

// The processor's exception numbers that the engine tells apart.
constexpr uint64_t kDebug = 1;
constexpr uint64_t kBreakpoint = 3;
constexpr uint64_t kInvalidOpcode = 6;
constexpr uint64_t kPageFault = 14;
constexpr uint64_t kAlignmentCheck = 17;

// Bits of a page fault's error code.
constexpr uint64_t kPageFaultWrite = 2;
constexpr uint64_t kPageFaultFetch = 16;

constexpr int kSysUserDispatch = 2;  // si_code of SIGSYS; not in the C library's headers of 2022

bool IsWithin(uint64_t address, const char* begin, const char* end) {
  return address >= reinterpret_cast<uint64_t>(begin) && address < reinterpret_cast<uint64_t>(end);
}

// Pairs each field of GuestRegisters with its place in the frame.
template <typename Visitor>
void ForEachRegister(GuestRegisters& registers, greg_t* gregs, Visitor visit) {
  visit(registers.rax, gregs[REG_RAX]);
  visit(registers.rbx, gregs[REG_RBX]);
  visit(registers.rcx, gregs[REG_RCX]);
  visit(registers.rdx, gregs[REG_RDX]);
  visit(registers.rsi, gregs[REG_RSI]);
  visit(registers.rdi, gregs[REG_RDI]);
  visit(registers.rbp, gregs[REG_RBP]);
  visit(registers.rsp, gregs[REG_RSP]);
  visit(registers.r8, gregs[REG_R8]);
  visit(registers.r9, gregs[REG_R9]);
  visit(registers.r10, gregs[REG_R10]);
  visit(registers.r11, gregs[REG_R11]);
  visit(registers.r12, gregs[REG_R12]);
  visit(registers.r13, gregs[REG_R13]);
  visit(registers.r14, gregs[REG_R14]);
  visit(registers.r15, gregs[REG_R15]);
  visit(registers.rip, gregs[REG_RIP]);
  visit(registers.rflags, gregs[REG_EFL]);
}

// The engine's own instructions fault only by what the guest handed them: an address to go on at that isn't canonical,
// or a GS base that points to a slot not in use. The guest is then as if it had just come back from its call.
void LeaveEngineText(const GuestContext& context, ucontext_t& frame) {
  greg_t* const gregs = frame.uc_mcontext.gregs;
  const uint64_t rip = static_cast<uint64_t>(gregs[REG_RIP]);
  if (!IsWithin(rip, zirconia_engine_text_begin, zirconia_engine_text_end)) return;
  if (IsWithin(rip, zirconia_engine_entry_begin, zirconia_engine_entry_end)) {
    gregs[REG_RIP] = gregs[REG_RCX];
  } else {
    gregs[REG_RIP] = static_cast<greg_t>(context.guest_pc);
    gregs[REG_RSP] = static_cast<greg_t>(context.guest_rsp);
    gregs[REG_RCX] = 0;
  }
  gregs[REG_R11] = 0;
}

// A data address near the slot is a small offset to a GS base that the guest never set.
mm::VirtAddr FaultAddress(const GuestContext& context, const ucontext_t& frame) {
  const uint64_t address = static_cast<uint64_t>(frame.uc_mcontext.gregs[REG_CR2]);
  const uint64_t offset = address - context.slot();
  const bool by_gs =
      context.guest_gs == context.slot() && offset + ZIRCONIA_SLOT_GUARD_SIZE < 2 * ZIRCONIA_SLOT_GUARD_SIZE;
  return mm::VirtAddr(by_gs ? offset : address);
}

ExceptionKind KindOf(uint64_t vector) {
  switch (vector) {
    case kDebug:
      return ExceptionKind::kHardwareBreakpoint;
    case kBreakpoint:
      return ExceptionKind::kSoftwareBreakpoint;
    case kInvalidOpcode:
      return ExceptionKind::kUndefinedInstruction;
    case kAlignmentCheck:
      return ExceptionKind::kUnalignedAccess;
    default:
      return ExceptionKind::kGeneral;
  }
}

Disposition Report(GuestContext& context, int signal, const siginfo_t& info, const ucontext_t& frame,
                   GuestRegisters& registers) {
  GuestEvents& events = *context.events;
  GuestThread& thread = *context.thread;
  if (signal == kInterruptSignal) return Disposition::kResume;  // what it is about is in `attention`
  if (signal == SIGSYS && info.si_code == kSysUserDispatch) {
    return events.OnException(thread, {.kind = ExceptionKind::kRawSyscall, .vector = 0, .error_code = 0, .address = {}},
                              registers);
  }
  const uint64_t vector = static_cast<uint64_t>(frame.uc_mcontext.gregs[REG_TRAPNO]);
  const uint64_t error_code = static_cast<uint64_t>(frame.uc_mcontext.gregs[REG_ERR]);
  if (vector != kPageFault) {
    return events.OnException(
        thread, {.kind = KindOf(vector), .vector = vector, .error_code = error_code, .address = {}}, registers);
  }
  const mm::VirtAddr address = FaultAddress(context, frame);
  if (signal == SIGBUS) {
    return events.OnException(
        thread, {.kind = ExceptionKind::kHostMemory, .vector = vector, .error_code = error_code, .address = address},
        registers);
  }
  const mm::Access access = (error_code & kPageFaultFetch) != 0   ? mm::Access::kExecute
                            : (error_code & kPageFaultWrite) != 0 ? mm::Access::kWrite
                                                                  : mm::Access::kRead;
  return events.OnFault(thread, {.address = address, .access = access, .error_code = error_code}, registers);
}

}  // namespace

Disposition Attend(GuestContext& context) {
  for (;;) {
    const uint32_t attention = context.attention.exchange(0);
    if (attention == 0) return Disposition::kResume;
    if ((attention & ZIRCONIA_ATTENTION_STEP) != 0) {
      if ((context.restore & ZIRCONIA_RESTORE_FLAGS) == 0) context.guest_flags = ZIRCONIA_FLAGS_INITIAL;
      context.guest_flags |= ZIRCONIA_FLAG_TF;
      context.restore |= ZIRCONIA_RESTORE_FLAGS;
    }
    if ((attention & ZIRCONIA_ATTENTION_INTERRUPT) != 0 &&
        context.events->OnInterrupt(*context.thread) == Disposition::kEnd) {
      return Disposition::kEnd;
    }
  }
}

void AnswerTrap(int signal, const siginfo_t& info, ucontext_t& frame, TrapFrame& trap) {
  GuestContext& context = *trap.context;
  greg_t* const gregs = frame.uc_mcontext.gregs;
  if (signal == SIGTRAP &&
      IsWithin(static_cast<uint64_t>(gregs[REG_RIP]), zirconia_engine_entry_begin, zirconia_engine_entry_end)) {
    // A guest that single-steps itself has stepped into a system call: it goes on stepping behind it.
    gregs[REG_EFL] &= ~greg_t{ZIRCONIA_FLAG_TF};
    context.attention.fetch_or(ZIRCONIA_ATTENTION_STEP);
    trap.to_guest = 1;
    return;
  }

  context.in_guest.store(0, std::memory_order_relaxed);
  context.guest_fs = trap.fs;
  context.guest_gs = trap.gs;
  LeaveEngineText(context, frame);
  GuestRegisters registers;
  ForEachRegister(registers, gregs, [](uint64_t& to, greg_t from) { to = static_cast<uint64_t>(from); });
  const uint64_t fs_base = registers.fs_base = context.thread->fs_base();
  const uint64_t gs_base = registers.gs_base = context.thread->gs_base();

  Disposition disposition = Report(context, signal, info, frame, registers);
  if (disposition == Disposition::kResume) {
    // A base can be changed in two ways: in `registers`, or by the thread's setters.
    if (registers.fs_base != fs_base) context.thread->set_fs_base(registers.fs_base);
    if (registers.gs_base != gs_base) context.thread->set_gs_base(registers.gs_base);
    disposition = Attend(context);
  }
  if (disposition == Disposition::kEnd) {
    gregs[REG_RIP] = reinterpret_cast<greg_t>(zirconia_engine_leave);
    gregs[REG_R11] = reinterpret_cast<greg_t>(&context);
    gregs[REG_RSP] = static_cast<greg_t>(context.host_rsp);
    gregs[REG_EFL] = ZIRCONIA_FLAGS_INITIAL;
    trap.fs = context.host_fs;
    return;
  }
  ForEachRegister(registers, gregs, [](uint64_t from, greg_t& to) { to = static_cast<greg_t>(from); });
  trap.fs = context.guest_fs;
  trap.gs = context.guest_gs;
  trap.to_guest = 1;
}

// Called by entry.S.
SyscallAnswer OnSyscall(GuestContext* context, const SyscallArguments* arguments) __asm__("zirconia_engine_on_syscall");
SyscallAnswer OnSyscall(GuestContext* context, const SyscallArguments* arguments) {
  return context->events->OnSyscall(*context->thread, *arguments);
}

extern "C" Disposition zirconia_engine_attend(GuestContext* context) { return Attend(*context); }

}  // namespace zirconia::platform::engine
