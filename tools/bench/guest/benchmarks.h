// The guest's side of the benchmarks. Each prints one line, "VALUE OPERATIONS": nanoseconds, and how many operations
// they are for, unless it says otherwise.
#ifndef ZIRCONIA_TOOLS_BENCH_GUEST_BENCHMARKS_H_
#define ZIRCONIA_TOOLS_BENCH_GUEST_BENCHMARKS_H_

#include <stddef.h>
#include <stdint.h>
#include <zircon/syscalls.h>

#define READ_WRITE (ZX_VM_PERM_READ | ZX_VM_PERM_WRITE)

// Ends the program with a message if a call failed: there is nothing to measure then.
void check(zx_status_t status, const char* what);
void report(uint64_t value, uint64_t operations);

zx_handle_t make_vmo(uint64_t size);
char* map_vmo(zx_handle_t vmo, uint64_t offset, size_t size);
void unmap(const void* address, size_t size);
void commit(zx_handle_t vmo, uint64_t size);

// What follows is chosen by the program's first argument; `n` is the second.

void present_faults(uint64_t n);     // reads of n pages that are committed, each in a mapping of its own
void new_faults(uint64_t n);         // writes to n pages that aren't committed, none next to another
void first_touch(uint64_t bytes);    // writes to each page of an uncommitted VMO of so many bytes
void committed_vmo(uint64_t bytes);  // commit, map, write to each page
void clone_writes(uint64_t n);       // the first writes to n pages, none next to another, after a snapshot
void get_size(uint64_t n);           // n calls of zx_vmo_get_size
void get_clock(uint64_t n);          // n calls of zx_clock_get_monotonic
void vmo_read(uint64_t bytes);       // zx_vmo_read of so many bytes
void vmo_write(uint64_t bytes);      // zx_vmo_write likewise
void start_time(uint64_t unused);    // the time at which main runs; OPERATIONS is 1
void many_mappings(uint64_t count);  // maps one page each, then touches all: a line for each, OPERATIONS is the count
void working_set(uint64_t bytes);    // a mixture of mapping and touching, see programs.c
void hash_xxh3(uint64_t rounds);  // so many passes over the VMO handed over, a line for each; OPERATIONS is the digest
void hash_xxh64(uint64_t rounds);

#endif  // ZIRCONIA_TOOLS_BENCH_GUEST_BENCHMARKS_H_
