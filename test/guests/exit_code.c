// Ends with the code that its argument gives, by way of exit functions and whatever stands in the output buffer.
#include <stdio.h>
#include <stdlib.h>

// Small enough that only its own alignment says where it lies.
static _Thread_local int thread_local_value = 77;

static void first(void) { puts("registered first, runs last"); }
static void second(void) { puts("registered second, runs first"); }
__attribute__((__constructor__)) static void constructor(void) { puts("constructor"); }
__attribute__((__destructor__)) static void destructor(void) { puts("destructor"); }

int main(int argc, char** argv) {
  if (thread_local_value != 77) puts("FAIL the thread-local has another value");
  atexit(first);
  atexit(second);
  fputs("no newline at the end", stdout);
  exit(argc > 1 ? atoi(argv[1]) : 0);
}
