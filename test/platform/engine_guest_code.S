// Guest programs of the engine's tests: position independent, copied into a window. Each starts with rdi = its data
// area, whose first word is the engine's system call entry, and keeps that in rbx. System call 0 ends the thread, in
// these tests.

#define DATA(offset) (offset)(%rbx)

.macro PROGRAM name
  .balign 16
  .globl guest_\name
guest_\name:
.endm

.macro CALL_KERNEL number
  lea 9f(%rip), %rcx
  mov $\number, %eax
  jmp *(%rbx)
9:
.endm

.macro EXIT
  CALL_KERNEL 0
  ud2
.endm

// A label within a program that a test wants to know.
#define AT(name) \
  .globl guest_##name; \
  guest_##name:

  .section .rodata
  .balign 4096
  .globl guest_code_begin
guest_code_begin:

PROGRAM exit
  mov %rdi, %rbx
  EXIT

// Stores the registers as they were at the first instruction: from offset 0x100 on.
PROGRAM store_initial_state
  mov %rax, 0x100(%rdi)
  mov %rbx, 0x108(%rdi)
  mov %rdi, %rbx
  mov %rcx, DATA(0x110)
  mov %rdx, DATA(0x118)
  mov %rsi, DATA(0x120)
  mov %rbp, DATA(0x128)
  mov %rsp, DATA(0x130)
  mov %r8, DATA(0x138)
  mov %r9, DATA(0x140)
  mov %r10, DATA(0x148)
  mov %r11, DATA(0x150)
  mov %r12, DATA(0x158)
  mov %r13, DATA(0x160)
  mov %r14, DATA(0x168)
  mov %r15, DATA(0x170)
  rdfsbase %rax
  mov %rax, DATA(0x178)
  pushfq
  pop %rax
  mov %rax, DATA(0x180)
  stmxcsr DATA(0x188)
  fnstcw DATA(0x190)
  movdqu %xmm0, DATA(0x198)
  movdqu %xmm15, DATA(0x1a8)
  EXIT

// One system call (1) with eight arguments; stores the general registers as they are after it.
PROGRAM call_with_eight_arguments
  mov %rdi, %rbx
  mov $0x1111111111111111, %rdi
  mov $0x2222222222222222, %rsi
  mov $0x3333333333333333, %rdx
  mov $0x4444444444444444, %r10
  mov $0x5555555555555555, %r8
  mov $0x6666666666666666, %r9
  mov $0x7777777777777777, %r12
  mov $0x8888888888888888, %r13
  mov $0x9999999999999999, %rbp
  mov $0xaaaaaaaaaaaaaaaa, %r14
  mov $0xbbbbbbbbbbbbbbbb, %r15
  mov %rsp, DATA(0x80)
  movq $0x5a5a5a5a, -8(%rsp)
  mov $0xffffffff00000001, %rax
  lea 1f(%rip), %rcx
  mov %rcx, DATA(0x88)
  jmp *(%rbx)
1:
  mov %rax, DATA(0x100)
  mov %rbp, DATA(0x108)
  mov %r12, DATA(0x110)
  mov %r13, DATA(0x118)
  mov %r14, DATA(0x120)
  mov %r15, DATA(0x128)
  mov %rsp, DATA(0x130)
  mov %rcx, DATA(0x138)
  mov %rdx, DATA(0x140)
  mov %rsi, DATA(0x148)
  mov %rdi, DATA(0x150)
  mov %r8, DATA(0x158)
  mov %r9, DATA(0x160)
  mov %r10, DATA(0x168)
  mov %r11, DATA(0x170)
  mov -8(%rsp), %rax
  mov %rax, DATA(0x178)
  EXIT

// A system call (1) with the direction and alignment-check flags set, flush-to-zero, round-up and unmasked x87
// exceptions.
PROGRAM call_with_odd_state
  mov %rdi, %rbx
  movl $0xdfc0, DATA(0x80)
  ldmxcsr DATA(0x80)
  movw $0x0a72, DATA(0x88)
  fldcw DATA(0x88)
  pushfq
  orl $0x40400, (%rsp)
  popfq
  CALL_KERNEL 1
  stmxcsr DATA(0x100)
  fnstcw DATA(0x108)
  pushfq
  pop %rax
  mov %rax, DATA(0x110)
  cld
  pushfq
  andl $~0x40000, (%rsp)
  popfq
  CALL_KERNEL 1
  stmxcsr DATA(0x118)
  EXIT

