// Threads that unmap their own stack, close their own handle and end (zx_vmar_unmap_handle_close_thread_exit); then one
// whose handle is bad, which is its trap: the process dies of an undefined instruction.
#include <stdio.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>

#include "check.h"

#define STACK 65536

static zx_handle_t done;

struct own {
  zx_vaddr_t stack;
  zx_handle_t to_close;
};
static struct own own;

static void detached(uintptr_t arg1, uintptr_t arg2) {
  (void)arg1, (void)arg2;
  // A range that can't be unmapped: the call returns, and the thread goes on.
  EXPECT_STATUS(zx_vmar_unmap_handle_close_thread_exit(zx_vmar_root_self(), own.stack + 1, STACK, own.to_close),
                ZX_ERR_INVALID_ARGS);
  EXPECT_STATUS(zx_vmar_unmap_handle_close_thread_exit(ZX_HANDLE_INVALID, own.stack, STACK, own.to_close),
                ZX_ERR_BAD_HANDLE);
  zx_object_signal(done, 0, ZX_EVENT_SIGNALED);
  zx_vmar_unmap_handle_close_thread_exit(zx_vmar_root_self(), own.stack, STACK, own.to_close);
  for (;;) __builtin_trap();
}

static zx_handle_t start(zx_handle_t to_close) {
  zx_handle_t vmo, thread;
  EXPECT_OK(zx_vmo_create(STACK, 0, &vmo));
  EXPECT_OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, STACK, &own.stack));
  EXPECT_OK(zx_thread_create(zx_process_self(), "detached", 8, 0, &thread));
  own.to_close = to_close != ZX_HANDLE_INVALID ? to_close : thread;
  zx_handle_t watched;
  EXPECT_OK(zx_handle_duplicate(thread, ZX_RIGHT_SAME_RIGHTS, &watched));
  EXPECT_OK(zx_thread_start(thread, (zx_vaddr_t)detached, own.stack + STACK - 8, 0, 0));
  EXPECT_OK(zx_object_wait_one(watched, ZX_THREAD_TERMINATED, ZX_TIME_INFINITE, NULL));
  zx_handle_close(watched);
  zx_handle_close(vmo);
  return thread;
}

static void a_thread_unmaps_its_stack_and_ends(void) {
  for (int i = 0; i < 20; ++i) {
    const zx_handle_t thread = start(ZX_HANDLE_INVALID);
    EXPECT_STATUS(zx_handle_close(thread), ZX_ERR_BAD_HANDLE);  // it closed it
    EXPECT_STATUS(zx_object_wait_one(done, ZX_EVENT_SIGNALED, 0, NULL), ZX_OK);
    EXPECT_OK(zx_object_signal(done, ZX_EVENT_SIGNALED, 0));
  }
}

int main(void) {
  zx_event_create(0, &done);
  RUN(a_thread_unmaps_its_stack_and_ends);
  if (failures != 0) return failures;
  fflush(stdout);
  start(3);  // a handle that isn't there
  return 1;
}
