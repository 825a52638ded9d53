// The C library, where programs rely on it and a shortcut would show.
#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>

#include "check.h"

// A search without a limit goes to the end of the string, wherever that lies in its 16 bytes.
static void strings_are_copied_whole(void) {
  static char text[256];
  for (size_t start = 0; start < 20; ++start) {
    for (size_t length = 0; length < 100; ++length) {
      memset(text, 'x', sizeof(text));
      text[start + length] = '\0';
      char* copy = strdup(text + start);
      EXPECT(copy != NULL && strcmp(copy, text + start) == 0);
      free(copy);
      EXPECT(strnlen(text + start, SIZE_MAX) == length);
    }
  }
}

static sem_t semaphore;
static int posts_thrice(void* unused) {
  (void)unused;
  for (int i = 0; i < 3; ++i) sem_post(&semaphore);
  return 0;
}

static void semaphores_count(void) {
  EXPECT(sem_init(&semaphore, 0, 1) == 0);
  EXPECT(sem_trywait(&semaphore) == 0);
  EXPECT(sem_trywait(&semaphore) == -1 && errno == EAGAIN);
  thrd_t thread;
  EXPECT(thrd_create(&thread, posts_thrice, NULL) == thrd_success);
  for (int i = 0; i < 3; ++i) EXPECT(sem_wait(&semaphore) == 0);
  thrd_join(thread, NULL);
  struct timespec soon;
  timespec_get(&soon, TIME_UTC);
  EXPECT(sem_timedwait(&semaphore, &soon) == -1 && errno == ETIMEDOUT);
}

static volatile int raised;
static void note(int signal) { raised = signal; }

static void a_raised_signal_reaches_its_handler(void) {
  EXPECT(signal(SIGTERM, note) == SIG_DFL);
  EXPECT(raise(SIGTERM) == 0 && raised == SIGTERM);
  EXPECT(signal(SIGTERM, SIG_IGN) == SIG_DFL);  // a handler serves once
  EXPECT(raise(SIGTERM) == 0);
  EXPECT(signal(0, note) == SIG_ERR);
}

static void clock_counts_processor_time(void) {
  const clock_t before = clock();
  thrd_sleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
  const clock_t slept = clock();
  for (volatile int i = 0; i < 20000000;) i = i + 1;
  EXPECT(before >= 0 && slept - before < clock() - slept);
}

int main(void) {
  RUN(strings_are_copied_whole);
  RUN(semaphores_count);
  RUN(a_raised_signal_reaches_its_handler);
  RUN(clock_counts_processor_time);
  return failures;
}
