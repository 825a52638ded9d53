// The hashing loop, compiled once for the guest and once for the host, by the same compiler with the same options.
#ifndef ZIRCONIA_TOOLS_BENCH_HASH_H_
#define ZIRCONIA_TOOLS_BENCH_HASH_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

uint64_t bench_xxh3(const void* data, size_t size);
uint64_t bench_xxh64(const void* data, size_t size);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCONIA_TOOLS_BENCH_HASH_H_
