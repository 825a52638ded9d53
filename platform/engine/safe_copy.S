#include "platform/engine/asm.h"

  .text
  .balign 16
// bool zirconia_engine_safe_copy(void* to, const void* from, size_t size): a fault at an instruction in [begin, end)
// goes on at `fault`.
HIDDEN(zirconia_engine_safe_copy)
  mov %rdx, %rcx
HIDDEN(zirconia_engine_safe_copy_begin)
  cmp $16, %rdx
  ja .Llong
  cmp $8, %rdx
  jb .Llong
  mov (%rsi), %rax
  mov -8(%rsi,%rdx), %r8
  mov %rax, (%rdi)
  mov %r8, -8(%rdi,%rdx)
  mov $1, %eax
  ret
.Llong:
  rep movsb
HIDDEN(zirconia_engine_safe_copy_end)
  mov $1, %eax
  ret
HIDDEN(zirconia_engine_safe_copy_fault)
  xor %eax, %eax
  ret

  .section .note.GNU-stack, "", @progbits
