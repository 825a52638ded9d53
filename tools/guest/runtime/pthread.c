// POSIX names for the C11 threads.
#include <pthread.h>
#include <stdbool.h>

#include "internal.h"

int guest_thread_create(struct guest_thread** out, int (*start)(void*), void* (*pointer_start)(void*), void* argument);
int guest_thread_join(struct guest_thread* thread, int* result, void** pointer_result);

static int error_of(int result) {
  switch (result) {
    case thrd_success:
      return 0;
    case thrd_busy:
      return EBUSY;
    case thrd_nomem:
      return ENOMEM;
    case thrd_timedout:
      return ETIMEDOUT;
    default:
      return EINVAL;
  }
}

int pthread_create(pthread_t* restrict out, const pthread_attr_t* restrict attributes, void* (*start)(void*),
                   void* restrict argument) {
  const int result = guest_thread_create(out, NULL, start, argument);
  if (result == thrd_success && attributes != NULL && attributes->detached) thrd_detach(*out);
  return error_of(result);
}
int pthread_join(pthread_t thread, void** result) { return error_of(guest_thread_join(thread, NULL, result)); }
int pthread_detach(pthread_t thread) { return error_of(thrd_detach(thread)); }
int pthread_cancel(pthread_t thread) {
  (void)thread;
  return ENOSYS;
}
pthread_t pthread_self(void) { return thrd_current(); }
int pthread_equal(pthread_t a, pthread_t b) { return a == b; }
int pthread_once(pthread_once_t* flag, void (*function)(void)) {
  call_once(flag, function);
  return 0;
}
int pthread_key_create(pthread_key_t* out, void (*destructor)(void*)) {
  return tss_create(out, destructor) == thrd_success ? 0 : EAGAIN;
}
int pthread_key_delete(pthread_key_t key) {
  tss_delete(key);
  return 0;
}
void* pthread_getspecific(pthread_key_t key) { return tss_get(key); }
int pthread_setspecific(pthread_key_t key, const void* value) { return error_of(tss_set(key, (void*)value)); }
int pthread_mutexattr_init(pthread_mutexattr_t* attributes) {
  attributes->kind = PTHREAD_MUTEX_DEFAULT;
  return 0;
}
int pthread_mutexattr_settype(pthread_mutexattr_t* attributes, int kind) {
  attributes->kind = kind;
  return 0;
}
int pthread_mutexattr_destroy(pthread_mutexattr_t* attributes) {
  (void)attributes;
  return 0;
}
int pthread_mutex_init(pthread_mutex_t* mutex, const pthread_mutexattr_t* attributes) {
  const bool recursive = attributes != NULL && attributes->kind == PTHREAD_MUTEX_RECURSIVE;
  return error_of(mtx_init(mutex, recursive ? mtx_recursive : mtx_plain));
}
int pthread_mutex_destroy(pthread_mutex_t* mutex) {
  mtx_destroy(mutex);
  return 0;
}
int pthread_mutex_lock(pthread_mutex_t* mutex) { return error_of(mtx_lock(mutex)); }
int pthread_mutex_trylock(pthread_mutex_t* mutex) { return error_of(mtx_trylock(mutex)); }
int pthread_mutex_timedlock(pthread_mutex_t* restrict mutex, const struct timespec* restrict until) {
  return error_of(mtx_timedlock(mutex, until));
}
int pthread_mutex_unlock(pthread_mutex_t* mutex) { return error_of(mtx_unlock(mutex)); }
int pthread_cond_init(pthread_cond_t* condition, const pthread_condattr_t* attributes) {
  (void)attributes;
  return error_of(cnd_init(condition));
}
int pthread_cond_destroy(pthread_cond_t* condition) {
  cnd_destroy(condition);
  return 0;
}
int pthread_cond_signal(pthread_cond_t* condition) { return error_of(cnd_signal(condition)); }
int pthread_cond_broadcast(pthread_cond_t* condition) { return error_of(cnd_broadcast(condition)); }
int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  return error_of(cnd_wait(condition, mutex));
}
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const struct timespec* until) {
  return error_of(cnd_timedwait(condition, mutex, until));
}
