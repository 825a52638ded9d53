#pragma once
#include <guest_linkage.h>
#define __need_size_t
#include <stddef.h>
__GUEST_BEGIN
int strcasecmp(const char* a, const char* b) __GUEST_NOEXCEPT;
int strncasecmp(const char* a, const char* b, size_t n) __GUEST_NOEXCEPT;
int bcmp(const void* a, const void* b, size_t n) __GUEST_NOEXCEPT;
int ffs(int bits) __GUEST_NOEXCEPT;
__GUEST_END
