// Points in time and durations, with the arithmetic that makes sense between them. What would overflow saturates.
#ifndef LIB_ZX_TIME_H_
#define LIB_ZX_TIME_H_

#include <zircon/syscalls.h>
#include <zircon/time.h>
#include <zircon/types.h>

#include <compare>
#include <cstdint>

namespace zx {

// A number of nanoseconds.
class duration {
 public:
  constexpr duration() = default;
  constexpr explicit duration(zx_duration_t nanoseconds) : value_(nanoseconds) {}
  static constexpr duration infinite() { return duration(ZX_TIME_INFINITE); }
  static constexpr duration infinite_past() { return duration(ZX_TIME_INFINITE_PAST); }

  constexpr zx_duration_t get() const { return value_; }
  constexpr int64_t to_nsecs() const { return value_; }
  constexpr int64_t to_usecs() const { return value_ / 1'000; }
  constexpr int64_t to_msecs() const { return value_ / 1'000'000; }
  constexpr int64_t to_secs() const { return value_ / 1'000'000'000; }
  constexpr int64_t to_mins() const { return to_secs() / 60; }
  constexpr int64_t to_hours() const { return to_secs() / 3600; }

  friend constexpr auto operator<=>(duration, duration) = default;
  friend constexpr duration operator+(duration a, duration b) {
    return duration(zx_duration_add_duration(a.value_, b.value_));
  }
  friend constexpr duration operator-(duration a, duration b) {
    return duration(zx_duration_sub_duration(a.value_, b.value_));
  }
  friend constexpr duration operator*(duration a, int64_t n) { return duration(zx_duration_mul_int64(a.value_, n)); }
  friend constexpr duration operator*(int64_t n, duration a) { return a * n; }
  friend constexpr duration operator/(duration a, int64_t n) { return duration(a.value_ / n); }
  friend constexpr int64_t operator/(duration a, duration b) { return a.value_ / b.value_; }
  friend constexpr duration operator%(duration a, duration b) { return duration(a.value_ % b.value_); }
  constexpr duration operator-() const { return duration() - *this; }
  constexpr duration& operator+=(duration d) { return *this = *this + d; }
  constexpr duration& operator-=(duration d) { return *this = *this - d; }
  constexpr duration& operator*=(int64_t n) { return *this = *this * n; }
  constexpr duration& operator/=(int64_t n) { return *this = *this / n; }

 private:
  zx_duration_t value_ = 0;
};

constexpr duration nsec(int64_t n) { return duration(zx_duration_from_nsec(n)); }
constexpr duration usec(int64_t n) { return duration(zx_duration_from_usec(n)); }
constexpr duration msec(int64_t n) { return duration(zx_duration_from_msec(n)); }
constexpr duration sec(int64_t n) { return duration(zx_duration_from_sec(n)); }
constexpr duration min(int64_t n) { return duration(zx_duration_from_min(n)); }
constexpr duration hour(int64_t n) { return duration(zx_duration_from_hour(n)); }

// A point on one clock's line: times of different clocks don't mix.
template <zx_clock_t kClock>
class basic_time {
 public:
  constexpr basic_time() = default;
  constexpr explicit basic_time(zx_time_t nanoseconds) : value_(nanoseconds) {}
  static constexpr basic_time infinite() { return basic_time(ZX_TIME_INFINITE); }
  static constexpr basic_time infinite_past() { return basic_time(ZX_TIME_INFINITE_PAST); }

  constexpr zx_time_t get() const { return value_; }

  friend constexpr auto operator<=>(basic_time, basic_time) = default;
  friend constexpr basic_time operator+(basic_time t, duration d) {
    return basic_time(zx_time_add_duration(t.value_, d.get()));
  }
  friend constexpr basic_time operator+(duration d, basic_time t) { return t + d; }
  friend constexpr basic_time operator-(basic_time t, duration d) {
    return basic_time(zx_time_sub_duration(t.value_, d.get()));
  }
  friend constexpr duration operator-(basic_time a, basic_time b) {
    return duration(zx_time_sub_time(a.value_, b.value_));
  }
  constexpr basic_time& operator+=(duration d) { return *this = *this + d; }
  constexpr basic_time& operator-=(duration d) { return *this = *this - d; }

 private:
  zx_time_t value_ = 0;
};

// Monotonic time: what deadlines are in.
using time = basic_time<ZX_CLOCK_MONOTONIC>;

namespace clock {
// zx_clock_get_monotonic
inline time get_monotonic() { return time(zx_clock_get_monotonic()); }
}  // namespace clock

// zx_deadline_after
inline time deadline_after(duration d) { return time(zx_deadline_after(d.get())); }
// zx_nanosleep
inline zx_status_t nanosleep(time deadline) { return zx_nanosleep(deadline.get()); }

}  // namespace zx

#endif  // LIB_ZX_TIME_H_
