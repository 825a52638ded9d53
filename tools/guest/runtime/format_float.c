// Floating-point numbers as text, exactly: a double is a binary fraction, so its decimal expansion ends, and is
// computed in full before it is rounded (half to even, as the processor does).
#include <stdbool.h>
#include <string.h>

#include "internal.h"

#define BASE 1000000000u
#define WHOLE_WORDS 35      // 10^309 in words of nine digits
#define FRACTION_WORDS 120  // 2^-1074 has 1074 decimals

// A decimal number, nine digits in each word, the most significant first; the point is after WHOLE_WORDS words.
struct decimal {
  uint32_t words[WHOLE_WORDS + FRACTION_WORDS];
};

static void multiply_by_power_of_two(struct decimal* d, int shift) {
  while (shift > 0) {
    const int step = shift < 29 ? shift : 29;
    uint64_t carry = 0;
    for (int i = WHOLE_WORDS; i-- > 0;) {
      const uint64_t x = ((uint64_t)d->words[i] << step) + carry;
      d->words[i] = (uint32_t)(x % BASE);
      carry = x / BASE;
    }
    shift -= step;
  }
}

static void divide_by_power_of_two(struct decimal* d, int shift) {
  while (shift > 0) {
    const int step = shift < 9 ? shift : 9;  // 10^9 is divisible by 2^9: a remainder carries over without loss
    uint32_t carry = 0;
    for (int i = 0; i < WHOLE_WORDS + FRACTION_WORDS; ++i) {
      const uint32_t x = d->words[i];
      d->words[i] = (x >> step) + carry;
      carry = (x & ((1u << step) - 1)) * (BASE >> step);
    }
    shift -= step;
  }
}

// The digits of `value`, WHOLE_WORDS * 9 of them before the point.
#define POINT (WHOLE_WORDS * 9)
#define DIGITS ((WHOLE_WORDS + FRACTION_WORDS) * 9)

static void to_digits(double value, char* digits) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  const int biased = (int)(bits >> 52 & 0x7ff);
  uint64_t mantissa = bits & (((uint64_t)1 << 52) - 1);
  if (biased != 0) mantissa |= (uint64_t)1 << 52;
  const int exponent = (biased != 0 ? biased : 1) - 1075;
  struct decimal d;
  memset(&d, 0, sizeof(d));
  d.words[WHOLE_WORDS - 1] = (uint32_t)(mantissa % BASE);
  d.words[WHOLE_WORDS - 2] = (uint32_t)(mantissa / BASE);
  multiply_by_power_of_two(&d, exponent);
  divide_by_power_of_two(&d, -exponent);
  for (int i = 0; i < WHOLE_WORDS + FRACTION_WORDS; ++i) {
    uint32_t word = d.words[i];
    for (int j = 9; j-- > 0; word /= 10) digits[i * 9 + j] = (char)('0' + word % 10);
  }
}

// Rounds to `keep` digits (at least 0). True if that carried out of the first digit: the digits are then all zeros, and
// a one belongs before them.
static bool round_digits(char* digits, int keep) {
  if (keep >= DIGITS) return false;
  bool up = digits[keep] > '5';
  if (digits[keep] == '5') {
    up = keep > 0 && (digits[keep - 1] - '0') % 2 != 0;
    for (int i = keep + 1; i < DIGITS && !up; ++i) up = digits[i] != '0';
  }
  memset(digits + keep, '0', (size_t)(DIGITS - keep));
  if (!up) return false;
  for (int i = keep; i-- > 0;) {
    if (digits[i]++ != '9') return false;
    digits[i] = '0';
  }
  return true;
}

static char* put_fraction(char* to, const char* digits, int n, bool point) {
  if (n > 0 || point) *to++ = '.';
  if (n > 0) memcpy(to, digits, (size_t)n);
  return to + n;
}

static char* put_fixed(char* to, const char* digits, int precision, bool point) {
  int first = 0;
  while (first < POINT - 1 && digits[first] == '0') ++first;
  memcpy(to, digits + first, (size_t)(POINT - first));
  return put_fraction(to + (POINT - first), digits + POINT, precision, point);
}

