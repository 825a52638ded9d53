// Executes an undefined instruction.
#include <stdio.h>

int main(void) {
  puts("about to execute ud2");
  __asm__ volatile("ud2");
  return 0;
}
