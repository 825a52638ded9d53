#pragma once
#include <guest_linkage.h>
// Named by libstdc++'s headers and only declared: nothing is translated.
#define gettext(text) (text)
__GUEST_BEGIN
char* bindtextdomain(const char* domain, const char* folder) __GUEST_NOEXCEPT;
char* dgettext(const char* domain, const char* text) __GUEST_NOEXCEPT;
char* textdomain(const char* domain) __GUEST_NOEXCEPT;
__GUEST_END
