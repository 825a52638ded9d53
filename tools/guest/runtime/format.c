// The format language of printf, all of it but %n and wide characters.
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "internal.h"

enum { kInt, kChar, kShort, kLong, kLongDouble };

struct spec {
  bool left, plus, space, alternate, zero;
  int width;
  int precision;  // -1: none given
};

struct output {
  struct guest_sink* sink;
  size_t count;
};

static void put(struct output* out, const char* bytes, size_t n) {
  if (n == 0) return;
  out->sink->put(out->sink, bytes, n);
  out->count += n;
}

static void pad(struct output* out, char c, size_t n) {
  char run[64];
  memset(run, c, n < sizeof(run) ? n : sizeof(run));
  for (; n > 0; n -= n < sizeof(run) ? n : sizeof(run)) put(out, run, n < sizeof(run) ? n : sizeof(run));
}

// Prefix (sign, 0x), zeros, text; padded to the width.
static void put_field(struct output* out, const struct spec* spec, const char* prefix, size_t zeros, const char* text,
                      size_t n, bool zero_pad) {
  const size_t prefix_length = strlen(prefix);
  const size_t total = prefix_length + zeros + n;
  const size_t fill = (size_t)spec->width > total ? (size_t)spec->width - total : 0;
  if (!spec->left && !zero_pad) pad(out, ' ', fill);
  put(out, prefix, prefix_length);
  pad(out, '0', zeros + (!spec->left && zero_pad ? fill : 0));
  put(out, text, n);
  if (spec->left) pad(out, ' ', fill);
}

static void put_integer(struct output* out, const struct spec* spec, uintmax_t value, const char* sign,
                        char conversion) {
  const char* digits = conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  const unsigned base = conversion == 'o'                               ? 8
                        : (conversion | 32) == 'x' || conversion == 'p' ? 16
                        : conversion == 'b'                             ? 2
                                                                        : 10;
  char text[64];
  char* begin = text + sizeof(text);
  for (uintmax_t v = value; v != 0; v /= base) *--begin = digits[v % base];
  size_t n = (size_t)(text + sizeof(text) - begin);
  size_t zeros = 0;
  if (spec->precision >= 0)
    zeros = (size_t)spec->precision > n ? (size_t)spec->precision - n : 0;
  else if (n == 0)
    zeros = 1;
  if (conversion == 'o' && spec->alternate && zeros == 0) zeros = 1;
  const char* prefix = sign;
  if (conversion == 'p' || (spec->alternate && base == 16 && value != 0)) prefix = conversion == 'X' ? "0X" : "0x";
  put_field(out, spec, prefix, zeros, begin, n, spec->zero && spec->precision < 0);
}

static void put_float(struct output* out, const struct spec* spec, double value, char conversion) {
  const bool negative = __builtin_signbit(value) != 0;
  const char* sign = negative ? "-" : spec->plus ? "+" : spec->space ? " " : "";
  if (negative) value = -value;
  if (!__builtin_isfinite(value)) {
    const char* text = __builtin_isnan(value) ? "nan" : "inf";
    if (isupper(conversion)) text = __builtin_isnan(value) ? "NAN" : "INF";
    put_field(out, spec, sign, 0, text, 3, false);
    return;
  }
  // Digits beyond 1080 are zeros in every double.
  const int wanted = spec->precision >= 0 ? spec->precision : (conversion | 32) == 'a' ? -1 : 6;
  const int computed = wanted < 1080 ? wanted : 1080;
  char text[GUEST_FLOAT_ROOM + 1100];
  const char* prefix = sign;
  char hex_prefix[4];
  if ((conversion | 32) == 'a') {
    char* end = hex_prefix;
    if (*sign != '\0') *end++ = *sign;
    *end++ = '0';
    *end++ = conversion == 'a' ? 'x' : 'X';
    *end = '\0';
    prefix = hex_prefix;
  }
  const int n = guest_format_float(text, value, conversion, computed, spec->alternate);
  if (wanted > computed && (conversion | 32) == 'f') {
    struct spec exact = *spec;
    exact.width = 0;
    put_field(out, &exact, prefix, 0, text, (size_t)n, false);
    pad(out, '0', (size_t)(wanted - computed));
    return;
  }
  put_field(out, spec, prefix, 0, text, (size_t)n, spec->zero);
}

