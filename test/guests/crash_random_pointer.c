// Asks for random bytes at an address that isn't mapped: the one call that ends its caller for a bad pointer.
#include <stdint.h>
#include <stdio.h>
#include <zircon/syscalls.h>

int main(void) {
  puts("about to draw random bytes to address 0x1000");
  zx_cprng_draw((void*)(uintptr_t)0x1000, 16);
  puts("it came back");
  return 0;
}
