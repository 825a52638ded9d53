// Reads at an address that isn't canonical: a general protection fault.
#include <stdint.h>
#include <stdio.h>

int main(void) {
  puts("about to read 0x8000000000000000");
  return *(volatile int*)(uintptr_t)0x8000000000000000;
}
