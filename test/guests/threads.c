// Threads: mutexes, conditions, thread-locals, results, detached threads.
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>

#include "check.h"

#define THREADS 8
#define ROUNDS 20000

static mtx_t mutex;
static cnd_t condition;
static long counter;
static thread_local long own_counter = 5;
static thread_local char large_local[3000];

static int count_up(void* argument) {
  for (int i = 0; i < ROUNDS; ++i) {
    mtx_lock(&mutex);
    ++counter;
    mtx_unlock(&mutex);
    ++own_counter;
  }
  memset(large_local, 1, sizeof(large_local));
  return own_counter == ROUNDS + 5 ? (int)(intptr_t)argument : -1;
}

static void a_mutex_lets_one_thread_in_at_a_time(void) {
  thrd_t threads[THREADS];
  for (intptr_t i = 0; i < THREADS; ++i) EXPECT(thrd_create(&threads[i], count_up, (void*)i) == thrd_success);
  for (int i = 0; i < THREADS; ++i) {
    int result = -2;
    EXPECT(thrd_join(threads[i], &result) == thrd_success);
    EXPECT(result == i);
  }
  EXPECT(counter == (long)THREADS * ROUNDS);
  EXPECT(own_counter == 5);
}

static int turn;
static int take_turns(void* argument) {
  const int own = (int)(intptr_t)argument;
  for (int i = 0; i < 200; ++i) {
    mtx_lock(&mutex);
    while (turn % 2 != own) cnd_wait(&condition, &mutex);
    ++turn;
    cnd_broadcast(&condition);
    mtx_unlock(&mutex);
  }
  return 0;
}

static void threads_wake_one_another(void) {
  thrd_t threads[2];
  for (intptr_t i = 0; i < 2; ++i) EXPECT(thrd_create(&threads[i], take_turns, (void*)i) == thrd_success);
  for (int i = 0; i < 2; ++i) EXPECT(thrd_join(threads[i], NULL) == thrd_success);
  EXPECT(turn == 400);
}

static tss_t key;
static int destroyed;
static void destroy_value(void* value) { destroyed += *(int*)value; }
static int set_value(void* argument) {
  static int one = 1;
  EXPECT(tss_get(key) == NULL);
  tss_set(key, &one);
  EXPECT(tss_get(key) == &one);
  if (argument != NULL) thrd_exit(7);
  return 3;
}

static void thread_specific_values_are_destroyed_with_their_thread(void) {
  EXPECT(tss_create(&key, destroy_value) == thrd_success);
  for (intptr_t i = 0; i < 2; ++i) {
    thrd_t thread;
    int result = 0;
    EXPECT(thrd_create(&thread, set_value, (void*)i) == thrd_success);
    EXPECT(thrd_join(thread, &result) == thrd_success);
    EXPECT(result == (i == 0 ? 3 : 7));
  }
  EXPECT(destroyed == 2);
}

static zx_futex_t detached_done;
static int detached_thread(void* argument) {
  (void)argument;
  ++detached_done;
  zx_futex_wake(&detached_done, 1);
  return 0;
}

static void detached_threads_end_by_themselves(void) {
  for (int i = 0; i < 50; ++i) {
    const int before = detached_done;
    thrd_t thread;
    EXPECT(thrd_create(&thread, detached_thread, NULL) == thrd_success);
    EXPECT(thrd_detach(thread) == thrd_success);
    while (detached_done == before) zx_futex_wait(&detached_done, before, ZX_HANDLE_INVALID, ZX_TIME_INFINITE);
  }
}

static int once_count;
static once_flag once = ONCE_FLAG_INIT;
static void count_once(void) { ++once_count; }
static int call_it_once(void* argument) {
  (void)argument;
  call_once(&once, count_once);
  return once_count;
}

static void once_means_once(void) {
  thrd_t threads[4];
  for (int i = 0; i < 4; ++i) EXPECT(thrd_create(&threads[i], call_it_once, NULL) == thrd_success);
  for (int i = 0; i < 4; ++i) {
    int result = 0;
    EXPECT(thrd_join(threads[i], &result) == thrd_success);
    EXPECT(result == 1);
  }
}

static void a_futex_compares_and_times_out(void) {
  static zx_futex_t word = 3;
  EXPECT_STATUS(zx_futex_wait(&word, 4, ZX_HANDLE_INVALID, ZX_TIME_INFINITE), ZX_ERR_BAD_STATE);
  EXPECT_STATUS(zx_futex_wait(&word, 3, ZX_HANDLE_INVALID, zx_deadline_after(ZX_MSEC(1))), ZX_ERR_TIMED_OUT);
  EXPECT_STATUS(zx_futex_wake(&word, 1), ZX_OK);
}

int main(void) {
  mtx_init(&mutex, mtx_plain);
  cnd_init(&condition);
  RUN(a_mutex_lets_one_thread_in_at_a_time);
  RUN(threads_wake_one_another);
  RUN(thread_specific_values_are_destroyed_with_their_thread);
  RUN(detached_threads_end_by_themselves);
  RUN(once_means_once);
  RUN(a_futex_compares_and_times_out);
  return failures;
}
