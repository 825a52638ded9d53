// C11 threads. A thread's stack, TLS and control block lie in one VMAR of its own, with an inaccessible page below the
// stack.
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <zircon/process.h>
#include <zircon/syscalls/object.h>

#include "internal.h"

#define STACK_SIZE ((size_t)256 * 1024)

// Who frees a thread's memory: its joiner, or, once it is detached, whoever creates a thread after it is gone.
enum { kJoinable = 0, kDetached = 1, kEnded = 2 };

extern const char guest_thread_entry[];

static guest_lock_t dead_lock;
static struct guest_thread*
    dead_threads;  // detached and at their end; the kernel may still be in the middle of ending them

static void free_thread(struct guest_thread* thread) {
  const zx_handle_t region = thread->region;  // its memory goes with it
  zx_handle_close(thread->handle);
  zx_vmar_destroy(region);
  zx_handle_close(region);
}

static void put_on_dead_list(struct guest_thread* thread) {
  guest_lock(&dead_lock);
  thread->next_dead = dead_threads;
  dead_threads = thread;
  guest_unlock(&dead_lock);
}

static void free_dead_threads(void) {
  guest_lock(&dead_lock);
  struct guest_thread** link = &dead_threads;
  while (*link != NULL) {
    struct guest_thread* thread = *link;
    if (zx_object_wait_one(thread->handle, ZX_THREAD_TERMINATED, 0, NULL) == ZX_OK) {
      *link = thread->next_dead;
      free_thread(thread);
    } else {
      link = &thread->next_dead;
    }
  }
  guest_unlock(&dead_lock);
}

static __attribute__((__noreturn__)) void end_thread(struct guest_thread* self) {
  guest_run_thread_destructors(self);
  const int before = __atomic_exchange_n((int*)&self->detach_state, kEnded, __ATOMIC_ACQ_REL);
  if (before == kDetached && self->region != ZX_HANDLE_INVALID) put_on_dead_list(self);
  zx_thread_exit();
}

__attribute__((__noreturn__)) void guest_thread_main(struct guest_thread* self) {
  const uintptr_t fs_base = (uintptr_t)self;
  if (zx_object_set_property(self->handle, ZX_PROP_REGISTER_FS, &fs_base, sizeof(fs_base)) != ZX_OK)
    guest_panic("the thread's FS base can't be set");
  if (self->pointer_start != NULL)
    self->pointer_result = self->pointer_start(self->argument);
  else
    self->result = self->start(self->argument);
  end_thread(self);
}

// Maps stack and TLS and places the control block; NULL: no memory.
static struct guest_thread* make_thread(char** stack_top) {
  const size_t page = ZX_PAGE_SIZE;
  const size_t tls_size = (guest_tls_block_size() + page - 1) & ~(page - 1);
  const size_t size = STACK_SIZE + tls_size;
  zx_handle_t region, vmo;
  zx_vaddr_t base, memory;
  if (zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_SPECIFIC, 0,
                       size + page, &region, &base) != ZX_OK)
    return NULL;
  if (zx_vmo_create(size, 0, &vmo) != ZX_OK) {
    zx_vmar_destroy(region);
    zx_handle_close(region);
    return NULL;
  }
  static const char name[] = "thread-stack";
  zx_object_set_property(vmo, ZX_PROP_NAME, name, sizeof(name));
  const zx_status_t status =
      zx_vmar_map(region, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_SPECIFIC, page, vmo, 0, size, &memory);
  zx_handle_close(vmo);
  if (status != ZX_OK) {
    zx_vmar_destroy(region);
    zx_handle_close(region);
    return NULL;
  }
  *stack_top = (char*)memory + STACK_SIZE;
  struct guest_thread* thread = guest_tls_place(*stack_top);
  thread->region = region;
  thread->linux_stack_guard = guest_thread_self()->linux_stack_guard;
  thread->zircon_stack_guard = thread->linux_stack_guard;
  return thread;
}

int guest_thread_create(struct guest_thread** out, int (*start)(void*), void* (*pointer_start)(void*), void* argument) {
  free_dead_threads();
  char* stack_top;
  struct guest_thread* thread = make_thread(&stack_top);
  if (thread == NULL) return thrd_nomem;
  thread->start = start;
  thread->pointer_start = pointer_start;
  thread->argument = argument;
  static const char name[] = "thread";
  if (zx_thread_create(zx_process_self(), name, sizeof(name) - 1, 0, &thread->handle) != ZX_OK) {
    free_thread(thread);
    return thrd_error;
  }
  *out = thread;
  // A function's entry finds the stack 8 below a multiple of 16.
  if (zx_thread_start(thread->handle, (zx_vaddr_t)guest_thread_entry, (zx_vaddr_t)stack_top - 8, (uintptr_t)thread,
                      0) != ZX_OK) {
    free_thread(thread);
    return thrd_error;
  }
  return thrd_success;
}

