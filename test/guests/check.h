// For guests that try many behaviours: each prints one line, "ok NAME" or "FAIL NAME: what was expected", and the exit
// code counts the failures.
#ifndef ZIRCONIA_TEST_GUESTS_CHECK_H_
#define ZIRCONIA_TEST_GUESTS_CHECK_H_

#include <stdbool.h>
#include <stdio.h>
#include <zircon/status.h>

static int failures;
static bool behaviour_holds;

#define EXPECT(condition)                                                    \
  do {                                                                       \
    if (!(condition)) {                                                      \
      printf("  %s:%d: expected %s\n", __FILE_NAME__, __LINE__, #condition); \
      behaviour_holds = false;                                               \
    }                                                                        \
  } while (0)

#define EXPECT_STATUS(call, expected)                                                                           \
  do {                                                                                                          \
    const zx_status_t status_ = (call);                                                                         \
    if (status_ != (expected)) {                                                                                \
      printf("  %s:%d: %s is %s, expected %s\n", __FILE_NAME__, __LINE__, #call, zx_status_get_string(status_), \
             zx_status_get_string(expected));                                                                   \
      behaviour_holds = false;                                                                                  \
    }                                                                                                           \
  } while (0)

#define EXPECT_OK(call) EXPECT_STATUS(call, ZX_OK)

static inline void run_behaviour(const char* name, void (*body)(void)) {
  behaviour_holds = true;
  body();
  printf("%s %s\n", behaviour_holds ? "ok" : "FAIL", name);
  failures += !behaviour_holds;
}
#define RUN(name) run_behaviour(#name, name)

#endif  // ZIRCONIA_TEST_GUESTS_CHECK_H_