// Sets its FS base to DATA(0x800), calls (1) and stores its FS base and what is there; calls (2) and does so again.
PROGRAM use_fs_base
  mov %rdi, %rbx
  lea DATA(0x800), %rax
  wrfsbase %rax
  CALL_KERNEL 1
  rdfsbase %rax
  mov %rax, DATA(0x100)
  mov %fs:0, %rax
  mov %rax, DATA(0x108)
  CALL_KERNEL 2
  rdfsbase %rax
  mov %rax, DATA(0x110)
  mov %fs:0, %rax
  mov %rax, DATA(0x118)
  AT(use_fs_base_trap)
  ud2
  rdfsbase %rax
  mov %rax, DATA(0x120)
  mov %fs:0, %rax
  mov %rax, DATA(0x128)
  EXIT

PROGRAM use_gs_base
  mov %rdi, %rbx
  lea DATA(0x800), %rax
  wrgsbase %rax
  CALL_KERNEL 1
  rdgsbase %rax
  mov %rax, DATA(0x100)
  mov %gs:0, %rax
  mov %rax, DATA(0x108)
  CALL_KERNEL 2
  rdgsbase %rax
  mov %rax, DATA(0x110)
  mov %gs:0, %rax
  mov %rax, DATA(0x118)
  AT(use_gs_base_trap)
  ud2
  rdgsbase %rax
  mov %rax, DATA(0x120)
  mov %gs:0, %rax
  mov %rax, DATA(0x128)
  EXIT

PROGRAM read_gs
  mov %gs:0x28, %rax
  ud2

// Reads, writes or executes at rsi.
PROGRAM read
  mov (%rsi), %rax
  ud2
PROGRAM write
  mov %rax, (%rsi)
  ud2
PROGRAM jump
  jmp *%rsi
PROGRAM read_by_stack_pointer
  mov %rsi, %rsp
  pop %rax

PROGRAM undefined
  nop
  ud2
PROGRAM breakpoint
  int3
  AT(behind_breakpoint)
  nop
PROGRAM divide_by_zero
  xor %ecx, %ecx
  mov $1, %eax
  AT(divide)
  div %ecx
PROGRAM privileged
  hlt
PROGRAM simd_exception
  pushq $0
  ldmxcsr (%rsp)
  mov $1, %eax
  cvtsi2sd %eax, %xmm0
  pxor %xmm1, %xmm1
  AT(divide_simd)
  divsd %xmm1, %xmm0
PROGRAM unaligned
  pushfq
  orl $0x40000, (%rsp)
  popfq
  AT(unaligned_access)
  mov 0x101(%rdi), %eax

// One instruction is executed after the flag is set.
PROGRAM single_step
  pushfq
  orl $0x100, (%rsp)
  popfq
  nop
  AT(after_step)
  nop

// Single-steps across a system call (1).
PROGRAM single_step_call
  mov %rdi, %rbx
  lea 1f(%rip), %rcx
  mov $1, %eax
  pushfq
  orl $0x100, (%rsp)
  popfq
  jmp *(%rbx)
1:
  nop
  AT(after_step_call)
  mov %rax, DATA(0x100)
  pushfq
  andl $~0x100, (%rsp)
  popfq
  EXIT

// exit_group(1) and, by the old gate, exit(1) of the host, had it been asked.
PROGRAM raw_syscall
  mov %rdi, %rbx
  mov $231, %eax
  mov $1, %edi
  syscall
  AT(behind_raw_syscall)
  mov %rax, DATA(0x100)
  EXIT
PROGRAM raw_int80
  mov %rdi, %rbx
  push %rbx
  mov $1, %eax
  mov $1, %ebx
  int $0x80
  AT(behind_raw_int80)
  pop %rbx
  mov %rax, DATA(0x100)
  EXIT

