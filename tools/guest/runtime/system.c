// Time, and what is asked of the system.
#include <errno.h>
#include <locale.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>
#include <zircon/process.h>
#include <zircon/status.h>
#include <zircon/syscalls/object.h>

#include "internal.h"

clock_t clock(void) {
  zx_info_task_runtime_t used = {0};
  if (zx_object_get_info(zx_process_self(), ZX_INFO_TASK_RUNTIME, &used, sizeof(used), NULL, NULL) != ZX_OK) return -1;
  return used.cpu_time / 1000;
}
time_t time(time_t* out) {
  const time_t now = zx_clock_get_monotonic() / 1000000000;
  if (out != NULL) *out = now;
  return now;
}
double difftime(time_t end, time_t begin) { return (double)(end - begin); }
int clock_gettime(clockid_t clock_id, struct timespec* out) {
  (void)clock_id;
  *out = zx_timespec_from_duration(zx_clock_get_monotonic());
  return 0;
}
int timespec_get(struct timespec* out, int base) {
  clock_gettime(CLOCK_MONOTONIC, out);
  return base;
}
int nanosleep(const struct timespec* duration, struct timespec* remaining) {
  zx_nanosleep(zx_deadline_after(zx_duration_from_timespec(*duration)));
  if (remaining != NULL) *remaining = (struct timespec){0, 0};
  return 0;
}
unsigned sleep(unsigned seconds) {
  zx_nanosleep(zx_deadline_after(ZX_SEC((int64_t)seconds)));
  return 0;
}
int usleep(unsigned microseconds) {
  zx_nanosleep(zx_deadline_after(ZX_USEC((int64_t)microseconds)));
  return 0;
}
int sched_yield(void) {
  zx_nanosleep(0);
  return 0;
}

int getpagesize(void) { return (int)zx_system_get_page_size(); }
long sysconf(int name) {
  switch (name) {
    case _SC_PAGESIZE:
      return getpagesize();
    case _SC_NPROCESSORS_ONLN:
      return zx_system_get_num_cpus();
    case _SC_PHYS_PAGES:
      return (long)(zx_system_get_physmem() / zx_system_get_page_size());
    default:
      errno = EINVAL;
      return -1;
  }
}
int get_nprocs(void) { return (int)zx_system_get_num_cpus(); }  // libstdc++ asks
pid_t getpid(void) {
  zx_info_handle_basic_t info = {0};
  zx_object_get_info(zx_process_self(), ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL);
  return (pid_t)info.koid;
}

static struct lconv c_locale = {".", "", ""};
char* setlocale(int category, const char* locale) {
  (void)category, (void)locale;
  return "C";
}
struct lconv* localeconv(void) {
  return &c_locale;
}
locale_t uselocale(locale_t locale) {
  (void)locale;
  return NULL;
}

#define STATUS(name) \
  case name:         \
    return #name

const char* zx_status_get_string(zx_status_t status) {
  switch (status) {
    STATUS(ZX_OK);
    STATUS(ZX_ERR_INTERNAL);
    STATUS(ZX_ERR_NOT_SUPPORTED);
    STATUS(ZX_ERR_NO_RESOURCES);
    STATUS(ZX_ERR_NO_MEMORY);
    STATUS(ZX_ERR_INTERNAL_INTR_RETRY);
    STATUS(ZX_ERR_INVALID_ARGS);
    STATUS(ZX_ERR_BAD_HANDLE);
    STATUS(ZX_ERR_WRONG_TYPE);
    STATUS(ZX_ERR_BAD_SYSCALL);
    STATUS(ZX_ERR_OUT_OF_RANGE);
    STATUS(ZX_ERR_BUFFER_TOO_SMALL);
    STATUS(ZX_ERR_BAD_STATE);
    STATUS(ZX_ERR_TIMED_OUT);
    STATUS(ZX_ERR_SHOULD_WAIT);
    STATUS(ZX_ERR_CANCELED);
    STATUS(ZX_ERR_PEER_CLOSED);
    STATUS(ZX_ERR_NOT_FOUND);
    STATUS(ZX_ERR_ALREADY_EXISTS);
    STATUS(ZX_ERR_ALREADY_BOUND);
    STATUS(ZX_ERR_UNAVAILABLE);
    STATUS(ZX_ERR_ACCESS_DENIED);
    STATUS(ZX_ERR_IO);
    STATUS(ZX_ERR_IO_REFUSED);
    STATUS(ZX_ERR_IO_DATA_INTEGRITY);
    STATUS(ZX_ERR_IO_DATA_LOSS);
    STATUS(ZX_ERR_IO_NOT_PRESENT);
    STATUS(ZX_ERR_IO_OVERRUN);
    STATUS(ZX_ERR_IO_MISSED_DEADLINE);
    STATUS(ZX_ERR_IO_INVALID);
    STATUS(ZX_ERR_BAD_PATH);
    STATUS(ZX_ERR_NOT_DIR);
    STATUS(ZX_ERR_NOT_FILE);
    STATUS(ZX_ERR_FILE_BIG);
    STATUS(ZX_ERR_NO_SPACE);
    STATUS(ZX_ERR_NOT_EMPTY);
    STATUS(ZX_ERR_STOP);
    STATUS(ZX_ERR_NEXT);
    STATUS(ZX_ERR_ASYNC);
    STATUS(ZX_ERR_PROTOCOL_NOT_SUPPORTED);
    STATUS(ZX_ERR_ADDRESS_UNREACHABLE);
    STATUS(ZX_ERR_ADDRESS_IN_USE);
    STATUS(ZX_ERR_NOT_CONNECTED);
    STATUS(ZX_ERR_CONNECTION_REFUSED);
    STATUS(ZX_ERR_CONNECTION_RESET);
    STATUS(ZX_ERR_CONNECTION_ABORTED);
    default:
      return "(UNKNOWN)";
  }
}
