// Recurses without end: a fatal page fault on the page below the stack.
#include <stdio.h>

#pragma GCC diagnostic ignored "-Winfinite-recursion"

static int recurse(int depth) {
  volatile char frame[256];
  frame[depth % 256] = (char)depth;
  return recurse(depth + 1) + frame[0];
}

int main(void) {
  puts("about to recurse without end");
  return recurse(0);
}
