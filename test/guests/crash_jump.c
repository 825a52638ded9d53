// Jumps to an address where nothing is mapped: a fatal page fault, fetching an instruction there.
#include <stdint.h>
#include <stdio.h>

int main(void) {
  puts("about to jump to 0x1234000");
  void (*volatile nowhere)(void) = (void (*)(void))(uintptr_t)0x1234000;
  nowhere();
  return 0;
}
