// Locks on futexes.
#include <stdbool.h>

#include "internal.h"

static int exchange(zx_futex_t* word, int value) { return __atomic_exchange_n((int*)word, value, __ATOMIC_ACQUIRE); }

void guest_lock(guest_lock_t* lock) {
  int expected = 0;
  if (__atomic_compare_exchange_n((int*)&lock->word, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
  // From here on somebody may be waiting, this thread at least: whoever gets the lock marks it so.
  while (exchange(&lock->word, 2) != 0) zx_futex_wait(&lock->word, 2, ZX_HANDLE_INVALID, ZX_TIME_INFINITE);
}

void guest_unlock(guest_lock_t* lock) {
  if (__atomic_exchange_n((int*)&lock->word, 0, __ATOMIC_RELEASE) == 2) zx_futex_wake(&lock->word, 1);
}
