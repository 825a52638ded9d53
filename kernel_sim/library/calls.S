// One function for each system call, made from the table: from the C calling convention to
// zirconia_library_call(number, words).

        .section .note.GNU-stack, "", @progbits
        .text

.macro LIBRARY_CALL name number count
        .balign 16
        .global \name
        .type   \name, @function
\name:
        .cfi_startproc
        endbr64
        push    %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        mov     %rsp, %rbp
        .cfi_def_cfa_register %rbp
        sub     $64, %rsp
        mov     %rdi, (%rsp)
        mov     %rsi, 8(%rsp)
        mov     %rdx, 16(%rsp)
        mov     %rcx, 24(%rsp)
        mov     %r8, 32(%rsp)
        mov     %r9, 40(%rsp)
  .if \count > 6
        mov     16(%rbp), %rax
        mov     %rax, 48(%rsp)
  .endif
  .if \count > 7
        mov     24(%rbp), %rax
        mov     %rax, 56(%rsp)
  .endif
        mov     $\number, %edi
        mov     %rsp, %rsi
        call    zirconia_library_call
        leave
        .cfi_def_cfa %rsp, 8
        .cfi_restore %rbp
        ret
        .cfi_endproc
        .size   \name, . - \name
.endm

#define A(kind, name)
#define ZX_SYSCALL(number, type, name, count, arguments) LIBRARY_CALL zx_##name number count ;
#include "kernel_sim/syscalls.def"

// void zirconia_library_run_on(void** saved_stack, uint64_t entry, uint64_t stack, uint64_t arg1, uint64_t arg2)
// calls entry(arg1, arg2) on another stack, as a thread's first function: it must not return.
        .balign 16
        .global zirconia_library_run_on
        .hidden zirconia_library_run_on
        .type   zirconia_library_run_on, @function
zirconia_library_run_on:
        push    %rbp
        push    %rbx
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, (%rdi)
        mov     %rsi, %rax
        mov     %rdx, %rsp
        mov     %rcx, %rdi
        mov     %r8, %rsi
        // The stack is as the caller of zx_thread_start gave it; a return goes nowhere.
        xor     %ebp, %ebp
        jmp     *%rax
        .size   zirconia_library_run_on, . - zirconia_library_run_on

// void zirconia_library_leave(void* saved_stack): returns from zirconia_library_run_on.
        .balign 16
        .global zirconia_library_leave
        .hidden zirconia_library_leave
        .type   zirconia_library_leave, @function
zirconia_library_leave:
        mov     %rdi, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbx
        pop     %rbp
        ret
        .size   zirconia_library_leave, . - zirconia_library_leave

// uint64_t zirconia_library_call_on(void* saved_stack, uint64_t (*function)(void*), void* argument) calls a function on
// the stack that zirconia_library_run_on has left, below what it saved there.
        .balign 16
        .global zirconia_library_call_on
        .hidden zirconia_library_call_on
        .type   zirconia_library_call_on, @function
zirconia_library_call_on:
        push    %rbp
        mov     %rsp, %rbp
        mov     %rdi, %rsp
        and     $-16, %rsp
        mov     %rdx, %rdi
        call    *%rsi
        mov     %rbp, %rsp
        pop     %rbp
        ret
        .size   zirconia_library_call_on, . - zirconia_library_call_on
