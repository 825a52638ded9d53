// Executes a privileged instruction: a general protection fault.
#include <stdio.h>

int main(void) {
  puts("about to execute hlt");
  __asm__ volatile("hlt");
  return 0;
}
