// Into guest code and out of it. Code here that runs with the guest's FS base touches neither the guest's stack nor
// thread-locals.
//
// Throughout: r11 = GuestContext*; on the way back from a system call, rax = its result.

#include <sys/syscall.h>

#include "platform/engine/asm.h"
#include "platform/engine/layout.h"

#define CTX(field) ZIRCONIA_CTX_##field(%r11)

// On the host stack during a system call: SyscallArguments (number, eight arguments, pc), the guest's flags,
// GuestContext*.
#define FRAME_FLAGS 80
#define FRAME_CONTEXT 88

  .text
  .balign 64
HIDDEN(zirconia_engine_text_begin)
HIDDEN(zirconia_engine_entry_begin)

// The guest uses a GS base of its own: find the slot by the host's thread id. Slower by a host call and a search.
.Lentry_foreign_gs:
  movq %rax, %xmm0
  movq %rcx, %xmm1
  mov $SYS_gettid, %eax
  syscall
  mov $ZIRCONIA_SLOT_COUNT, %ecx
  lea zirconia_engine_slot_threads(%rip), %r11
1:
  cmp %eax, (%r11)
  je 1f
  add $4, %r11
  dec %ecx
  jnz 1b
  ud2
1:
  mov $ZIRCONIA_SLOT_COUNT, %r11d
  sub %ecx, %r11d
  shl $ZIRCONIA_SLOT_SHIFT, %r11
  add zirconia_engine_slots(%rip), %r11
  add $ZIRCONIA_SLOT_CONTEXT_OFFSET, %r11
  rdgsbase %rcx
  mov %rcx, CTX(GUEST_GS)
  movq %xmm1, %rcx
  movq %xmm0, %rax
  jmp .Lentry_found

// The guest has flags (those of concern are in eax) or control words of its own. rcx is free, all arguments are saved.
.Lentry_odd_state:
  xor %ecx, %ecx
  test %eax, %eax
  jz 1f
  or $ZIRCONIA_RESTORE_FLAGS, %ecx
  mov FRAME_FLAGS(%rsp), %rax
  mov %rax, CTX(GUEST_FLAGS)
  pushq $ZIRCONIA_FLAGS_INITIAL
  popfq
1:
  mov CTX(GUEST_FCW), %ax
  cmp CTX(HOST_FCW), %ax
  je 1f
  or $ZIRCONIA_RESTORE_X87, %ecx
  fnstenv CTX(GUEST_X87)
  fnclex
  fldcw CTX(HOST_FCW)
1:
  mov CTX(GUEST_MXCSR), %eax
  xor CTX(HOST_MXCSR), %eax
  test $ZIRCONIA_MXCSR_CONTROL, %eax
  jz 1f
  or $ZIRCONIA_RESTORE_MXCSR, %ecx
  ldmxcsr CTX(HOST_MXCSR)
1:
  mov %ecx, CTX(RESTORE)
  jmp .Lentry_done

// A system call of the guest. r11 is the only free register until the arguments are saved.
  .balign 64
HIDDEN(zirconia_engine_syscall_entry)
  rdgsbase %r11
  sub zirconia_engine_slots(%rip), %r11
  cmp zirconia_engine_slots_size(%rip), %r11
  jae .Lentry_foreign_gs
  test $(ZIRCONIA_SLOT_SIZE - 1), %r11d
  jnz .Lentry_foreign_gs
  add zirconia_engine_slots(%rip), %r11
  mov %r11, (ZIRCONIA_SLOT_CONTEXT_OFFSET + ZIRCONIA_CTX_GUEST_GS)(%r11)
  add $ZIRCONIA_SLOT_CONTEXT_OFFSET, %r11
