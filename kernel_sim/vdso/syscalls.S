// One function per system call, made from the table, and the constants.
#include "constants.h"

        .section .constants, "a", @progbits
        .balign 4096
        .global zirconia_vdso_constants
        .type zirconia_vdso_constants, @object
zirconia_vdso_constants:
        .zero ZIRCONIA_VDSO_CONSTANTS_SIZE
        .size zirconia_vdso_constants, ZIRCONIA_VDSO_CONSTANTS_SIZE

        .hidden constants
        .global constants
        .set constants, zirconia_vdso_constants

// Into the kernel, the number in eax: where the engine gives an entry, a jump to it with the return address in rcx;
// else the instruction. Both come back to the next instruction, the result in rax, rcx and r11 lost.
.macro ENTER_KERNEL number
        mov     $\number, %eax
        mov     constants(%rip), %r11
        test    %r11, %r11
        jz      .Linstruction\@
        lea     .Lback\@(%rip), %rcx
        jmp     *%r11
.Linstruction\@:
        syscall
.Lback\@:
.endm

// From the C calling convention to the kernel's: the fourth argument moves from rcx to r10, the seventh and eighth from
// the stack to r12 and r13, which are the caller's and put back.
.macro VDSO_FUNCTION name number count
        .balign 16
        .global \name
        .type \name, @function
\name:
        .cfi_startproc
        .hidden vdso_\name
        .global vdso_\name
        .set    vdso_\name, \name
  .if \count > 3
        mov     %rcx, %r10
  .endif
  .if \count > 6
        push    %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        push    %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        mov     24(%rsp), %r12
    .if \count > 7
        mov     32(%rsp), %r13
    .endif
  .endif
        ENTER_KERNEL \number
  .if \count > 6
        pop     %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        pop     %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
  .endif
        ret
        .cfi_endproc
        .size   \name, . - \name
.endm

        .text
#define A(kind, name)
#define ZX_SYSCALL(number, type, name, count, arguments) VDSO_FUNCTION zx_##name number count ;
#include "../syscalls.def"

        .section .note.GNU-stack, "", @progbits
