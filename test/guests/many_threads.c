// Starts and ends many threads, one after another.
#include <threads.h>

static int nothing(void* argument) {
  (void)argument;
  return 0;
}

int main(void) {
  for (int i = 0; i < 500; ++i) {
    thrd_t thread;
    if (thrd_create(&thread, nothing, NULL) != thrd_success) return 1;
    thrd_join(thread, NULL);
  }
  return 0;
}
