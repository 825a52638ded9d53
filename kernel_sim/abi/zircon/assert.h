// Assertions that print to the console and abort.
#ifndef ZIRCONIA_ABI_ZIRCON_ASSERT_H_
#define ZIRCONIA_ABI_ZIRCON_ASSERT_H_

#include <stdio.h>
#include <stdlib.h>
#include <zircon/compiler.h>

#define ZX_PANIC(...)    \
  do {                   \
    printf(__VA_ARGS__); \
    fflush(stdout);      \
    abort();             \
  } while (0)

#define ZX_ASSERT(x)                                                                                   \
  do {                                                                                                 \
    if (__builtin_expect(!(x), 0)) ZX_PANIC("ASSERT FAILED at (%s:%d): %s\n", __FILE__, __LINE__, #x); \
  } while (0)

#define ZX_ASSERT_MSG(x, ...)                                           \
  do {                                                                  \
    if (__builtin_expect(!(x), 0)) {                                    \
      printf("ASSERT FAILED at (%s:%d): %s\n", __FILE__, __LINE__, #x); \
      printf(__VA_ARGS__);                                              \
      ZX_PANIC("\n");                                                   \
    }                                                                   \
  } while (0)

#ifdef ZX_DEBUGLEVEL
#define ZX_DEBUG_ASSERT_IMPLEMENTED (ZX_DEBUGLEVEL > 1)
#elif defined(ZX_ASSERT_LEVEL)
#define ZX_DEBUG_ASSERT_IMPLEMENTED (ZX_ASSERT_LEVEL > 1)
#else
#define ZX_DEBUG_ASSERT_IMPLEMENTED 0
#endif

#define ZX_DEBUG_ASSERT(x)                                                      \
  do {                                                                          \
    if (ZX_DEBUG_ASSERT_IMPLEMENTED && __builtin_expect(!(x), 0))               \
      ZX_PANIC("DEBUG ASSERT FAILED at (%s:%d): %s\n", __FILE__, __LINE__, #x); \
  } while (0)

#define ZX_DEBUG_ASSERT_MSG(x, ...)                                 \
  do {                                                              \
    if (ZX_DEBUG_ASSERT_IMPLEMENTED) ZX_ASSERT_MSG(x, __VA_ARGS__); \
  } while (0)

#if ZX_DEBUG_ASSERT_IMPLEMENTED
#define ZX_DEBUG_ASSERT_COND(x) ZX_DEBUG_ASSERT(x)
#define ZX_DEBUG_ASSERT_MSG_COND(x, ...) ZX_DEBUG_ASSERT_MSG(x, __VA_ARGS__)
#else
#define ZX_DEBUG_ASSERT_COND(x) \
  do {                          \
  } while (0)
#define ZX_DEBUG_ASSERT_MSG_COND(x, ...) \
  do {                                   \
  } while (0)
#endif

#endif  // ZIRCONIA_ABI_ZIRCON_ASSERT_H_
