// A kernel's entry for tests of the vDSO: notes the number and the arguments, spoils what a kernel may spoil, and returns.
        .text
        .global test_vdso_entry
        .type test_vdso_entry, @function
test_vdso_entry:
        mov     %eax, %eax
        mov     %rax, test_vdso_seen(%rip)
        mov     %rdi, test_vdso_seen+8(%rip)
        mov     %rsi, test_vdso_seen+16(%rip)
        mov     %rdx, test_vdso_seen+24(%rip)
        mov     %r10, test_vdso_seen+32(%rip)
        mov     %r8, test_vdso_seen+40(%rip)
        mov     %r9, test_vdso_seen+48(%rip)
        mov     %r12, test_vdso_seen+56(%rip)
        mov     %r13, test_vdso_seen+64(%rip)
        mov     %rcx, %r11
        mov     $-1, %rcx
        mov     %rcx, %rdi
        mov     %rcx, %rsi
        mov     %rcx, %rdx
        mov     %rcx, %r8
        mov     %rcx, %r9
        mov     %rcx, %r10
        movabs  $0x1122334455667788, %rax
        jmp     *%r11
        .size   test_vdso_entry, . - test_vdso_entry

        .bss
        .balign 8
        .global test_vdso_seen
test_vdso_seen:
        .zero   72

        .section .note.GNU-stack, "", @progbits
