// Enters the host's kernel by the 32-bit gate: stopped like a system call instruction.
#include <stdio.h>

int main(void) {
  puts("about to execute int $0x80");
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(1), "b"(99) : "memory");
  printf("it came back with %ld\n", result);
  return 0;
}