int guest_thread_join(struct guest_thread* thread, int* result, void** pointer_result) {
  if (zx_object_wait_one(thread->handle, ZX_THREAD_TERMINATED, ZX_TIME_INFINITE, NULL) != ZX_OK) return thrd_error;
  if (result != NULL) *result = thread->result;
  if (pointer_result != NULL) *pointer_result = thread->pointer_result;
  if (thread->region != ZX_HANDLE_INVALID) free_thread(thread);
  return thrd_success;
}

int thrd_create(thrd_t* out, thrd_start_t start, void* argument) {
  return guest_thread_create(out, start, NULL, argument);
}
int thrd_join(thrd_t thread, int* result) { return guest_thread_join(thread, result, NULL); }
int thrd_detach(thrd_t thread) {
  const int before = __atomic_exchange_n((int*)&thread->detach_state, kDetached, __ATOMIC_ACQ_REL);
  if (before == kEnded) put_on_dead_list(thread);
  return thrd_success;
}
thrd_t thrd_current(void) { return guest_thread_self(); }
int thrd_equal(thrd_t a, thrd_t b) { return a == b; }
void thrd_exit(int result) {
  struct guest_thread* self = guest_thread_self();
  self->result = result;
  end_thread(self);
}
void guest_thread_exit_pointer(void* result) {
  struct guest_thread* self = guest_thread_self();
  self->pointer_result = result;
  end_thread(self);
}
void thrd_yield(void) { zx_nanosleep(0); }
int thrd_sleep(const struct timespec* duration, struct timespec* remaining) { return nanosleep(duration, remaining); }

int* __errno_location(void) { return &guest_thread_self()->error_number; }

// ---- Mutexes and conditions

static zx_time_t deadline_of(const struct timespec* until) { return zx_duration_from_timespec(*until); }

