// Writes to its own code: a fatal page fault, a write to a read-only mapping.
#include <stdio.h>

int main(void) {
  puts("about to overwrite main");
  volatile unsigned char* code = (volatile unsigned char*)(void*)main;
  code[0] = 0xc3;
  return 0;
}
