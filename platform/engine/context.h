// The engine's state of one guest thread, as the assembly sees it, and the assembly's entry points.
#ifndef ZIRCONIA_PLATFORM_ENGINE_CONTEXT_H_
#define ZIRCONIA_PLATFORM_ENGINE_CONTEXT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "platform/engine/layout.h"
#include "platform/guest_engine.h"
#include "platform/guest_events.h"

namespace zirconia::platform::engine {

// Lies in the thread's slot, so that it can be found from the alternate signal stack and from the guest's GS base. All
// fields belong to the guest's own host thread, except `attention`, which anybody may add bits to. What a signal
// handler shares with the code that it interrupts on the same thread is atomic too.
struct GuestContext {
  // 1 from shortly before the guest's first instruction until shortly after its last one: what traps meanwhile is the
  // guest's.
  std::atomic<uint8_t> in_guest;
  std::atomic<uint32_t> attention;  // ZIRCONIA_ATTENTION_*
  uint32_t restore;                 // ZIRCONIA_RESTORE_*
  // The host's state while guest code runs. `host_rsp` is a multiple of 16; below it is free.
  uint64_t host_rsp;
  uint64_t host_fs;
  // The guest's state while host code runs. `guest_gs` is what is in the register: the slot's own address stands for a
  // base of 0.
  uint64_t guest_rsp;
  uint64_t guest_pc;
  uint64_t guest_flags;
  uint64_t guest_fs;
  uint64_t guest_gs;
  uint64_t start_arg1;
  uint64_t start_arg2;
  uint32_t host_mxcsr;
  uint32_t guest_mxcsr;
  uint16_t host_fcw;
  uint16_t guest_fcw;
  uint8_t guest_x87[28];  // as FNSTENV stores it; valid with ZIRCONIA_RESTORE_X87

  GuestEvents* events;
  GuestThread* thread;

  uint64_t slot() const { return reinterpret_cast<uint64_t>(this) - ZIRCONIA_SLOT_CONTEXT_OFFSET; }
};

static_assert(offsetof(GuestContext, in_guest) == ZIRCONIA_CTX_IN_GUEST);
static_assert(offsetof(GuestContext, attention) == ZIRCONIA_CTX_ATTENTION);
static_assert(offsetof(GuestContext, restore) == ZIRCONIA_CTX_RESTORE);
static_assert(offsetof(GuestContext, host_rsp) == ZIRCONIA_CTX_HOST_RSP);
static_assert(offsetof(GuestContext, host_fs) == ZIRCONIA_CTX_HOST_FS);
static_assert(offsetof(GuestContext, guest_rsp) == ZIRCONIA_CTX_GUEST_RSP);
static_assert(offsetof(GuestContext, guest_pc) == ZIRCONIA_CTX_GUEST_PC);
static_assert(offsetof(GuestContext, guest_flags) == ZIRCONIA_CTX_GUEST_FLAGS);
static_assert(offsetof(GuestContext, guest_fs) == ZIRCONIA_CTX_GUEST_FS);
static_assert(offsetof(GuestContext, guest_gs) == ZIRCONIA_CTX_GUEST_GS);
static_assert(offsetof(GuestContext, start_arg1) == ZIRCONIA_CTX_START_ARG1);
static_assert(offsetof(GuestContext, start_arg2) == ZIRCONIA_CTX_START_ARG2);
static_assert(offsetof(GuestContext, host_mxcsr) == ZIRCONIA_CTX_HOST_MXCSR);
static_assert(offsetof(GuestContext, guest_mxcsr) == ZIRCONIA_CTX_GUEST_MXCSR);
static_assert(offsetof(GuestContext, host_fcw) == ZIRCONIA_CTX_HOST_FCW);
static_assert(offsetof(GuestContext, guest_fcw) == ZIRCONIA_CTX_GUEST_FCW);
static_assert(offsetof(GuestContext, guest_x87) == ZIRCONIA_CTX_GUEST_X87);
static_assert(sizeof(GuestContext) <= ZIRCONIA_SLOT_CONTEXT_SIZE);

// What the signal entry saves of a thread that the signal frame doesn't hold, and loads again on the way out.
struct TrapFrame {
  uint64_t fs;
  uint64_t gs;
  GuestContext* context;  // null on a thread that isn't a guest's
  uint64_t to_guest;      // 1: the frame returns to guest code, as GuestContext::in_guest will say
};

static_assert(offsetof(TrapFrame, fs) == ZIRCONIA_TRAP_FS);
static_assert(offsetof(TrapFrame, gs) == ZIRCONIA_TRAP_GS);
static_assert(offsetof(TrapFrame, context) == ZIRCONIA_TRAP_CONTEXT);
static_assert(offsetof(TrapFrame, to_guest) == ZIRCONIA_TRAP_TO_GUEST);
static_assert(sizeof(TrapFrame) == ZIRCONIA_TRAP_SIZE);

// Answers what `context->attention` asks for. Called with the host's state in place, wherever the thread is about to go
// back.
Disposition Attend(GuestContext& context);

// WRFSBASE and WRGSBASE fault on an address that isn't canonical: the nearest meaning of such a value.
constexpr uint64_t CanonicalBase(uint64_t base) {
  return static_cast<uint64_t>(static_cast<int64_t>(base << 16) >> 16);
}

extern "C" {

// Runs guest code from guest_pc and guest_rsp on; returns when the guest thread has ended.
void zirconia_engine_run(GuestContext* context);

// Where guest code calls (see GuestEngine::syscall_entry).
extern const char zirconia_engine_syscall_entry[];
// A saved context that goes on here, with r11 = GuestContext*, ends the guest thread.
extern const char zirconia_engine_leave[];

// Engine text: on the way in (up to where in_guest is off), from the first window on, and as a whole.
extern const char zirconia_engine_entry_begin[];
extern const char zirconia_engine_entry_end[];
extern const char zirconia_engine_exit_window_begin[];
extern const char zirconia_engine_text_begin[];
extern const char zirconia_engine_text_end[];

// Signal handlers and the restorer for the kernel's sigaction; only the kernel calls them.
void zirconia_engine_trap_handler();
void zirconia_engine_interrupt_handler();
void zirconia_engine_restorer();

}  // extern "C"

}  // namespace zirconia::platform::engine

#endif  // ZIRCONIA_PLATFORM_ENGINE_CONTEXT_H_
