// POSIX semaphores between the threads of a process.
#pragma once
#include <guest_linkage.h>
#include <time.h>
typedef struct {
  int value, waiters;
} sem_t;
#define SEM_VALUE_MAX 2147483647
__GUEST_BEGIN
int sem_init(sem_t* semaphore, int shared, unsigned value) __GUEST_NOEXCEPT;
int sem_destroy(sem_t* semaphore) __GUEST_NOEXCEPT;
int sem_post(sem_t* semaphore) __GUEST_NOEXCEPT;
int sem_wait(sem_t* semaphore);
int sem_trywait(sem_t* semaphore) __GUEST_NOEXCEPT;
int sem_timedwait(sem_t* __restrict semaphore, const struct timespec* __restrict until);
int sem_getvalue(sem_t* __restrict semaphore, int* __restrict value) __GUEST_NOEXCEPT;
__GUEST_END
