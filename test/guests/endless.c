// Never ends by itself: "spin" in its own code, or asleep in the kernel.
#include <stdio.h>
#include <string.h>
#include <zircon/syscalls.h>

int main(int argc, char** argv) {
  puts("started");
  while (argc < 2 || strcmp(argv[1], "spin") == 0) __asm__ volatile("");
  zx_nanosleep(ZX_TIME_INFINITE);
  return 0;
}