// Writes to rsi with all of its state in use, then stores that.
PROGRAM write_and_keep_state
  mov %rdi, %rbx
  mov $0x0123456789abcdef, %rax
  movq %rax, %xmm0
  movq %rax, %xmm15
  fld1
  pushfq
  orl $0x400, (%rsp)
  popfq
  movl $0xdf80, DATA(0x80)
  ldmxcsr DATA(0x80)
  mov $0x1234, %r11d
  movq $77, -8(%rsp)
  AT(healed_write)
  mov %rax, (%rsi)
  mov %rax, DATA(0x100)
  movq %xmm0, DATA(0x108)
  movq %xmm15, DATA(0x110)
  fstpl DATA(0x118)
  stmxcsr DATA(0x120)
  mov %r11, DATA(0x128)
  mov -8(%rsp), %rax
  mov %rax, DATA(0x130)
  pushfq
  pop %rax
  mov %rax, DATA(0x138)
  cld
  EXIT

// Calls (1) for ever, counting in DATA(0x100).
PROGRAM call_for_ever
  mov %rdi, %rbx
1:
  incq DATA(0x100)
  CALL_KERNEL 1
  jmp 1b

PROGRAM spin
  mov %rdi, %rbx
1:
  incq DATA(0x100)
  jmp 1b

// A system call (1) that must answer 0x4321 and keep what must be kept, in a program with rsp in r15 and a number in
// r14.
.macro CHECKED_CALL failed
  mov $0x77, %r12d
  mov $0x88, %r13d
  CALL_KERNEL 1
  cmp $0x4321, %rax
  jne \failed
  cmp $0x77, %r12
  jne \failed
  cmp $0x88, %r13
  jne \failed
  cmp %r15, %rsp
  jne \failed
  mov $0x1234567812345678, %rax
  cmp %rax, %r14
  jne \failed
.endm

.macro BEGIN_CHECKED_CALLS
  mov %rdi, %rbx
  mov $0x1234567812345678, %r14
  mov %rsp, %r15
.endm

// For ever: counts in DATA(0x100), writes to rsi, calls, computes; call 2 if anything goes wrong.
PROGRAM work_for_ever
  BEGIN_CHECKED_CALLS
  mov %rsi, %rbp
1:
  incq DATA(0x100)
  mov %r14, (%rbp)
  CHECKED_CALL 3f
  mov $50, %ecx
2:
  mov %rcx, %rdx
  add %rax, %rdx
  sub %rcx, %rdx
  cmp %rax, %rdx
  jne 3f
  dec %ecx
  jnz 2b
  jmp 1b
3:
  CALL_KERNEL 2
  ud2

// Goes every way through the engine that there is for a system call, then spins, counting in DATA(0x100); call 2 if
// anything goes wrong.
PROGRAM tour
  BEGIN_CHECKED_CALLS
  CHECKED_CALL 3f
  lea DATA(0x800), %rbp
  wrgsbase %rbp
  CHECKED_CALL 3f
  rdgsbase %rax
  cmp %rbp, %rax
  jne 3f
  CALL_KERNEL 3
  movl $0xdfc0, DATA(0x80)
  ldmxcsr DATA(0x80)
  movl $0x0a72, DATA(0x88)
  fldcw DATA(0x88)
  CHECKED_CALL 3f
  pushfq
  orl $0x40400, (%rsp)
  popfq
  CHECKED_CALL 3f
  stmxcsr DATA(0x90)
  cmpl $0xdfc0, DATA(0x90)
  jne 3f
  fnstcw DATA(0x98)
  cmpw $0x0a72, DATA(0x98)
  jne 3f
  pushfq
  pop %rax
  and $0x40400, %eax
  cmp $0x40400, %eax
  jne 3f
1:
  incq DATA(0x100)
  jmp 1b
3:
  CALL_KERNEL 2
  ud2

// Calls (1) rsi times.
PROGRAM call_many_times
  mov %rdi, %rbx
  mov %rsi, %rbp
1:
  CALL_KERNEL 1
  dec %rbp
  jnz 1b
  EXIT

// Calls with rsi as the address to return to.
PROGRAM call_and_return_to
  mov %rdi, %rbx
  mov %rsi, %rcx
  mov $1, %eax
  jmp *(%rbx)

  .globl guest_code_end
guest_code_end:

  .section .note.GNU-stack, "", @progbits
