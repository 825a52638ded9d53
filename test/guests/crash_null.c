// Reads through a null pointer: a fatal page fault at address 0.
#include <stdio.h>

int main(void) {
  puts("about to read address 0");
  int* volatile nowhere = NULL;
  return *nowhere;
}
