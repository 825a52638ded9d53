// Numbers from text, sorting, random numbers, the environment.
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int abs(int n) { return n < 0 ? -n : n; }
long labs(long n) { return n < 0 ? -n : n; }
long long llabs(long long n) { return n < 0 ? -n : n; }
intmax_t imaxabs(intmax_t n) { return n < 0 ? -n : n; }
div_t div(int n, int d) { return (div_t){n / d, n % d}; }
ldiv_t ldiv(long n, long d) { return (ldiv_t){n / d, n % d}; }
lldiv_t lldiv(long long n, long long d) { return (lldiv_t){n / d, n % d}; }
imaxdiv_t imaxdiv(intmax_t n, intmax_t d) { return (imaxdiv_t){n / d, n % d}; }

// The magnitude of the number at `text`. `limit` bounds it; beyond it the result is the limit and errno is ERANGE.
static unsigned long long parse(const char* text, char** end, int base, bool* negative,
                                unsigned long long positive_limit, unsigned long long negative_limit) {
  const char* p = text;
  while (isspace((unsigned char)*p)) ++p;
  *negative = *p == '-';
  if (*p == '-' || *p == '+') ++p;
  if ((base == 0 || base == 16) && p[0] == '0' && (p[1] | 32) == 'x' && isxdigit((unsigned char)p[2])) {
    p += 2;
    base = 16;
  } else if (base == 0) {
    base = *p == '0' ? 8 : 10;
  }
  const unsigned long long limit = *negative ? negative_limit : positive_limit;
  unsigned long long value = 0;
  bool any = false, overflow = false;
  for (;; ++p) {
    const int c = (unsigned char)*p;
    const int digit = isdigit(c) ? c - '0' : isalpha(c) ? (c | 32) - 'a' + 10 : 99;
    if (digit >= base) break;
    any = true;
    unsigned long long next;
    if (__builtin_mul_overflow(value, (unsigned)base, &next) || __builtin_add_overflow(next, (unsigned)digit, &next) ||
        next > limit)
      overflow = true;
    else
      value = next;
  }
  if (end != NULL) *end = (char*)(any ? p : text);
  if (overflow) errno = ERANGE;
  return overflow ? limit : value;
}

long long strtoll(const char* restrict text, char** restrict end, int base) {
  bool negative;
  const unsigned long long n = parse(text, end, base, &negative, LLONG_MAX, (unsigned long long)LLONG_MAX + 1);
  return (long long)(negative ? 0 - n : n);
}
unsigned long long strtoull(const char* restrict text, char** restrict end, int base) {
  bool negative;
  const unsigned long long n = parse(text, end, base, &negative, ULLONG_MAX, ULLONG_MAX);
  return negative && n != ULLONG_MAX ? 0 - n : n;
}
long strtol(const char* restrict text, char** restrict end, int base) { return strtoll(text, end, base); }
unsigned long strtoul(const char* restrict text, char** restrict end, int base) { return strtoull(text, end, base); }
intmax_t strtoimax(const char* text, char** end, int base) { return strtoll(text, end, base); }
uintmax_t strtoumax(const char* text, char** end, int base) { return strtoull(text, end, base); }
int atoi(const char* text) { return (int)strtoll(text, NULL, 10); }
long atol(const char* text) { return strtoll(text, NULL, 10); }
long long atoll(const char* text) { return strtoll(text, NULL, 10); }

// 10^n, exact in the 64-bit mantissa up to n = 27.
static long double power_of_ten(int n) {
  long double result = 1, base = 10;
  for (; n > 0; n >>= 1, base *= base)
    if (n & 1) result *= base;
  return result;
}

static bool starts_with_word(const char* p, const char* word) { return strncasecmp(p, word, strlen(word)) == 0; }

