// What guest threads of the soak run: position independent. rdi: four words, namely where the pages begin, the number
// of the first, how many there are, and a count of touches. Each word of page n is n with a mark, 1 or 2, in its upper
// half. Anything else is an undefined instruction.
  .section .rodata
  .globl zirconia_campaign_guest_begin, zirconia_campaign_guest_end
zirconia_campaign_guest_begin:
  mov (%rdi), %r8
  mov 8(%rdi), %r9
  mov 16(%rdi), %r10
1:
  mov 2048(%r8), %rax
  cmp %r9d, %eax
  jne 2f
  shr $32, %rax
  dec %rax
  cmp $1, %rax
  ja 2f
  add $4096, %r8
  inc %r9
  incq 24(%rdi)
  dec %r10
  jnz 1b
  jmp zirconia_campaign_guest_begin
2:
  ud2
zirconia_campaign_guest_end:

  .section .note.GNU-stack, "", @progbits
