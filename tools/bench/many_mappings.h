/* Mappings of one page each, none of which can be one with its neighbour: what guest and floor both map. */
#ifndef ZIRCONIA_TOOLS_BENCH_MANY_MAPPINGS_H_
#define ZIRCONIA_TOOLS_BENCH_MANY_MAPPINGS_H_

#include <stdint.h>

#define MANY_MAPPINGS_PAGES UINT64_C(16384)

/* Which page of a file of so many the i-th mapping shows: neighbours are never consecutive. */
static inline uint64_t many_mappings_page(uint64_t i) { return i * 6151 % MANY_MAPPINGS_PAGES; }

#endif