.Lentry_found:
  mov %rsp, CTX(GUEST_RSP)
  mov %rcx, CTX(GUEST_PC)
  mov CTX(HOST_RSP), %rsp
  mov %eax, %eax
  push %r11
  pushfq
  push %rcx
  push %r13
  push %r12
  push %r9
  push %r8
  push %r10
  push %rdx
  push %rsi
  push %rdi
  push %rax
  movl $0, CTX(RESTORE)
  rdfsbase %rcx
  mov %rcx, CTX(GUEST_FS)
  mov CTX(HOST_FS), %rcx
  wrfsbase %rcx
  stmxcsr CTX(GUEST_MXCSR)
  fnstcw CTX(GUEST_FCW)
  mov CTX(GUEST_MXCSR), %ecx
  xor CTX(HOST_MXCSR), %ecx
  and $ZIRCONIA_MXCSR_CONTROL, %ecx
  movzwl CTX(GUEST_FCW), %eax
  xor CTX(HOST_FCW), %ax
  or %eax, %ecx
  mov FRAME_FLAGS(%rsp), %eax
  and $ZIRCONIA_FLAGS_FOREIGN, %eax
  or %eax, %ecx
  jnz .Lentry_odd_state
.Lentry_done:
  movb $0, CTX(IN_GUEST)
HIDDEN(zirconia_engine_entry_end)
  mov %r11, %rdi
  mov %rsp, %rsi
  call zirconia_engine_on_syscall
  mov FRAME_CONTEXT(%rsp), %r11
  test %dl, %dl
  jnz zirconia_engine_leave

.Lexit:
  cmpl $0, CTX(RESTORE)
  jnz .Lexit_odd_state
.Lexit_clean:
  mov CTX(GUEST_FS), %rcx
  wrfsbase %rcx
  mov CTX(GUEST_PC), %rcx
  xor %edx, %edx
  xor %esi, %esi
  xor %edi, %edi
  xor %r8d, %r8d
  xor %r9d, %r9d
  xor %r10d, %r10d
  movb $1, CTX(IN_GUEST)
  cmpl $0, CTX(ATTENTION)
HIDDEN(zirconia_engine_exit_window_begin)
  jnz zirconia_engine_exit_interrupted
  mov CTX(GUEST_RSP), %rsp
  xor %r11d, %r11d
  jmp *%rcx
HIDDEN(zirconia_engine_exit_window_end)

.Lexit_odd_state:
  mov CTX(RESTORE), %ecx
  test $ZIRCONIA_RESTORE_GS, %ecx
  jz 1f
  mov CTX(GUEST_GS), %rdx
  wrgsbase %rdx
1:
  test $ZIRCONIA_RESTORE_MXCSR, %ecx
  jz 1f
  ldmxcsr CTX(GUEST_MXCSR)
1:
  test $ZIRCONIA_RESTORE_X87, %ecx
  jz 1f
  fldenv CTX(GUEST_X87)
1:
  test $ZIRCONIA_RESTORE_FLAGS, %ecx
  jz .Lexit_clean
  // Flags that no instruction of the host may run with: IRET sets them together with the guest's program counter.
  mov CTX(HOST_RSP), %rsp
  mov CTX(GUEST_FS), %rcx
  wrfsbase %rcx
  mov %ss, %ecx
  push %rcx
  push CTX(GUEST_RSP)
  mov CTX(GUEST_FLAGS), %rcx
  and $~ZIRCONIA_FLAG_NT, %rcx
  push %rcx
  mov %cs, %ecx
  push %rcx
  mov CTX(GUEST_PC), %rcx
  push %rcx
  xor %edx, %edx
  xor %esi, %esi
  xor %edi, %edi
  xor %r8d, %r8d
  xor %r9d, %r9d
  xor %r10d, %r10d
  movb $1, CTX(IN_GUEST)
  cmpl $0, CTX(ATTENTION)
HIDDEN(zirconia_engine_exit_iret_window_begin)
  jnz zirconia_engine_exit_interrupted
  xor %r11d, %r11d
  iretq
HIDDEN(zirconia_engine_exit_iret_window_end)

