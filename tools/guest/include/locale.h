// Named by libstdc++'s headers. There is one locale, "C".
#pragma once
#include <guest_linkage.h>
#define __need_NULL
#include <stddef.h>
#define LC_ALL 6
#define LC_COLLATE 3
#define LC_CTYPE 0
#define LC_MONETARY 4
#define LC_NUMERIC 1
#define LC_TIME 2
struct lconv {
  char *decimal_point, *thousands_sep, *grouping;
};
typedef void* locale_t;
typedef locale_t __locale_t;
__GUEST_BEGIN
char* setlocale(int category, const char* locale) __GUEST_NOEXCEPT;
struct lconv* localeconv(void) __GUEST_NOEXCEPT;
locale_t uselocale(locale_t locale) __GUEST_NOEXCEPT;
__GUEST_END
