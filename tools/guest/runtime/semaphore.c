// POSIX semaphores on a futex: the value, never below 0, is what waiters sleep on.
#include <errno.h>
#include <limits.h>
#include <semaphore.h>
#include <stdbool.h>

#include "internal.h"

int sem_init(sem_t* semaphore, int shared, unsigned value) {
  if (value > SEM_VALUE_MAX) return errno = EINVAL, -1;
  if (shared) return errno = ENOSYS, -1;
  *semaphore = (sem_t){(int)value, 0};
  return 0;
}

int sem_destroy(sem_t* semaphore) {
  (void)semaphore;
  return 0;
}

int sem_getvalue(sem_t* restrict semaphore, int* restrict value) {
  *value = __atomic_load_n(&semaphore->value, __ATOMIC_RELAXED);
  return 0;
}

int sem_post(sem_t* semaphore) {
  int value = __atomic_load_n(&semaphore->value, __ATOMIC_RELAXED);
  do {
    if (value == SEM_VALUE_MAX) return errno = EOVERFLOW, -1;
  } while (
      !__atomic_compare_exchange_n(&semaphore->value, &value, value + 1, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
  if (__atomic_load_n(&semaphore->waiters, __ATOMIC_SEQ_CST) != 0) zx_futex_wake((zx_futex_t*)&semaphore->value, 1);
  return 0;
}

int sem_trywait(sem_t* semaphore) {
  int value = __atomic_load_n(&semaphore->value, __ATOMIC_RELAXED);
  while (value > 0)
    if (__atomic_compare_exchange_n(&semaphore->value, &value, value - 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      return 0;
  return errno = EAGAIN, -1;
}

static int wait_until(sem_t* semaphore, zx_time_t deadline) {
  const int before = errno;
  while (sem_trywait(semaphore) != 0) {
    __atomic_fetch_add(&semaphore->waiters, 1, __ATOMIC_SEQ_CST);
    const zx_status_t status = zx_futex_wait((zx_futex_t*)&semaphore->value, 0, ZX_HANDLE_INVALID, deadline);
    __atomic_fetch_sub(&semaphore->waiters, 1, __ATOMIC_SEQ_CST);
    // What was posted with the deadline's passing counts.
    if (status == ZX_ERR_TIMED_OUT && sem_trywait(semaphore) != 0) return errno = ETIMEDOUT, -1;
    if (status == ZX_ERR_TIMED_OUT) break;
  }
  errno = before;
  return 0;
}

int sem_wait(sem_t* semaphore) { return wait_until(semaphore, ZX_TIME_INFINITE); }

int sem_timedwait(sem_t* restrict semaphore, const struct timespec* restrict until) {
  return wait_until(semaphore, zx_duration_from_timespec(*until));
}
