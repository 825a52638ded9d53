// Times and durations in nanoseconds. The arithmetic here clamps to ZX_TIME_INFINITE and ZX_TIME_INFINITE_PAST.
#ifndef ZIRCONIA_ABI_ZIRCON_TIME_H_
#define ZIRCONIA_ABI_ZIRCON_TIME_H_

#include <stdint.h>
#include <time.h>
#include <zircon/compiler.h>

__BEGIN_CDECLS

typedef int64_t zx_time_t;      // a point in time, as a rule of the monotonic clock
typedef int64_t zx_duration_t;  // nanoseconds
typedef int64_t zx_ticks_t;     // see zx_ticks_per_second

#define ZX_TIME_INFINITE INT64_MAX
#define ZX_TIME_INFINITE_PAST INT64_MIN

__CONSTEXPR static inline zx_time_t zx_time_add_duration(zx_time_t time, zx_duration_t duration) {
  zx_time_t sum = 0;
  if (!__builtin_add_overflow(time, duration, &sum)) return sum;
  return duration > 0 ? ZX_TIME_INFINITE : ZX_TIME_INFINITE_PAST;
}

__CONSTEXPR static inline zx_time_t zx_time_sub_duration(zx_time_t time, zx_duration_t duration) {
  zx_time_t difference = 0;
  if (!__builtin_sub_overflow(time, duration, &difference)) return difference;
  return duration > 0 ? ZX_TIME_INFINITE_PAST : ZX_TIME_INFINITE;
}

__CONSTEXPR static inline zx_duration_t zx_time_sub_time(zx_time_t time1, zx_time_t time2) {
  return zx_time_sub_duration(time1, time2);
}

__CONSTEXPR static inline zx_duration_t zx_duration_add_duration(zx_duration_t dur1, zx_duration_t dur2) {
  return zx_time_add_duration(dur1, dur2);
}

__CONSTEXPR static inline zx_duration_t zx_duration_sub_duration(zx_duration_t dur1, zx_duration_t dur2) {
  return zx_time_sub_duration(dur1, dur2);
}

__CONSTEXPR static inline zx_duration_t zx_duration_mul_int64(zx_duration_t duration, int64_t multiplier) {
  zx_duration_t product = 0;
  if (!__builtin_mul_overflow(duration, multiplier, &product)) return product;
  return (duration > 0) == (multiplier > 0) ? ZX_TIME_INFINITE : ZX_TIME_INFINITE_PAST;
}

__CONSTEXPR static inline int64_t zx_nsec_from_duration(zx_duration_t n) { return n; }
__CONSTEXPR static inline zx_duration_t zx_duration_from_nsec(int64_t n) { return n; }
__CONSTEXPR static inline zx_duration_t zx_duration_from_usec(int64_t n) { return zx_duration_mul_int64(1000, n); }
__CONSTEXPR static inline zx_duration_t zx_duration_from_msec(int64_t n) { return zx_duration_mul_int64(1000000, n); }
__CONSTEXPR static inline zx_duration_t zx_duration_from_sec(int64_t n) { return zx_duration_mul_int64(1000000000, n); }
__CONSTEXPR static inline zx_duration_t zx_duration_from_min(int64_t n) {
  return zx_duration_mul_int64(60000000000, n);
}
__CONSTEXPR static inline zx_duration_t zx_duration_from_hour(int64_t n) {
  return zx_duration_mul_int64(3600000000000, n);
}

__CONSTEXPR static inline zx_duration_t zx_duration_from_timespec(struct timespec ts) {
  return zx_duration_add_duration(zx_duration_from_sec(ts.tv_sec), zx_duration_from_nsec(ts.tv_nsec));
}

__CONSTEXPR static inline struct timespec zx_timespec_from_duration(zx_duration_t duration) {
  const struct timespec ts = {(time_t)(duration / 1000000000), (long)(duration % 1000000000)};
  return ts;
}

#define ZX_NSEC(n) (__ISCONSTANT(n) ? ((zx_duration_t)(1LL * (n))) : zx_duration_from_nsec(n))
#define ZX_USEC(n) (__ISCONSTANT(n) ? ((zx_duration_t)(1000LL * (n))) : zx_duration_from_usec(n))
#define ZX_MSEC(n) (__ISCONSTANT(n) ? ((zx_duration_t)(1000000LL * (n))) : zx_duration_from_msec(n))
#define ZX_SEC(n) (__ISCONSTANT(n) ? ((zx_duration_t)(1000000000LL * (n))) : zx_duration_from_sec(n))
#define ZX_MIN(n) (__ISCONSTANT(n) ? ((zx_duration_t)(60000000000LL * (n))) : zx_duration_from_min(n))
#define ZX_HOUR(n) (__ISCONSTANT(n) ? ((zx_duration_t)(3600000000000LL * (n))) : zx_duration_from_hour(n))

__END_CDECLS

#endif  // ZIRCONIA_ABI_ZIRCON_TIME_H_
