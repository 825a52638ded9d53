// Aborts, with output still in the buffer: it is shown, then an undefined instruction.
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  fputs("about to abort", stdout);
  abort();
}
