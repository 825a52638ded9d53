// Where the kernel delivers the engine's signals. A handler interrupts guest code with the guest's FS base, GS base and
// flags; nothing but what is here may run before the host's are back. A guest thread is told by its alternate stack,
// which lies in the array of slots.

#include "platform/engine/asm.h"
#include "platform/engine/layout.h"

// ucontext_t.uc_mcontext.gregs[]
#define UC_R11 64
#define UC_RSP 160
#define UC_RIP 168

#define TRAP(field) ZIRCONIA_TRAP_##field(%rsp)

// Jumps to `target` if rcx is in [begin, end).
.macro IF_IN_RANGE begin, end, target
  lea \begin(%rip), %r8
  cmp %r8, %rcx
  jb 1f
  lea \end(%rip), %r8
  cmp %r8, %rcx
  jb \target
1:
.endm

  .text
  .balign 16
// (rdi: signal, rsi: siginfo_t*, rdx: ucontext_t*). Callee-saved registers are free: the frame holds the interrupted
// ones.
HIDDEN(zirconia_engine_trap_handler)
  // The kernel leaves AC set.
  pushfq
  andl $~ZIRCONIA_FLAGS_FOREIGN, (%rsp)
  popfq
  sub $(ZIRCONIA_TRAP_SIZE + 8), %rsp
  movq $0, TRAP(TO_GUEST)
  mov %rsp, %rbx
  sub zirconia_engine_slots(%rip), %rbx
  cmp zirconia_engine_slots_size(%rip), %rbx
  jae .Lstranger
  and $-ZIRCONIA_SLOT_SIZE, %rbx
  add zirconia_engine_slots(%rip), %rbx
  add $ZIRCONIA_SLOT_CONTEXT_OFFSET, %rbx
  mov %rbx, TRAP(CONTEXT)
  rdfsbase %rax
  mov %rax, TRAP(FS)
  rdgsbase %rax
  mov %rax, TRAP(GS)
  mov ZIRCONIA_CTX_HOST_FS(%rbx), %rax
  wrfsbase %rax
  mov %rsp, %rcx
  call zirconia_engine_on_signal
  mov TRAP(FS), %rax
  wrfsbase %rax
  mov TRAP(GS), %rax
  wrgsbase %rax
  mov TRAP(TO_GUEST), %rax
  mov %al, ZIRCONIA_CTX_IN_GUEST(%rbx)
  add $(ZIRCONIA_TRAP_SIZE + 8), %rsp
  ret
.Lstranger:
  movq $0, TRAP(CONTEXT)
  mov %rsp, %rcx
  call zirconia_engine_on_signal
  add $(ZIRCONIA_TRAP_SIZE + 8), %rsp
  ret

// The interrupt signal. Host code only needs to find `attention` set on its way back, except in the few instructions
// between its look at `attention` and the guest's first instruction, which are sent back to look again. Guest code is
// stopped like by a trap.
HIDDEN(zirconia_engine_interrupt_handler)
  mov %rsp, %rax
  sub zirconia_engine_slots(%rip), %rax
  cmp zirconia_engine_slots_size(%rip), %rax
  jae .Lignore
  and $-ZIRCONIA_SLOT_SIZE, %rax
  add zirconia_engine_slots(%rip), %rax
  add $ZIRCONIA_SLOT_CONTEXT_OFFSET, %rax
  cmpb $0, ZIRCONIA_CTX_IN_GUEST(%rax)
  je .Lignore
  mov UC_RIP(%rdx), %rcx
  lea zirconia_engine_exit_interrupted(%rip), %r9
  IF_IN_RANGE zirconia_engine_exit_window_begin, zirconia_engine_exit_window_end, .Lredirect
  IF_IN_RANGE zirconia_engine_exit_iret_window_begin, zirconia_engine_exit_iret_window_end, .Lredirect
  lea zirconia_engine_start_interrupted(%rip), %r9
  IF_IN_RANGE zirconia_engine_start_window_begin, zirconia_engine_start_window_end, .Lredirect
  IF_IN_RANGE zirconia_engine_text_begin, zirconia_engine_text_end, .Lignore
  jmp zirconia_engine_trap_handler
.Lredirect:
  mov %r9, UC_RIP(%rdx)
  mov %rax, UC_R11(%rdx)
.Lignore:
  ret

  .balign 16
  nop
// The bytes by which debuggers know a signal's return.
HIDDEN(zirconia_engine_restorer)
  mov $15, %rax
  syscall

  .section .note.GNU-stack, "", @progbits