static int lock_until(mtx_t* mutex, zx_time_t deadline) {
  struct guest_thread* const self = guest_thread_self();
  if (mutex->recursive && __atomic_load_n(&mutex->owner, __ATOMIC_RELAXED) == self) {
    ++mutex->depth;
    return thrd_success;
  }
  int expected = 0;
  if (!__atomic_compare_exchange_n(&mutex->state, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    while (__atomic_exchange_n(&mutex->state, 2, __ATOMIC_ACQUIRE) != 0)
      if (zx_futex_wait((zx_futex_t*)&mutex->state, 2, ZX_HANDLE_INVALID, deadline) == ZX_ERR_TIMED_OUT)
        return thrd_timedout;
  }
  __atomic_store_n(&mutex->owner, self, __ATOMIC_RELAXED);
  return thrd_success;
}

int mtx_init(mtx_t* mutex, int kind) {
  *mutex = (mtx_t){0, kind & mtx_recursive, NULL, 0};
  return thrd_success;
}
void mtx_destroy(mtx_t* mutex) { (void)mutex; }
int mtx_lock(mtx_t* mutex) { return lock_until(mutex, ZX_TIME_INFINITE); }
int mtx_timedlock(mtx_t* restrict mutex, const struct timespec* restrict until) {
  return lock_until(mutex, deadline_of(until));
}
int mtx_trylock(mtx_t* mutex) {
  struct guest_thread* const self = guest_thread_self();
  if (mutex->recursive && __atomic_load_n(&mutex->owner, __ATOMIC_RELAXED) == self) {
    ++mutex->depth;
    return thrd_success;
  }
  int expected = 0;
  if (!__atomic_compare_exchange_n(&mutex->state, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    return thrd_busy;
  __atomic_store_n(&mutex->owner, self, __ATOMIC_RELAXED);
  return thrd_success;
}
int mtx_unlock(mtx_t* mutex) {
  if (mutex->depth > 0) {
    --mutex->depth;
    return thrd_success;
  }
  __atomic_store_n(&mutex->owner, NULL, __ATOMIC_RELAXED);
  if (__atomic_exchange_n(&mutex->state, 0, __ATOMIC_RELEASE) == 2) zx_futex_wake((zx_futex_t*)&mutex->state, 1);
  return thrd_success;
}

// A condition counts its signals: who waits sleeps while the count is what it was before the mutex was given up.
int cnd_init(cnd_t* condition) {
  condition->sequence = 0;
  return thrd_success;
}
void cnd_destroy(cnd_t* condition) { (void)condition; }
static int wake(cnd_t* condition, uint32_t count) {
  __atomic_fetch_add(&condition->sequence, 1, __ATOMIC_RELEASE);
  zx_futex_wake((zx_futex_t*)&condition->sequence, count);
  return thrd_success;
}
int cnd_signal(cnd_t* condition) { return wake(condition, 1); }
int cnd_broadcast(cnd_t* condition) { return wake(condition, UINT32_MAX); }
static int wait_until(cnd_t* condition, mtx_t* mutex, zx_time_t deadline) {
  const int sequence = __atomic_load_n(&condition->sequence, __ATOMIC_ACQUIRE);
  mtx_unlock(mutex);
  const zx_status_t status = zx_futex_wait((zx_futex_t*)&condition->sequence, sequence, ZX_HANDLE_INVALID, deadline);
  mtx_lock(mutex);
  return status == ZX_ERR_TIMED_OUT ? thrd_timedout : thrd_success;
}
int cnd_wait(cnd_t* condition, mtx_t* mutex) { return wait_until(condition, mutex, ZX_TIME_INFINITE); }
int cnd_timedwait(cnd_t* restrict condition, mtx_t* restrict mutex, const struct timespec* restrict until) {
  return wait_until(condition, mutex, deadline_of(until));
}

// 0 not yet, 1 somebody is at it, 2 the same and others wait, 3 done.
void call_once(once_flag* flag, void (*function)(void)) {
  for (;;) {
    int state = 0;
    if (__atomic_compare_exchange_n(flag, &state, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
      function();
      if (__atomic_exchange_n(flag, 3, __ATOMIC_RELEASE) == 2) zx_futex_wake((zx_futex_t*)flag, UINT32_MAX);
      return;
    }
    if (state == 3) return;
    if (state == 1 && !__atomic_compare_exchange_n(flag, &state, 2, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      continue;
    zx_futex_wait((zx_futex_t*)flag, 2, ZX_HANDLE_INVALID, ZX_TIME_INFINITE);
  }
}

// ---- Thread-specific values and destructors

#define KEYS 64

static struct {
  bool used;
  tss_dtor_t destructor;
} keys[KEYS];
static guest_lock_t keys_lock;

int tss_create(tss_t* out, tss_dtor_t destructor) {
  int result = thrd_error;
  guest_lock(&keys_lock);
  for (unsigned i = 0; i < KEYS && result != thrd_success; ++i) {
    if (keys[i].used) continue;
    keys[i].used = true;
    keys[i].destructor = destructor;
    *out = i;
    result = thrd_success;
  }
  guest_unlock(&keys_lock);
  return result;
}
void tss_delete(tss_t key) {
  guest_lock(&keys_lock);
  keys[key].used = false;
  keys[key].destructor = NULL;
  guest_unlock(&keys_lock);
}
void* tss_get(tss_t key) {
  void** values = guest_thread_self()->specific;
  return values != NULL ? values[key] : NULL;
}
int tss_set(tss_t key, void* value) {
  struct guest_thread* self = guest_thread_self();
  if (self->specific == NULL) self->specific = calloc(KEYS, sizeof(void*));
  if (self->specific == NULL) return thrd_error;
  self->specific[key] = value;
  return thrd_success;
}

struct guest_destructor {
  struct guest_destructor* next;
  void (*function)(void*);
  void* object;
};

int __cxa_thread_atexit(void (*function)(void*), void* object, void* dso) {
  (void)dso;
  struct guest_destructor* entry = malloc(sizeof(*entry));
  if (entry == NULL) return -1;
  struct guest_thread* self = guest_thread_self();
  *entry = (struct guest_destructor){self->destructors, function, object};
  self->destructors = entry;
  return 0;
}

void guest_run_thread_destructors(struct guest_thread* self) {
  while (self->destructors != NULL) {
    struct guest_destructor* entry = self->destructors;
    self->destructors = entry->next;
    entry->function(entry->object);
    free(entry);
  }
  if (self->specific == NULL) return;
  bool again = true;
  for (int round = 0; round < TSS_DTOR_ITERATIONS && again; ++round) {
    again = false;
    for (unsigned i = 0; i < KEYS; ++i) {
      void* value = self->specific[i];
      self->specific[i] = NULL;
      if (value == NULL || keys[i].destructor == NULL) continue;
      keys[i].destructor(value);
      again = true;
    }
  }
  free(self->specific);
  self->specific = NULL;
}
