// The code of the small program: it runs wherever it is put, and uses nothing but its stack.
#include <sys/syscall.h>

        .section .rodata
        .globl zirconia_doctor_program
        .globl zirconia_doctor_program_end
        .hidden zirconia_doctor_program
        .hidden zirconia_doctor_program_end
zirconia_doctor_program:
        // read(0, stack, 1)
        xorl    %edi, %edi
        movq    %rsp, %rsi
        movl    $1, %edx
        movl    $SYS_read, %eax
        syscall

        movl    $SYS_fork, %eax
        syscall
        testl   %eax, %eax
        jz      .Lchild

        // wait4(any, stack, 0, none), then exit as the child did
        movq    $-1, %rdi
        movq    %rsp, %rsi
        xorl    %edx, %edx
        xorl    %r10d, %r10d
        movl    $SYS_wait4, %eax
        syscall
        movzbl  1(%rsp), %edi
        movl    $SYS_exit_group, %eax
        syscall

.Lchild:
        movl    $7, %edi
        movl    $SYS_exit_group, %eax
        syscall
zirconia_doctor_program_end:

        .section .note.GNU-stack, "", @progbits
