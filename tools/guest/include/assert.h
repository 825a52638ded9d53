// No include guard: NDEBUG decides at every inclusion.
#include <guest_linkage.h>
#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) \
  ((condition) ? (void)0 : __assert_fail(#condition, __FILE__, __LINE__, __extension__ __PRETTY_FUNCTION__))
#endif
#ifndef __GUEST_ASSERT_FAIL
#define __GUEST_ASSERT_FAIL
__GUEST_BEGIN
void __assert_fail(const char* condition, const char* file, unsigned line, const char* function) __GUEST_NOEXCEPT
    __attribute__((__noreturn__));
__GUEST_END
#endif
#if !defined(__cplusplus) && !defined(static_assert)
#define static_assert _Static_assert
#endif