static char* put_exponent(char* to, int exponent, char letter, int least_digits) {
  *to++ = letter;
  *to++ = exponent < 0 ? '-' : '+';
  if (exponent < 0) exponent = -exponent;
  char text[8];
  int n = 0;
  for (; exponent > 0 || n < least_digits; exponent /= 10) text[n++] = (char)('0' + exponent % 10);
  while (n > 0) *to++ = text[--n];
  return to;
}

static char* without_trailing_zeros(char* begin, char* end) {
  if (memchr(begin, '.', (size_t)(end - begin)) == NULL) return end;
  while (end[-1] == '0') --end;
  return end[-1] == '.' ? end - 1 : end;
}

static int format_hex(char* to, double value, char conversion, int precision, bool point) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  int exponent = (int)(bits >> 52 & 0x7ff);
  uint64_t mantissa = bits & (((uint64_t)1 << 52) - 1);
  if (exponent != 0) mantissa |= (uint64_t)1 << 52;
  exponent = value == 0 ? 0 : (exponent != 0 ? exponent : 1) - 1023;
  if (precision >= 0 && precision < 13) {
    const int drop = (13 - precision) * 4;
    const uint64_t half = (uint64_t)1 << (drop - 1), rest = mantissa & (2 * half - 1);
    mantissa -= rest;
    if (rest > half || (rest == half && (mantissa & 2 * half) != 0)) mantissa += 2 * half;
  }
  const char* digits = conversion == 'A' ? "0123456789ABCDEF" : "0123456789abcdef";
  char* p = to;
  *p++ = digits[mantissa >> 52];
  char fraction[13];
  for (int i = 0; i < 13; ++i) fraction[i] = digits[mantissa >> (48 - 4 * i) & 15];
  int n = precision < 0 ? 13 : precision;
  if (precision < 0)
    while (n > 0 && fraction[n - 1] == '0') --n;
  if (n > 0 || point) *p++ = '.';
  for (int i = 0; i < n; ++i) *p++ = i < 13 ? fraction[i] : '0';
  return (int)(put_exponent(p, exponent, conversion == 'A' ? 'P' : 'p', 1) - to);
}

int guest_format_float(char* to, double value, char conversion, int precision, int alternate) {
  const char kind = (char)(conversion | 32);
  if (kind == 'a') return format_hex(to, value, conversion, precision, alternate);
  char storage[DIGITS + 1];
  char* digits = storage + 1;  // with room for a carry
  storage[0] = '0';
  to_digits(value, digits);

  if (kind == 'f') {
    round_digits(digits, POINT + precision);
    return (int)(put_fixed(to, digits, precision, alternate) - to);
  }
  if (kind == 'g' && precision == 0) precision = 1;
  int significant = kind == 'g' ? precision : precision + 1;
  int first = 0;
  while (first < DIGITS && digits[first] == '0') ++first;
  if (first == DIGITS) first = POINT - 1;  // zero
  if (significant > DIGITS - first) significant = DIGITS - first;
  const int keep = first + significant;
  round_digits(digits, keep);
  if (first > 0 && digits[first - 1] != '0') --first;  // 9.99 became 10.0
  const int exponent = POINT - 1 - first;
  if (kind == 'g' && exponent >= -4 && exponent < precision) {
    char* end = put_fixed(to, digits, precision - 1 - exponent, alternate);
    return (int)((alternate ? end : without_trailing_zeros(to, end)) - to);
  }
  const int decimals = kind == 'g' ? precision - 1 : precision;
  char* p = to;
  *p++ = digits[first];
  const int there = DIGITS - first - 1 < decimals ? DIGITS - first - 1 : decimals;
  p = put_fraction(p, digits + first + 1, there, alternate);
  if (there < decimals) {
    memset(p, '0', (size_t)(decimals - there));
    p += decimals - there;
  }
  if (kind == 'g' && !alternate) p = without_trailing_zeros(to, p);
  return (int)(put_exponent(p, exponent, conversion == 'E' || conversion == 'G' ? 'E' : 'e', 2) - to);
}
