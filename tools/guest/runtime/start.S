// Where a process and its threads begin, and setjmp.
        .weak   _DYNAMIC
        .hidden _DYNAMIC
        .text

// The process: the bootstrap channel in edi, the vDSO's base in rsi.
        .global _start
        .type _start, @function
_start:
        .cfi_startproc
        .cfi_undefined %rip
        xor     %ebp, %ebp
        and     $-16, %rsp
        lea     _DYNAMIC(%rip), %rdx    // before relocation nothing may be read from the global offset table
        call    guest_start
        ud2
        .cfi_endproc
        .size _start, . - _start

// A thread: its control block in rdi.
        .global guest_thread_entry
        .hidden guest_thread_entry
        .type guest_thread_entry, @function
guest_thread_entry:
        .cfi_startproc
        .cfi_undefined %rip
        xor     %ebp, %ebp
        and     $-16, %rsp
        call    guest_thread_main
        ud2
        .cfi_endproc
        .size guest_thread_entry, . - guest_thread_entry

        .global setjmp
        .type setjmp, @function
setjmp:
        .cfi_startproc
        mov     %rbx, (%rdi)
        mov     %rbp, 8(%rdi)
        mov     %r12, 16(%rdi)
        mov     %r13, 24(%rdi)
        mov     %r14, 32(%rdi)
        mov     %r15, 40(%rdi)
        lea     8(%rsp), %rax
        mov     %rax, 48(%rdi)
        mov     (%rsp), %rax
        mov     %rax, 56(%rdi)
        xor     %eax, %eax
        ret
        .cfi_endproc
        .size setjmp, . - setjmp

        .global longjmp
        .type longjmp, @function
longjmp:
        .cfi_startproc
        mov     %esi, %eax
        cmp     $1, %eax
        adc     $0, %eax
        mov     (%rdi), %rbx
        mov     8(%rdi), %rbp
        mov     16(%rdi), %r12
        mov     24(%rdi), %r13
        mov     32(%rdi), %r14
        mov     40(%rdi), %r15
        mov     48(%rdi), %rsp
        jmp     *56(%rdi)
        .cfi_endproc
        .size longjmp, . - longjmp

        .section .note.GNU-stack, "", @progbits
