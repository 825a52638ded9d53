// Threads that write a word, wake who waits for it, close their own handle and end, all in one call
// (zx_futex_wake_handle_close_thread_exit), while who waited takes their stack away; then one whose word is misaligned,
// which is its trap: the process dies of an undefined instruction.
#include <stdio.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>

#include "check.h"

#define STACK 65536

static zx_futex_t ended;
static zx_handle_t own;

static void joined(uintptr_t word, uintptr_t value) {
  zx_futex_wake_handle_close_thread_exit((const zx_futex_t*)word, 1, (int32_t)value, own);
  for (;;) __builtin_trap();
}

static zx_vaddr_t start(const void* word, int value) {
  zx_handle_t vmo;
  zx_vaddr_t stack = 0;
  EXPECT_OK(zx_vmo_create(STACK, 0, &vmo));
  EXPECT_OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, STACK, &stack));
  zx_handle_close(vmo);
  EXPECT_OK(zx_thread_create(zx_process_self(), "joined", 6, 0, &own));
  EXPECT_OK(zx_thread_start(own, (zx_vaddr_t)joined, stack + STACK - 8, (uintptr_t)word, (uintptr_t)value));
  return stack;
}

static void a_thread_ends_while_its_stack_is_taken_away(void) {
  for (int i = 1; i <= 200; ++i) {
    zx_handle_t thread;
    const zx_vaddr_t stack = start((const void*)&ended, i);
    const zx_handle_t closed = own;
    zx_status_t status = ZX_OK;
    while (ended != i && status != ZX_ERR_BAD_STATE) {
      status = zx_futex_wait(&ended, i - 1, ZX_HANDLE_INVALID, ZX_TIME_INFINITE);
    }
    EXPECT(ended == i);
    EXPECT_OK(zx_vmar_unmap(zx_vmar_root_self(), stack, STACK));
    while (zx_handle_duplicate(closed, ZX_RIGHT_SAME_RIGHTS, &thread) == ZX_OK) zx_handle_close(thread);
  }
}

int main(void) {
  RUN(a_thread_ends_while_its_stack_is_taken_away);
  if (failures != 0) return failures;
  fflush(stdout);
  start((const char*)&ended + 2, 1);
  zx_nanosleep(ZX_TIME_INFINITE);
  return 1;
}
