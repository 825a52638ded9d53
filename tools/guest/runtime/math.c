// Mathematics on the x87 unit, in extended precision: results are within one unit in the last place of a double for
// arguments of ordinary size (trigonometric functions: below 2^63, losing accuracy as the argument grows).
#include <math.h>
#include <stdbool.h>

typedef long double extended;

// Each function in its three types, computed in extended precision.
#define ONE(name, parameter, ...)                                                \
  extended name##l(extended parameter) { __VA_ARGS__ }                           \
  double name(double parameter) { return (double)name##l((extended)parameter); } \
  float name##f(float parameter) { return (float)name##l((extended)parameter); }
#define TWO(name, ...)                                              \
  extended name##l(extended x, extended y) { __VA_ARGS__ }          \
  double name(double x, double y) { return (double)name##l(x, y); } \
  float name##f(float x, float y) { return (float)name##l(x, y); }

static extended log2_times(extended x, extended factor) {
  extended result;
  __asm__("fyl2x" : "=t"(result) : "0"(x), "u"(factor) : "st(1)");
  return result;
}
static extended log2_near_one_times(extended x, extended factor) {  // of 1 + x, |x| < 0.29
  extended result;
  __asm__("fyl2xp1" : "=t"(result) : "0"(x), "u"(factor) : "st(1)");
  return result;
}
// Rounded to a whole number in the given way: bits 10 and 11 of the control word.
static extended round_by(extended x, unsigned short way) {
  unsigned short old, changed;
  __asm__ volatile("fnstcw %0" : "=m"(old));
  changed = (unsigned short)((old & ~0x0c00) | way);
  __asm__ volatile("fldcw %1\n\tfrndint\n\tfldcw %2" : "+t"(x) : "m"(changed), "m"(old));
  return x;
}
static extended scale(extended x, extended exponent) {
  __asm__("fscale" : "+t"(x) : "u"(exponent));
  return x;
}
static extended power_of_two(extended x) {
  if (x > 20000) return __builtin_infl();
  if (x < -20000) return 0;
  const extended whole = round_by(x, 0);
  extended part = x - whole;
  __asm__("f2xm1" : "+t"(part));
  return scale(part + 1, whole);
}
#define LN2 0.693147180559945309417232121458176568L
#define LOG2E 1.442695040888963407359924681001892137L
#define LOG10_2 0.301029995663981195213738894724493027L
#define PI 3.141592653589793238462643383279502884L

ONE(fabs, x, return __builtin_fabsl(x);)
extended sqrtl(extended x) {
  __asm__("fsqrt" : "+t"(x));
  return x;
}
double sqrt(double x) {
  __asm__("sqrtsd %0, %0" : "+x"(x));
  return x;
}
float sqrtf(float x) {
  __asm__("sqrtss %0, %0" : "+x"(x));
  return x;
}
ONE(floor, x, return round_by(x, 0x0400);)
ONE(ceil, x, return round_by(x, 0x0800);)
ONE(trunc, x, return round_by(x, 0x0c00);)
ONE(rint, x, return round_by(x, 0);)
ONE(nearbyint, x, return round_by(x, 0);)
ONE(round, x, const extended down = round_by(__builtin_fabsl(x), 0x0c00);
    return __builtin_copysignl(__builtin_fabsl(x) - down >= 0.5L ? down + 1 : down, x);)
TWO(copysign, return __builtin_copysignl(x, y);)
TWO(fmax, return __builtin_isnan(x) || x < y ? (__builtin_isnan(y) ? x : y) : x;)
TWO(fmin, return __builtin_isnan(x) || x > y ? (__builtin_isnan(y) ? x : y) : x;)
TWO(fdim, return x > y ? x - y : x <= y ? 0 : x + y;)

static extended partial_remainder(extended x, extended y) {
  unsigned short status;
  do {
    __asm__ volatile("fprem\n\tfnstsw %1" : "+t"(x), "=a"(status) : "u"(y));
  } while (status & 0x0400);
  return x;
}
TWO(fmod, return partial_remainder(x, y);)
TWO(
    remainder, unsigned short status; do {
      __asm__ volatile("fprem1\n\tfnstsw %1" : "+t"(x), "=a"(status) : "u"(y));
    } while (status & 0x0400);
    return x;)

ONE(log, x, return log2_times(x, LN2);)
ONE(log2, x, return log2_times(x, 1);)
ONE(log10, x, return log2_times(x, LOG10_2);)
ONE(log1p, x, return __builtin_fabsl(x) < 0.29L ? log2_near_one_times(x, LN2) : log2_times(1 + x, LN2);)
ONE(exp2, x, return power_of_two(x);)
// x times log2(e) in two parts, so that the whole part doesn't cost the fraction's accuracy.
ONE(exp, x,
    if (!(x > -12000 && x < 12000)) return __builtin_isnan(x) ? x
    : x > 0                                                   ? __builtin_infl()
                                                              : 0;
    const extended whole = round_by(x * LOG2E, 0);
    extended part = ((x - whole * 0.693145751953125L) - whole * 1.42860682030941723212e-6L) * LOG2E;
    __asm__("f2xm1"
            : "+t"(part));
    return scale(part + 1, whole);)
ONE(expm1, x, if (__builtin_fabsl(x) > 0.3L) return expl(x) - 1; extended part = x * LOG2E; __asm__("f2xm1"
                                                                                                    : "+t"(part));
    return part;)

TWO(
    pow, if (y == 0 || x == 1) return 1; if (__builtin_isnan(x) || __builtin_isnan(y)) return x + y;
    const bool whole = round_by(y, 0x0c00) == y;
    const bool odd = whole && __builtin_fabsl(partial_remainder(y, 2)) == 1;
    if (x == 0) return y < 0 ? (odd ? 1 / x : __builtin_infl())
    : odd                    ? x
                             : 0;
    if (x == -1 && __builtin_isinf(y)) return 1; if (x < 0 && !whole && !__builtin_isinf(x)) return __builtin_nanl("");
    if (whole && __builtin_fabsl(y) < 64) {
      extended result = 1;
      extended base = x;
      for (int n = (int)__builtin_fabsl(y); n > 0; n >>= 1, base *= base)
        if (n & 1) result *= base;
      return y < 0 ? 1 / result : result;
    } const extended magnitude = power_of_two(log2_times(__builtin_fabsl(x), y));
    return x < 0 && odd ? -magnitude : magnitude;)
ONE(cbrt, x, return x == 0 ? x : __builtin_copysignl(power_of_two(log2_times(__builtin_fabsl(x), 1.0L / 3)), x);)
TWO(hypot, return sqrtl(x * x + y * y);)

ONE(sin, x, __asm__("fsin" : "+t"(x)); return x;)
ONE(cos, x, __asm__("fcos" : "+t"(x)); return x;)
ONE(tan, x, extended one; __asm__("fptan" : "=t"(one), "=u"(x) : "0"(x)); return x / one;)
TWO(atan2, extended result; __asm__("fpatan" : "=t"(result) : "0"(y), "u"(x) : "st(1)"); return result;)
ONE(atan, x, return atan2l(x, 1);)
ONE(asin, x, return atan2l(x, sqrtl((1 - x) * (1 + x)));)
ONE(acos, x, return atan2l(sqrtl((1 - x) * (1 + x)), x);)
ONE(sinh, x, const extended e = expm1l(x); return (e + e / (e + 1)) / 2;)
ONE(cosh, x, const extended e = expl(x); return (e + 1 / e) / 2;)
ONE(tanh, x, if (__builtin_fabsl(x) > 40) return __builtin_copysignl(1, x); const extended e = expm1l(2 * x);
    return e / (e + 2);)
ONE(asinh, x, const extended m = __builtin_fabsl(x);
    return __builtin_copysignl(log1pl(m + m * m / (1 + sqrtl(m * m + 1))), x);)
ONE(acosh, x, return logl(x + sqrtl(x * x - 1));)
ONE(atanh, x, return log1pl(2 * x / (1 - x)) / 2;)

#define SCALED(type, suffix)                                                                           \
  type ldexp##suffix(type x, int exponent) { return (type)scale((extended)x, (extended)exponent); }    \
  type scalbn##suffix(type x, int exponent) { return ldexp##suffix(x, exponent); }                     \
  type scalbln##suffix(type x, long exponent) { return (type)scale((extended)x, (extended)exponent); } \
  type modf##suffix(type x, type* whole) {                                                             \
    *whole = trunc##suffix(x);                                                                         \
    return __builtin_isinf(x) ? 0 : x - *whole;                                                        \
  }                                                                                                    \
  type frexp##suffix(type x, int* exponent) {                                                          \
    *exponent = 0;                                                                                     \
    if (x == 0 || !__builtin_isfinite(x)) return x;                                                    \
    extended e, m;                                                                                     \
    __asm__("fxtract" : "=t"(m), "=u"(e) : "0"((extended)x));                                          \
    *exponent = (int)e + 1;                                                                            \
    return (type)(m / 2);                                                                              \
  }                                                                                                    \
  long lrint##suffix(type x) { return (long)rint##suffix(x); }                                         \
  long lround##suffix(type x) { return (long)round##suffix(x); }                                       \
  long long llrint##suffix(type x) { return (long long)rint##suffix(x); }                              \
  long long llround##suffix(type x) { return (long long)round##suffix(x); }
SCALED(double, )
SCALED(float, f)
SCALED(extended, l)
