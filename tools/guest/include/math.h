// Mathematics. What is accurate here is said in runtime/math.c; what it doesn't have is only declared, for libstdc++'s
// headers.
#pragma once
#include <guest_linkage.h>
#define HUGE_VAL __builtin_huge_val()
#define HUGE_VALF __builtin_huge_valf()
#define HUGE_VALL __builtin_huge_vall()
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define FP_NAN 0
#define FP_INFINITE 1
#define FP_ZERO 2
#define FP_SUBNORMAL 3
#define FP_NORMAL 4
#define FP_ILOGB0 (-__INT_MAX__ - 1)
#define FP_ILOGBNAN (-__INT_MAX__ - 1)
#define MATH_ERRNO 1
#define MATH_ERREXCEPT 2
#define math_errhandling 0
#define M_E 2.7182818284590452354
#define M_LOG2E 1.4426950408889634074
#define M_LN2 0.69314718055994530942
#define M_LN10 2.30258509299404568402
#define M_PI 3.14159265358979323846
#define M_PI_2 1.57079632679489661923
#define M_PI_4 0.78539816339744830962
#define M_SQRT2 1.41421356237309504880
#define fpclassify(x) __builtin_fpclassify(FP_NAN, FP_INFINITE, FP_NORMAL, FP_SUBNORMAL, FP_ZERO, x)
#define isfinite(x) __builtin_isfinite(x)
#define isinf(x) __builtin_isinf(x)
#define isnan(x) __builtin_isnan(x)
#define isnormal(x) __builtin_isnormal(x)
#define signbit(x) __builtin_signbit(x)
#define isgreater(x, y) __builtin_isgreater(x, y)
#define isgreaterequal(x, y) __builtin_isgreaterequal(x, y)
#define isless(x, y) __builtin_isless(x, y)
#define islessequal(x, y) __builtin_islessequal(x, y)
#define islessgreater(x, y) __builtin_islessgreater(x, y)
#define isunordered(x, y) __builtin_isunordered(x, y)
typedef float float_t;
typedef double double_t;
__GUEST_BEGIN
double acos(double x) __GUEST_NOEXCEPT;
float acosf(float x) __GUEST_NOEXCEPT;
long double acosl(long double x) __GUEST_NOEXCEPT;
double asin(double x) __GUEST_NOEXCEPT;
float asinf(float x) __GUEST_NOEXCEPT;
long double asinl(long double x) __GUEST_NOEXCEPT;
double atan(double x) __GUEST_NOEXCEPT;
float atanf(float x) __GUEST_NOEXCEPT;
long double atanl(long double x) __GUEST_NOEXCEPT;
double cos(double x) __GUEST_NOEXCEPT;
float cosf(float x) __GUEST_NOEXCEPT;
long double cosl(long double x) __GUEST_NOEXCEPT;
double sin(double x) __GUEST_NOEXCEPT;
float sinf(float x) __GUEST_NOEXCEPT;
long double sinl(long double x) __GUEST_NOEXCEPT;
double tan(double x) __GUEST_NOEXCEPT;
float tanf(float x) __GUEST_NOEXCEPT;
long double tanl(long double x) __GUEST_NOEXCEPT;
double cosh(double x) __GUEST_NOEXCEPT;
float coshf(float x) __GUEST_NOEXCEPT;
long double coshl(long double x) __GUEST_NOEXCEPT;
double sinh(double x) __GUEST_NOEXCEPT;
float sinhf(float x) __GUEST_NOEXCEPT;
long double sinhl(long double x) __GUEST_NOEXCEPT;
double tanh(double x) __GUEST_NOEXCEPT;
float tanhf(float x) __GUEST_NOEXCEPT;
long double tanhl(long double x) __GUEST_NOEXCEPT;
double acosh(double x) __GUEST_NOEXCEPT;
float acoshf(float x) __GUEST_NOEXCEPT;
long double acoshl(long double x) __GUEST_NOEXCEPT;
double asinh(double x) __GUEST_NOEXCEPT;
float asinhf(float x) __GUEST_NOEXCEPT;
long double asinhl(long double x) __GUEST_NOEXCEPT;
double atanh(double x) __GUEST_NOEXCEPT;
float atanhf(float x) __GUEST_NOEXCEPT;
long double atanhl(long double x) __GUEST_NOEXCEPT;
double exp(double x) __GUEST_NOEXCEPT;
float expf(float x) __GUEST_NOEXCEPT;
long double expl(long double x) __GUEST_NOEXCEPT;
double exp2(double x) __GUEST_NOEXCEPT;
float exp2f(float x) __GUEST_NOEXCEPT;
long double exp2l(long double x) __GUEST_NOEXCEPT;
double expm1(double x) __GUEST_NOEXCEPT;
float expm1f(float x) __GUEST_NOEXCEPT;
long double expm1l(long double x) __GUEST_NOEXCEPT;
double log(double x) __GUEST_NOEXCEPT;
float logf(float x) __GUEST_NOEXCEPT;
long double logl(long double x) __GUEST_NOEXCEPT;
double log10(double x) __GUEST_NOEXCEPT;
float log10f(float x) __GUEST_NOEXCEPT;
long double log10l(long double x) __GUEST_NOEXCEPT;
double log2(double x) __GUEST_NOEXCEPT;
float log2f(float x) __GUEST_NOEXCEPT;
long double log2l(long double x) __GUEST_NOEXCEPT;
double log1p(double x) __GUEST_NOEXCEPT;
float log1pf(float x) __GUEST_NOEXCEPT;
long double log1pl(long double x) __GUEST_NOEXCEPT;
double logb(double x) __GUEST_NOEXCEPT;
float logbf(float x) __GUEST_NOEXCEPT;
long double logbl(long double x) __GUEST_NOEXCEPT;
double sqrt(double x) __GUEST_NOEXCEPT;
float sqrtf(float x) __GUEST_NOEXCEPT;
long double sqrtl(long double x) __GUEST_NOEXCEPT;
double cbrt(double x) __GUEST_NOEXCEPT;
float cbrtf(float x) __GUEST_NOEXCEPT;
long double cbrtl(long double x) __GUEST_NOEXCEPT;
double fabs(double x) __GUEST_NOEXCEPT;
float fabsf(float x) __GUEST_NOEXCEPT;
long double fabsl(long double x) __GUEST_NOEXCEPT;
double ceil(double x) __GUEST_NOEXCEPT;
float ceilf(float x) __GUEST_NOEXCEPT;
long double ceill(long double x) __GUEST_NOEXCEPT;
double floor(double x) __GUEST_NOEXCEPT;
float floorf(float x) __GUEST_NOEXCEPT;
long double floorl(long double x) __GUEST_NOEXCEPT;
double trunc(double x) __GUEST_NOEXCEPT;
float truncf(float x) __GUEST_NOEXCEPT;
long double truncl(long double x) __GUEST_NOEXCEPT;
double round(double x) __GUEST_NOEXCEPT;
float roundf(float x) __GUEST_NOEXCEPT;
long double roundl(long double x) __GUEST_NOEXCEPT;
double rint(double x) __GUEST_NOEXCEPT;
float rintf(float x) __GUEST_NOEXCEPT;
long double rintl(long double x) __GUEST_NOEXCEPT;
double nearbyint(double x) __GUEST_NOEXCEPT;
float nearbyintf(float x) __GUEST_NOEXCEPT;
long double nearbyintl(long double x) __GUEST_NOEXCEPT;
double erf(double x) __GUEST_NOEXCEPT;
float erff(float x) __GUEST_NOEXCEPT;
long double erfl(long double x) __GUEST_NOEXCEPT;
double erfc(double x) __GUEST_NOEXCEPT;
float erfcf(float x) __GUEST_NOEXCEPT;
long double erfcl(long double x) __GUEST_NOEXCEPT;
double tgamma(double x) __GUEST_NOEXCEPT;
float tgammaf(float x) __GUEST_NOEXCEPT;
long double tgammal(long double x) __GUEST_NOEXCEPT;
double lgamma(double x) __GUEST_NOEXCEPT;
float lgammaf(float x) __GUEST_NOEXCEPT;
long double lgammal(long double x) __GUEST_NOEXCEPT;
double atan2(double x, double y) __GUEST_NOEXCEPT;
float atan2f(float x, float y) __GUEST_NOEXCEPT;
long double atan2l(long double x, long double y) __GUEST_NOEXCEPT;
double pow(double x, double y) __GUEST_NOEXCEPT;
float powf(float x, float y) __GUEST_NOEXCEPT;
long double powl(long double x, long double y) __GUEST_NOEXCEPT;
double fmod(double x, double y) __GUEST_NOEXCEPT;
float fmodf(float x, float y) __GUEST_NOEXCEPT;
long double fmodl(long double x, long double y) __GUEST_NOEXCEPT;
double remainder(double x, double y) __GUEST_NOEXCEPT;
float remainderf(float x, float y) __GUEST_NOEXCEPT;
long double remainderl(long double x, long double y) __GUEST_NOEXCEPT;
double fmax(double x, double y) __GUEST_NOEXCEPT;
float fmaxf(float x, float y) __GUEST_NOEXCEPT;
long double fmaxl(long double x, long double y) __GUEST_NOEXCEPT;
double fmin(double x, double y) __GUEST_NOEXCEPT;
float fminf(float x, float y) __GUEST_NOEXCEPT;
long double fminl(long double x, long double y) __GUEST_NOEXCEPT;
double fdim(double x, double y) __GUEST_NOEXCEPT;
float fdimf(float x, float y) __GUEST_NOEXCEPT;
long double fdiml(long double x, long double y) __GUEST_NOEXCEPT;
double hypot(double x, double y) __GUEST_NOEXCEPT;
float hypotf(float x, float y) __GUEST_NOEXCEPT;
long double hypotl(long double x, long double y) __GUEST_NOEXCEPT;
double copysign(double x, double y) __GUEST_NOEXCEPT;
float copysignf(float x, float y) __GUEST_NOEXCEPT;
long double copysignl(long double x, long double y) __GUEST_NOEXCEPT;
double nextafter(double x, double y) __GUEST_NOEXCEPT;
float nextafterf(float x, float y) __GUEST_NOEXCEPT;
long double nextafterl(long double x, long double y) __GUEST_NOEXCEPT;
double fma(double x, double y, double z) __GUEST_NOEXCEPT;
double frexp(double x, int* exponent) __GUEST_NOEXCEPT;
double ldexp(double x, int exponent) __GUEST_NOEXCEPT;
double scalbn(double x, int exponent) __GUEST_NOEXCEPT;
double scalbln(double x, long exponent) __GUEST_NOEXCEPT;
double modf(double x, double* whole) __GUEST_NOEXCEPT;
int ilogb(double x) __GUEST_NOEXCEPT;
long lround(double x) __GUEST_NOEXCEPT;
long lrint(double x) __GUEST_NOEXCEPT;
long long llround(double x) __GUEST_NOEXCEPT;
long long llrint(double x) __GUEST_NOEXCEPT;
double nan(const char* tag) __GUEST_NOEXCEPT;
double nexttoward(double x, long double y) __GUEST_NOEXCEPT;
double remquo(double x, double y, int* quotient) __GUEST_NOEXCEPT;
float fmaf(float x, float y, float z) __GUEST_NOEXCEPT;
float frexpf(float x, int* exponent) __GUEST_NOEXCEPT;
float ldexpf(float x, int exponent) __GUEST_NOEXCEPT;
float scalbnf(float x, int exponent) __GUEST_NOEXCEPT;
float scalblnf(float x, long exponent) __GUEST_NOEXCEPT;
float modff(float x, float* whole) __GUEST_NOEXCEPT;
int ilogbf(float x) __GUEST_NOEXCEPT;
long lroundf(float x) __GUEST_NOEXCEPT;
long lrintf(float x) __GUEST_NOEXCEPT;
long long llroundf(float x) __GUEST_NOEXCEPT;
long long llrintf(float x) __GUEST_NOEXCEPT;
float nanf(const char* tag) __GUEST_NOEXCEPT;
float nexttowardf(float x, long double y) __GUEST_NOEXCEPT;
float remquof(float x, float y, int* quotient) __GUEST_NOEXCEPT;
long double fmal(long double x, long double y, long double z) __GUEST_NOEXCEPT;
long double frexpl(long double x, int* exponent) __GUEST_NOEXCEPT;
long double ldexpl(long double x, int exponent) __GUEST_NOEXCEPT;
long double scalbnl(long double x, int exponent) __GUEST_NOEXCEPT;
long double scalblnl(long double x, long exponent) __GUEST_NOEXCEPT;
long double modfl(long double x, long double* whole) __GUEST_NOEXCEPT;
int ilogbl(long double x) __GUEST_NOEXCEPT;
long lroundl(long double x) __GUEST_NOEXCEPT;
long lrintl(long double x) __GUEST_NOEXCEPT;
long long llroundl(long double x) __GUEST_NOEXCEPT;
long long llrintl(long double x) __GUEST_NOEXCEPT;
long double nanl(const char* tag) __GUEST_NOEXCEPT;
long double nexttowardl(long double x, long double y) __GUEST_NOEXCEPT;
long double remquol(long double x, long double y, int* quotient) __GUEST_NOEXCEPT;
__GUEST_END
