// The import library: a stub `zx_NAME` per function of the vDSO that jumps through a slot, the slots, and the names in
// the same order, for start-up to look up. All is made from the table of system calls; after it come the calls that the
// vDSO answers alone.

#define LOCAL_CALLS                       \
        IMPORT zx_ticks_get ;             \
        IMPORT zx_ticks_per_second ;      \
        IMPORT zx_deadline_after ;        \
        IMPORT zx_system_get_page_size ;  \
        IMPORT zx_system_get_num_cpus ;   \
        IMPORT zx_system_get_physmem ;    \
        IMPORT zx_system_get_dcache_line_size ; \
        IMPORT zx_system_get_version_string

.macro IMPORT name
        .section .bss.guest_imports, "aw", @nobits
slot_\name:
        .zero   8
        .section .rodata.guest_import_names, "a", @progbits
        .asciz  "\name"
        .text
        .balign 8
        .global \name
        .type   \name, @function
\name:
        .cfi_startproc
        jmp     *slot_\name(%rip)
        .cfi_endproc
        .size   \name, . - \name
.endm

        .section .bss.guest_imports, "aw", @nobits
        .balign 8
        .hidden guest_import_slots
        .global guest_import_slots
guest_import_slots:
        .section .rodata.guest_import_names, "a", @progbits
        .hidden guest_import_names
        .global guest_import_names
guest_import_names:

#define A(kind, name)
#define ZX_SYSCALL(number, type, name, count, arguments) IMPORT zx_##name ;
#include "syscalls.def"
LOCAL_CALLS

        .section .rodata.guest_import_names, "a", @progbits
        .byte   0

        .section .note.GNU-stack, "", @progbits