static const char* parse_number(const char* p, int* number) {
  unsigned n = 0;
  for (; isdigit((unsigned char)*p); ++p)
    if (n < INT_MAX / 10) n = n * 10 + (unsigned)(*p - '0');
  *number = (int)n;
  return p;
}

static const char* parse_length(const char* p, int* length) {
  *length = kInt;
  switch (*p) {
    case 'h':
      *length = p[1] == 'h' ? kChar : kShort;
      return p + (p[1] == 'h' ? 2 : 1);
    case 'l':
      *length = kLong;
      return p + (p[1] == 'l' ? 2 : 1);
    case 'z':
    case 'j':
    case 't':
      *length = kLong;
      return p + 1;
    case 'L':
      *length = kLongDouble;
      return p + 1;
    default:
      return p;
  }
}

int guest_format(struct guest_sink* sink, const char* format, va_list arguments) {
  struct output out = {sink, 0};
  for (const char* p = format;;) {
    const char* const literal = p;
    p = strchrnul(p, '%');
    put(&out, literal, (size_t)(p - literal));
    if (*p == '\0') return out.count < INT_MAX ? (int)out.count : INT_MAX;
    const char* const percent = p++;

    struct spec spec = {.precision = -1};
    for (;; ++p) {
      if (*p == '-')
        spec.left = true;
      else if (*p == '+')
        spec.plus = true;
      else if (*p == ' ')
        spec.space = true;
      else if (*p == '#')
        spec.alternate = true;
      else if (*p == '0')
        spec.zero = true;
      else
        break;
    }
    if (*p == '*') {
      ++p;
      spec.width = va_arg(arguments, int);
      if (spec.width < 0) {
        spec.left = true;
        spec.width = spec.width == INT_MIN ? INT_MAX : -spec.width;
      }
    } else {
      p = parse_number(p, &spec.width);
    }
    if (*p == '.') {
      ++p;
      if (*p == '*') {
        ++p;
        spec.precision = va_arg(arguments, int);
        if (spec.precision < 0) spec.precision = -1;
      } else {
        p = parse_number(p, &spec.precision);
      }
    }
    int length;
    p = parse_length(p, &length);
    const char conversion = *p;
    if (conversion != '\0') ++p;
    switch (conversion) {
      case 'd':
      case 'i': {
        intmax_t value = length == kLong ? va_arg(arguments, long) : va_arg(arguments, int);
        if (length == kShort) value = (short)value;
        if (length == kChar) value = (intmax_t)((uintmax_t)value << 56) >> 56;
        const char* sign = value < 0 ? "-" : spec.plus ? "+" : spec.space ? " " : "";
        put_integer(&out, &spec, value < 0 ? 0 - (uintmax_t)value : (uintmax_t)value, sign, 'd');
        break;
      }
      case 'u':
      case 'o':
      case 'x':
      case 'X':
      case 'b': {
        uintmax_t value = length == kLong ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned);
        if (length == kShort) value = (unsigned short)value;
        if (length == kChar) value = (unsigned char)value;
        put_integer(&out, &spec, value, "", conversion);
        break;
      }
      case 'p':
        put_integer(&out, &spec, (uintptr_t)va_arg(arguments, void*), "", 'p');
        break;
      case 'c': {
        const char c = (char)va_arg(arguments, int);
        put_field(&out, &spec, "", 0, &c, 1, false);
        break;
      }
      case 's': {
        const char* s = va_arg(arguments, const char*);
        if (s == NULL) s = "(null)";
        const size_t n = spec.precision >= 0 ? strnlen(s, (size_t)spec.precision) : strlen(s);
        put_field(&out, &spec, "", 0, s, n, false);
        break;
      }
      case 'f':
      case 'F':
      case 'e':
      case 'E':
      case 'g':
      case 'G':
      case 'a':
      case 'A':
        put_float(&out, &spec,
                  length == kLongDouble ? (double)va_arg(arguments, long double) : va_arg(arguments, double),
                  conversion);
        break;
      case '%':
        put(&out, "%", 1);
        break;
      default:
        put(&out, percent, (size_t)(p - percent));
        break;  // not a conversion: shown as it is
    }
  }
}
