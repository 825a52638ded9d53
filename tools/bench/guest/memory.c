// Faults, first touches, a large VMO.
#include "../touch.h"
#include "benchmarks.h"

void present_faults(uint64_t n) {
  // Every other page, so that neither frames nor mappings of neighbours continue each other.
  const zx_handle_t vmo = make_vmo(2 * n * BENCH_PAGE);
  char* all = map_vmo(vmo, 0, 2 * n * BENCH_PAGE);
  commit(vmo, 2 * n * BENCH_PAGE);
  bench_write_pages(all, 2 * n * BENCH_PAGE, 1);
  unmap(all, 2 * n * BENCH_PAGE);
  char* first = map_vmo(vmo, 0, BENCH_PAGE);
  for (uint64_t i = 1; i < n; ++i) {
    if (map_vmo(vmo, 2 * i * BENCH_PAGE, BENCH_PAGE) != first + i * BENCH_PAGE) check(ZX_ERR_INTERNAL, "placement");
  }
  const zx_time_t begin = zx_clock_get_monotonic();
  bench_read_pages(first, n * BENCH_PAGE);
  report((uint64_t)(zx_clock_get_monotonic() - begin), n);
}

void new_faults(uint64_t n) {
  char* base = map_vmo(make_vmo(2 * n * BENCH_PAGE), 0, 2 * n * BENCH_PAGE);
  const zx_time_t begin = zx_clock_get_monotonic();
  bench_write_pages(base, 2 * n * BENCH_PAGE, 2);
  report((uint64_t)(zx_clock_get_monotonic() - begin), n);
}

void first_touch(uint64_t bytes) {
  const zx_handle_t vmo = make_vmo(bytes);
  const zx_time_t begin = zx_clock_get_monotonic();
  bench_write_pages(map_vmo(vmo, 0, bytes), bytes, 1);
  report((uint64_t)(zx_clock_get_monotonic() - begin), 1);
}

void committed_vmo(uint64_t bytes) {
  const zx_handle_t vmo = make_vmo(bytes);
  const zx_time_t begin = zx_clock_get_monotonic();
  commit(vmo, bytes);
  bench_write_pages(map_vmo(vmo, 0, bytes), bytes, 1);
  report((uint64_t)(zx_clock_get_monotonic() - begin), 1);
}

void clone_writes(uint64_t n) {
  const zx_handle_t vmo = make_vmo(2 * n * BENCH_PAGE);
  commit(vmo, 2 * n * BENCH_PAGE);
  char* base = map_vmo(vmo, 0, 2 * n * BENCH_PAGE);
  bench_write_pages(base, 2 * n * BENCH_PAGE, 1);
  zx_handle_t clone;
  check(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SNAPSHOT, 0, 2 * n * BENCH_PAGE, &clone), "zx_vmo_create_child");
  const zx_time_t begin = zx_clock_get_monotonic();
  bench_write_pages(base, 2 * n * BENCH_PAGE, 2);
  report((uint64_t)(zx_clock_get_monotonic() - begin), n);
}
