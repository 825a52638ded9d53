// Programs of more than one operation.
#include <zircon/process.h>
#include <zircon/processargs.h>
#include <zircon/syscalls/object.h>

#include "../hash.h"
#include "../touch.h"
#include "benchmarks.h"

static void hash(uint64_t (*function)(const void*, size_t), uint64_t rounds) {
  const zx_handle_t vmo = zx_take_startup_handle(PA_HND(PA_USER0, 0));
  uint64_t size = 0;
  check(zx_object_get_property(vmo, ZX_PROP_VMO_CONTENT_SIZE, &size, sizeof(size)), "ZX_PROP_VMO_CONTENT_SIZE");
  zx_vaddr_t address = 0;
  check(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, vmo, 0, size, &address), "zx_vmar_map");
  function((const void*)address, size);
  for (uint64_t i = 0; i < rounds; ++i) {
    const zx_time_t begin = zx_clock_get_monotonic();
    const uint64_t digest = function((const void*)address, size);
    report((uint64_t)(zx_clock_get_monotonic() - begin), digest);
  }
}

void hash_xxh3(uint64_t rounds) { hash(bench_xxh3, rounds); }
void hash_xxh64(uint64_t rounds) { hash(bench_xxh64, rounds); }

// Three habits of programs, a part of the work each, over one committed VMO:
//  - pieces of 64 KiB are mapped and unmapped, and nothing is touched;
//  - pieces of 1 MiB are mapped, every eighth page is written, and they are unmapped;
//  - all of it is mapped once, and written four times over.
void working_set(uint64_t bytes) {
  const zx_handle_t vmo = make_vmo(bytes);
  commit(vmo, bytes);
  const zx_time_t begin = zx_clock_get_monotonic();
  for (uint64_t at = 0; at < bytes; at += 16 * BENCH_PAGE) {
    unmap(map_vmo(vmo, at, 16 * BENCH_PAGE), 16 * BENCH_PAGE);
  }
  for (uint64_t at = 0; at < bytes; at += 256 * BENCH_PAGE) {
    char* piece = map_vmo(vmo, at, 256 * BENCH_PAGE);
    bench_write_pages(piece, 256 * BENCH_PAGE, 8);
    unmap(piece, 256 * BENCH_PAGE);
  }
  char* all = map_vmo(vmo, 0, bytes);
  for (int i = 0; i < 4; ++i) bench_write_pages(all, bytes, 1);
  unmap(all, bytes);
  report((uint64_t)(zx_clock_get_monotonic() - begin), 1);
}
