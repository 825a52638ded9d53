// The guest's printf against the host's.
#include <catch2/catch.hpp>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>

// The runtime's guest_sink and guest_format (tools/guest/runtime/internal.h).
extern "C" {
struct GuestSink {
  void (*put)(GuestSink* sink, const char* bytes, size_t n);
};
int guest_format(GuestSink* sink, const char* format, va_list arguments);
}

namespace {

struct StringSink {
  GuestSink base;
  std::string text;
};

std::string Guest(const char* format, ...) {
  StringSink sink{
      {[](GuestSink* s, const char* bytes, size_t n) { reinterpret_cast<StringSink*>(s)->text.append(bytes, n); }}, {}};
  va_list arguments;
  va_start(arguments, format);
  const int n = guest_format(&sink.base, format, arguments);
  va_end(arguments);
  CHECK(static_cast<size_t>(n) == sink.text.size());
  return sink.text;
}

std::string Host(const char* format, ...) {
  char text[4096];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return text;
}

}  // namespace

#define SAME(...) CHECK(Guest(__VA_ARGS__) == Host(__VA_ARGS__))

TEST_CASE("The guest's printf formats integers as the host's does") {
  for (const char* flags : {"", "-", "0", "+", " ", "#", "-#", "0#", "+0"}) {
    for (const char* width : {"", "1", "12", "12.5", ".0", ".7", "20.10"}) {
      for (const char* conversion : {"d", "i", "u", "x", "X", "o", "ld", "lu", "lx", "hd", "hhd", "hhx", "zu", "jd"}) {
        const bool is_signed = std::strpbrk(conversion, "di") != nullptr;
        if (!is_signed && std::strpbrk(flags, "+ ") != nullptr) continue;  // undefined
        if (std::strpbrk(flags, "#") != nullptr && std::strpbrk(conversion, "diu") != nullptr) continue;
        const std::string format = std::string("[%") + flags + width + conversion + "]";
        for (const long value : {0L, 1L, -1L, 255L, 65536L, 2147483647L, -2147483648L}) {
          INFO(format << " " << value);
          SAME(format.c_str(), value);
        }
      }
    }
  }
  SAME("%lx %lld %llu", 0xdeadbeefcafef00dL, -9223372036854775807LL - 1, 18446744073709551615ULL);
}

TEST_CASE("The guest's printf formats text as the host's does") {
  SAME("%s|%10s|%-10s|%.2s|%10.2s|%c|%5c|%-5c|%%", "text", "text", "text", "text", "text", 'c', 'c', 'c');
  SAME("%*d|%-*d|%*d|%.*f|%.*f", 8, 42, 8, 42, -8, 42, 2, 1.5, -2, 1.5);
  SAME("%p", reinterpret_cast<void*>(0x1234));
  CHECK(Guest("%s", static_cast<const char*>(nullptr)) == "(null)");
  CHECK(Guest("100%") == "100%");
}

TEST_CASE("The guest's printf formats floating point exactly") {
  std::mt19937_64 random(1);
  for (const char* format :
       {"%f",    "%e",     "%g",       "%a",      "%.0f",  "%.0e", "%.0g", "%.3f", "%.3e", "%.3g", "%.17g", "%.25f",
        "%#.3g", "%20.4f", "%-20.4fx", "%020.4f", "%+.2e", "% g",  "%G",   "%E",   "%A",   "%.2a", "%#.0f", "%.40e"}) {
    for (const double value : {0.0,
                               -0.0,
                               1.0,
                               -1.0,
                               0.5,
                               1.5,
                               2.5,
                               0.1,
                               9.995,
                               99999.5,
                               999999.5,
                               1e15,
                               1e16,
                               1e21,
                               1e100,
                               1.7976931348623157e308,
                               2.2250738585072014e-308,
                               5e-324,
                               123456789.123456789,
                               0.0001,
                               0.00001,
                               1.0 / 0.0,
                               -1.0 / 0.0}) {
      INFO(format << " " << value);
      SAME(format, value);
    }
    for (int i = 0; i < 300; ++i) {
      double value;
      const uint64_t bits = random();
      std::memcpy(&value, &bits, sizeof(value));
      if (value != value) continue;
      INFO(format << " " << value);
      SAME(format, value);
    }
  }
}
