// What the engine's assembly and C++ agree upon: where things lie in a slot and in a GuestContext. Plain macros, for
// both languages; context.h asserts that the structures match.
#ifndef ZIRCONIA_PLATFORM_ENGINE_LAYOUT_H_
#define ZIRCONIA_PLATFORM_ENGINE_LAYOUT_H_

// A slot, low to high: inaccessible, alternate signal stack (grows down), GuestContext, inaccessible.
#define ZIRCONIA_SLOT_SHIFT 20
#define ZIRCONIA_SLOT_SIZE (1 << ZIRCONIA_SLOT_SHIFT)
#define ZIRCONIA_SLOT_COUNT 4096
#define ZIRCONIA_SLOT_GUARD_SIZE (64 << 10)
#define ZIRCONIA_SLOT_CONTEXT_SIZE 4096
#define ZIRCONIA_SLOT_CONTEXT_OFFSET (ZIRCONIA_SLOT_SIZE - ZIRCONIA_SLOT_GUARD_SIZE - ZIRCONIA_SLOT_CONTEXT_SIZE)

// Offsets in a GuestContext.
#define ZIRCONIA_CTX_IN_GUEST 0
#define ZIRCONIA_CTX_ATTENTION 4
#define ZIRCONIA_CTX_RESTORE 8
#define ZIRCONIA_CTX_HOST_RSP 16
#define ZIRCONIA_CTX_HOST_FS 24
#define ZIRCONIA_CTX_GUEST_RSP 32
#define ZIRCONIA_CTX_GUEST_PC 40
#define ZIRCONIA_CTX_GUEST_FLAGS 48
#define ZIRCONIA_CTX_GUEST_FS 56
#define ZIRCONIA_CTX_GUEST_GS 64
#define ZIRCONIA_CTX_START_ARG1 72
#define ZIRCONIA_CTX_START_ARG2 80
#define ZIRCONIA_CTX_HOST_MXCSR 88
#define ZIRCONIA_CTX_GUEST_MXCSR 92
#define ZIRCONIA_CTX_HOST_FCW 96
#define ZIRCONIA_CTX_GUEST_FCW 98
#define ZIRCONIA_CTX_GUEST_X87 100

// GuestContext::attention: why the way back to the guest must stop at Attend().
#define ZIRCONIA_ATTENTION_INTERRUPT 1
#define ZIRCONIA_ATTENTION_STEP 2

// GuestContext::restore: what the way back from a system call must put back besides the usual.
#define ZIRCONIA_RESTORE_GS 1
#define ZIRCONIA_RESTORE_MXCSR 2
#define ZIRCONIA_RESTORE_X87 4
#define ZIRCONIA_RESTORE_FLAGS 8

#define ZIRCONIA_FLAG_TF 0x100
#define ZIRCONIA_FLAG_DF 0x400
#define ZIRCONIA_FLAG_NT 0x4000
#define ZIRCONIA_FLAG_AC 0x40000
// What host code must not run with.
#define ZIRCONIA_FLAGS_FOREIGN (ZIRCONIA_FLAG_TF | ZIRCONIA_FLAG_DF | ZIRCONIA_FLAG_NT | ZIRCONIA_FLAG_AC)
#define ZIRCONIA_FLAGS_INITIAL 0x202

#define ZIRCONIA_MXCSR_INITIAL 0x1f80
// The bits of MXCSR that steer; the lower six only report.
#define ZIRCONIA_MXCSR_CONTROL 0xffc0

// The state components that a guest starts without: x87, SSE, AVX, AVX-512. Not the protection keys, which aren't
// vector state.
#define ZIRCONIA_XSTATE_MASK 0xe7

// Offsets in a TrapFrame.
#define ZIRCONIA_TRAP_FS 0
#define ZIRCONIA_TRAP_GS 8
#define ZIRCONIA_TRAP_CONTEXT 16
#define ZIRCONIA_TRAP_TO_GUEST 24
#define ZIRCONIA_TRAP_SIZE 32

#endif  // ZIRCONIA_PLATFORM_ENGINE_LAYOUT_H_
