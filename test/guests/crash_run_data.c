// Runs its data: a fatal page fault, an instruction fetch from memory that may not execute.
#include <stdio.h>

static unsigned char data[] = {0xc3};

int main(void) {
  puts("about to run data");
  void (*volatile code)(void) = (void (*)(void))(void*)data;
  code();
  return 0;
}
