// C11 threads, on Zircon threads and futexes.
#pragma once
#include <guest_linkage.h>
#include <time.h>
#ifndef __cplusplus
#define thread_local _Thread_local
#endif
#define ONCE_FLAG_INIT 0
#define TSS_DTOR_ITERATIONS 4
typedef struct guest_thread* thrd_t;
typedef int (*thrd_start_t)(void*);
typedef struct {
  int state, recursive;
  struct guest_thread* owner;
  unsigned depth;
} mtx_t;
typedef struct {
  int sequence;
} cnd_t;
typedef int once_flag;
typedef unsigned tss_t;
typedef void (*tss_dtor_t)(void*);
enum { thrd_success, thrd_busy, thrd_error, thrd_nomem, thrd_timedout };
enum { mtx_plain = 0, mtx_recursive = 1, mtx_timed = 2 };
__GUEST_BEGIN
int thrd_create(thrd_t* out, thrd_start_t start, void* argument) __GUEST_NOEXCEPT;
int thrd_join(thrd_t thread, int* result);
int thrd_detach(thrd_t thread) __GUEST_NOEXCEPT;
thrd_t thrd_current(void) __GUEST_NOEXCEPT;
int thrd_equal(thrd_t a, thrd_t b) __GUEST_NOEXCEPT;
void thrd_exit(int result) __attribute__((__noreturn__));
int thrd_sleep(const struct timespec* duration, struct timespec* remaining);
void thrd_yield(void) __GUEST_NOEXCEPT;
int mtx_init(mtx_t* mutex, int kind) __GUEST_NOEXCEPT;
void mtx_destroy(mtx_t* mutex) __GUEST_NOEXCEPT;
int mtx_lock(mtx_t* mutex);
int mtx_trylock(mtx_t* mutex) __GUEST_NOEXCEPT;
int mtx_timedlock(mtx_t* __restrict mutex, const struct timespec* __restrict until);
int mtx_unlock(mtx_t* mutex) __GUEST_NOEXCEPT;
int cnd_init(cnd_t* condition) __GUEST_NOEXCEPT;
void cnd_destroy(cnd_t* condition) __GUEST_NOEXCEPT;
int cnd_signal(cnd_t* condition) __GUEST_NOEXCEPT;
int cnd_broadcast(cnd_t* condition) __GUEST_NOEXCEPT;
int cnd_wait(cnd_t* condition, mtx_t* mutex);
int cnd_timedwait(cnd_t* __restrict condition, mtx_t* __restrict mutex, const struct timespec* __restrict until);
void call_once(once_flag* flag, void (*function)(void));
int tss_create(tss_t* out, tss_dtor_t destructor) __GUEST_NOEXCEPT;
void tss_delete(tss_t key) __GUEST_NOEXCEPT;
void* tss_get(tss_t key) __GUEST_NOEXCEPT;
int tss_set(tss_t key, void* value) __GUEST_NOEXCEPT;
__GUEST_END
