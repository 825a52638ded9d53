// Loads wild values into everything that a careless kernel would trust: stack pointer, flags, FS base, then makes a
// system call.
#include <stdint.h>
#include <stdio.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>
#include <zircon/syscalls/object.h>

int main(void) {
  puts("about to make a system call without a stack");
  // The direction flag set, FS base 0x1000; the call's return finds no stack: a fault of this guest, and of nobody
  // else.
  const uintptr_t wild = 0x1000;
  if (zx_object_set_property(zx_thread_self(), ZX_PROP_REGISTER_FS, &wild, sizeof(wild)) != ZX_OK) return 1;
  __asm__ volatile(
      "lea 1f(%%rip), %%rax\n\t"
      "std\n\t"
      "mov $0x2000, %%esp\n\t"
      "jmp zx_clock_get_monotonic\n\t"
      "1:"
      :
      :
      : "memory");
  return 0;
}
