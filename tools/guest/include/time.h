// There is one clock, the monotonic one: time() counts from the machine's start.
#pragma once
#include <guest_linkage.h>
#define __need_size_t
#define __need_NULL
#include <stddef.h>
typedef long time_t;
typedef long clock_t;
typedef int clockid_t;
struct timespec {
  time_t tv_sec;
  long tv_nsec;
};
struct tm {
  int tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year, tm_wday, tm_yday, tm_isdst;
};
#define CLOCKS_PER_SEC 1000000L
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define TIME_UTC 1
__GUEST_BEGIN
clock_t clock(void) __GUEST_NOEXCEPT;
time_t time(time_t* out) __GUEST_NOEXCEPT;
double difftime(time_t end, time_t begin) __GUEST_NOEXCEPT;
int clock_gettime(clockid_t clock, struct timespec* out) __GUEST_NOEXCEPT;
int timespec_get(struct timespec* out, int base) __GUEST_NOEXCEPT;
// Named by libstdc++'s headers and only declared: there is no calendar.
time_t mktime(struct tm* time);
struct tm* gmtime(const time_t* time);
struct tm* localtime(const time_t* time);
char* asctime(const struct tm* time);
char* ctime(const time_t* time);
size_t strftime(char* __restrict to, size_t size, const char* __restrict format, const struct tm* __restrict time);
int nanosleep(const struct timespec* duration, struct timespec* remaining);
__GUEST_END
