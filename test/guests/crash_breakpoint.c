// Executes a breakpoint instruction.
#include <stdio.h>

int main(void) {
  puts("about to execute int3");
  __asm__ volatile("int3");
  return 0;
}
