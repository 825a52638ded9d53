// The loop that touches memory page by page: the same for guests and for their floors.
#ifndef ZIRCONIA_TOOLS_BENCH_TOUCH_H_
#define ZIRCONIA_TOOLS_BENCH_TOUCH_H_

#include <stddef.h>

#define BENCH_PAGE ((size_t)4096)

// Writes a byte to every `step`-th page.
static inline void bench_write_pages(volatile char* base, size_t size, size_t step) {
  for (size_t at = 0; at < size; at += step * BENCH_PAGE) base[at] = 1;
}

// Reads a byte of every page.
static inline void bench_read_pages(const volatile char* base, size_t size) {
  for (size_t at = 0; at < size; at += BENCH_PAGE) (void)base[at];
}

#endif  // ZIRCONIA_TOOLS_BENCH_TOUCH_H_
