// Divides by zero: a general exception, vector 0.
#include <stdio.h>

int main(void) {
  puts("about to divide by zero");
  volatile int one = 1, zero = 0;
  return one / zero;
}
