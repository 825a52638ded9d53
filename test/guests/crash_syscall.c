// Makes a system call of its own, with a number that would end the process on Linux: a policy exception (bad system
// call).
#include <stdio.h>

int main(void) {
  puts("about to execute a syscall instruction");
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(231), "D"(99) : "rcx", "r11", "memory");
  printf("it came back with %ld\n", result);
  return 0;
}
