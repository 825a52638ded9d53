// Ends while other threads of it make processes, start none of them, and wait for what never comes.
#include <threads.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>

static int make_processes(void* argument) {
  (void)argument;
  for (;;) {
    zx_handle_t process = ZX_HANDLE_INVALID, vmar = ZX_HANDLE_INVALID;
    zx_process_create(zx_job_default(), "left", 4, 0, &process, &vmar);
    zx_object_wait_one(process, ZX_PROCESS_TERMINATED, zx_deadline_after(ZX_USEC(100)), NULL);
  }
  return 0;
}
static int wait_for_ever(void* argument) {
  (void)argument;
  return (int)zx_nanosleep(ZX_TIME_INFINITE);
}

int main(void) {
  thrd_t thread;
  for (int i = 0; i < 4; ++i) thrd_create(&thread, i % 2 == 0 ? make_processes : wait_for_ever, NULL);
  zx_nanosleep(zx_deadline_after(ZX_MSEC(3)));
  return 11;
}