// Attention is wanted on the way back from a system call. The callee-saved registers are the guest's; FS may be
// either's.
HIDDEN(zirconia_engine_exit_interrupted)
  mov CTX(HOST_FS), %rcx
  wrfsbase %rcx
  movb $0, CTX(IN_GUEST)
  mov CTX(HOST_RSP), %rsp
  mov CTX(RESTORE), %ecx
  test $ZIRCONIA_RESTORE_MXCSR, %ecx
  jz 1f
  ldmxcsr CTX(HOST_MXCSR)
1:
  test $ZIRCONIA_RESTORE_X87, %ecx
  jz 1f
  fnclex
  fldcw CTX(HOST_FCW)
1:
  push %rax
  push %r11
  mov %r11, %rdi
  call zirconia_engine_attend
  mov %eax, %edx
  pop %r11
  pop %rax
  test %dl, %dl
  jz .Lexit

// The guest thread has ended: return from zirconia_engine_run.
HIDDEN(zirconia_engine_leave)
  mov CTX(HOST_FS), %rcx
  wrfsbase %rcx
  movb $0, CTX(IN_GUEST)
  xor %ecx, %ecx
  wrgsbase %rcx
  mov CTX(HOST_RSP), %rsp
  fninit
  fldcw CTX(HOST_FCW)
  ldmxcsr CTX(HOST_MXCSR)
  add $8, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret

HIDDEN(zirconia_engine_run)
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  sub $8, %rsp
  mov %rdi, %r11
  mov %rsp, CTX(HOST_RSP)
  rdfsbase %rcx
  mov %rcx, CTX(HOST_FS)
  stmxcsr CTX(HOST_MXCSR)
  fnstcw CTX(HOST_FCW)
.Lstart:
  mov $ZIRCONIA_XSTATE_MASK, %eax
  xor %edx, %edx
  xrstor .Linitial_xstate(%rip)
  mov CTX(GUEST_GS), %rcx
  wrgsbase %rcx
  mov CTX(GUEST_FS), %rcx
  wrfsbase %rcx
  mov %ss, %ecx
  push %rcx
  push CTX(GUEST_RSP)
  pushq $ZIRCONIA_FLAGS_INITIAL
  mov %cs, %ecx
  push %rcx
  push CTX(GUEST_PC)
  mov CTX(START_ARG1), %rdi
  mov CTX(START_ARG2), %rsi
  xor %eax, %eax
  xor %ebx, %ebx
  xor %ecx, %ecx
  xor %edx, %edx
  xor %ebp, %ebp
  xor %r8d, %r8d
  xor %r9d, %r9d
  xor %r10d, %r10d
  xor %r12d, %r12d
  xor %r13d, %r13d
  xor %r14d, %r14d
  xor %r15d, %r15d
  movb $1, CTX(IN_GUEST)
  cmpl $0, CTX(ATTENTION)
HIDDEN(zirconia_engine_start_window_begin)
  jnz zirconia_engine_start_interrupted
  mov $0, %r11d
  iretq
HIDDEN(zirconia_engine_start_window_end)

HIDDEN(zirconia_engine_start_interrupted)
  mov CTX(HOST_FS), %rcx
  wrfsbase %rcx
  movb $0, CTX(IN_GUEST)
  mov CTX(HOST_RSP), %rsp
  fldcw CTX(HOST_FCW)
  ldmxcsr CTX(HOST_MXCSR)
  mov %r11, %rbx
  mov %r11, %rdi
  call zirconia_engine_attend
  mov %rbx, %r11
  test %al, %al
  jz .Lstart
  jmp zirconia_engine_leave

HIDDEN(zirconia_engine_text_end)

// An XSAVE image with nothing in it but MXCSR: loading it puts x87 and vector state into their initial configuration.
  .section .rodata
  .balign 64
.Linitial_xstate:
  .zero 24
  .long ZIRCONIA_MXCSR_INITIAL
  .zero 576 - 28

  .section .note.GNU-stack, "", @progbits