// Nineteen significant digits, scaled in extended precision: the nearest long double as a rule, exact where both parts
// are.
long double strtold(const char* restrict text, char** restrict end) {
  const char* p = text;
  while (isspace((unsigned char)*p)) ++p;
  const bool negative = *p == '-';
  if (*p == '-' || *p == '+') ++p;
  long double value = 0;
  const char* stop = text;
  if (starts_with_word(p, "inf")) {
    stop = p + (starts_with_word(p, "infinity") ? 8 : 3);
    value = __builtin_infl();
  } else if (starts_with_word(p, "nan")) {
    stop = p + 3;
    value = __builtin_nanl("");
  } else {
    const bool hex = p[0] == '0' && (p[1] | 32) == 'x' && (isxdigit((unsigned char)p[2]) || p[2] == '.');
    if (hex) p += 2;
    const unsigned base = hex ? 16 : 10;
    const unsigned long long full = hex ? 1ull << 60 : 1000000000000000000ull;
    unsigned long long mantissa = 0;
    int scale = 0;
    bool any = false, after_point = false;
    for (;; ++p) {
      const int c = (unsigned char)*p;
      if (c == '.' && !after_point) {
        after_point = true;
        continue;
      }
      if (hex ? !isxdigit(c) : !isdigit(c)) break;
      any = true;
      if (mantissa < full) {
        mantissa = mantissa * base + (unsigned)(isdigit(c) ? c - '0' : (c | 32) - 'a' + 10);
        scale -= after_point;
      } else {
        scale += !after_point;
      }
    }
    if (hex) scale *= 4;
    if (any) {
      stop = p;
      if ((*p | 32) == (hex ? 'p' : 'e')) {
        const char* q = p + 1;
        const bool exponent_negative = *q == '-';
        if (*q == '-' || *q == '+') ++q;
        if (isdigit((unsigned char)*q)) {
          int exponent = 0;
          for (; isdigit((unsigned char)*q); ++q)
            if (exponent < 100000) exponent = exponent * 10 + (*q - '0');
          scale += exponent_negative ? -exponent : exponent;
          stop = q;
        }
      }
    }
    value = (long double)mantissa;
    if (mantissa != 0) {
      if (hex) {
        value = __builtin_ldexpl(value, scale);
      } else {
        // In two steps, so that a tiny or huge scale doesn't leave the range before the mantissa is in.
        for (; scale < -4000; scale += 4000) value /= power_of_ten(4000);
        for (; scale > 4000 && value < __LDBL_MAX__; scale -= 4000) value *= power_of_ten(4000);
        value = scale < 0 ? value / power_of_ten(-scale) : value * power_of_ten(scale);
      }
    }
  }
  if (end != NULL) *end = (char*)stop;
  return negative ? -value : value;
}
double strtod(const char* restrict text, char** restrict end) {
  const double value = (double)strtold(text, end);
  if (value > __DBL_MAX__ || value < -__DBL_MAX__) errno = ERANGE;
  return value;
}
float strtof(const char* restrict text, char** restrict end) { return (float)strtold(text, end); }
double atof(const char* text) { return strtod(text, NULL); }

// ---- Sorting: heapsort, in place and never quadratic.

typedef int (*compare_t)(const void*, const void*, void*);

static void swap(char* a, char* b, size_t size) {
  for (; size >= 8; size -= 8, a += 8, b += 8) {
    uint64_t x, y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    memcpy(a, &y, 8);
    memcpy(b, &x, 8);
  }
  for (; size > 0; --size, ++a, ++b) {
    const char x = *a;
    *a = *b;
    *b = x;
  }
}

static void sift_down(char* base, size_t root, size_t count, size_t size, compare_t compare, void* context) {
  for (;;) {
    size_t child = 2 * root + 1;
    if (child >= count) return;
    if (child + 1 < count && compare(base + child * size, base + (child + 1) * size, context) < 0) ++child;
    if (compare(base + root * size, base + child * size, context) >= 0) return;
    swap(base + root * size, base + child * size, size);
    root = child;
  }
}

void qsort_r(void* base, size_t count, size_t size, compare_t compare, void* context) {
  if (count < 2) return;
  for (size_t i = count / 2; i > 0; --i) sift_down(base, i - 1, count, size, compare, context);
  for (size_t last = count - 1; last > 0; --last) {
    swap(base, (char*)base + last * size, size);
    sift_down(base, 0, last, size, compare, context);
  }
}

static int compare_plain(const void* a, const void* b, void* compare) {
  return (*(int (**)(const void*, const void*))compare)(a, b);
}
void qsort(void* base, size_t count, size_t size, int (*compare)(const void*, const void*)) {
  qsort_r(base, count, size, compare_plain, (void*)&compare);
}

void* bsearch(const void* key, const void* base, size_t count, size_t size, int (*compare)(const void*, const void*)) {
  const char* p = base;
  while (count > 0) {
    const char* middle = p + count / 2 * size;
    const int order = compare(key, middle);
    if (order == 0) return (void*)middle;
    if (order > 0) {
      p = middle + size;
      count -= count / 2 + 1;
    } else {
      count /= 2;
    }
  }
  return NULL;
}

// ---- The rest

int rand_r(unsigned* state) {
  uint64_t x = (*state += 0x9e3779b9u);
  x = (x ^ x >> 16) * 0x45d9f3b37197344dull;
  return (int)(x >> 33);
}
static unsigned rand_state = 1;
int rand(void) {
  unsigned state = __atomic_fetch_add(&rand_state, 0x9e3779b9u, __ATOMIC_RELAXED);
  return rand_r(&state);
}
void srand(unsigned seed) { __atomic_store_n(&rand_state, seed, __ATOMIC_RELAXED); }

char* getenv(const char* name) {
  const size_t n = strlen(name);
  for (char** e = environ; *e != NULL; ++e)
    if (strncmp(*e, name, n) == 0 && (*e)[n] == '=') return *e + n + 1;
  return NULL;
}

int system(const char* command) { return command == NULL ? 0 : -1; }
