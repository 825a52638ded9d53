// The part of POSIX threads that libstdc++'s headers name, on the C11 threads of this runtime.
#pragma once
#include <errno.h>
#include <guest_linkage.h>
#include <sched.h>
#include <threads.h>
#include <time.h>
typedef thrd_t pthread_t;
typedef tss_t pthread_key_t;
typedef once_flag pthread_once_t;
typedef mtx_t pthread_mutex_t;
typedef cnd_t pthread_cond_t;
typedef struct {
  int detached;
} pthread_attr_t;
typedef struct {
  int kind;
} pthread_mutexattr_t;
typedef struct {
  int unused;
} pthread_condattr_t;
#define PTHREAD_MUTEX_INITIALIZER \
  { 0, 0, 0, 0 }
#define PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP \
  { 0, 1, 0, 0 }
#define PTHREAD_COND_INITIALIZER \
  { 0 }
#define PTHREAD_ONCE_INIT 0
#define PTHREAD_MUTEX_NORMAL 0
#define PTHREAD_MUTEX_DEFAULT 0
#define PTHREAD_MUTEX_RECURSIVE 1
#define PTHREAD_CREATE_JOINABLE 0
#define PTHREAD_CREATE_DETACHED 1
__GUEST_BEGIN
int pthread_create(pthread_t* __restrict out, const pthread_attr_t* __restrict attributes, void* (*start)(void*),
                   void* __restrict argument) __GUEST_NOEXCEPT;
int pthread_join(pthread_t thread, void** result);
int pthread_detach(pthread_t thread) __GUEST_NOEXCEPT;
int pthread_cancel(pthread_t thread);
pthread_t pthread_self(void) __GUEST_NOEXCEPT;
int pthread_equal(pthread_t a, pthread_t b) __GUEST_NOEXCEPT;
int pthread_once(pthread_once_t* flag, void (*function)(void));
int pthread_key_create(pthread_key_t* out, void (*destructor)(void*)) __GUEST_NOEXCEPT;
int pthread_key_delete(pthread_key_t key) __GUEST_NOEXCEPT;
void* pthread_getspecific(pthread_key_t key) __GUEST_NOEXCEPT;
int pthread_setspecific(pthread_key_t key, const void* value) __GUEST_NOEXCEPT;
int pthread_mutexattr_init(pthread_mutexattr_t* attributes) __GUEST_NOEXCEPT;
int pthread_mutexattr_settype(pthread_mutexattr_t* attributes, int kind) __GUEST_NOEXCEPT;
int pthread_mutexattr_destroy(pthread_mutexattr_t* attributes) __GUEST_NOEXCEPT;
int pthread_mutex_init(pthread_mutex_t* mutex, const pthread_mutexattr_t* attributes) __GUEST_NOEXCEPT;
int pthread_mutex_destroy(pthread_mutex_t* mutex) __GUEST_NOEXCEPT;
int pthread_mutex_lock(pthread_mutex_t* mutex) __GUEST_NOEXCEPT;
int pthread_mutex_trylock(pthread_mutex_t* mutex) __GUEST_NOEXCEPT;
int pthread_mutex_timedlock(pthread_mutex_t* __restrict mutex,
                            const struct timespec* __restrict until) __GUEST_NOEXCEPT;
int pthread_mutex_unlock(pthread_mutex_t* mutex) __GUEST_NOEXCEPT;
int pthread_cond_init(pthread_cond_t* condition, const pthread_condattr_t* attributes) __GUEST_NOEXCEPT;
int pthread_cond_destroy(pthread_cond_t* condition) __GUEST_NOEXCEPT;
int pthread_cond_signal(pthread_cond_t* condition) __GUEST_NOEXCEPT;
int pthread_cond_broadcast(pthread_cond_t* condition) __GUEST_NOEXCEPT;
int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex);
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const struct timespec* until);
__GUEST_END
