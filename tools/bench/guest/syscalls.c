// System calls.
#include "../touch.h"
#include "benchmarks.h"

void get_size(uint64_t n) {
  const zx_handle_t vmo = make_vmo(BENCH_PAGE);
  uint64_t size = 0;
  zx_status_t status = ZX_OK;
  const zx_time_t begin = zx_clock_get_monotonic();
  for (uint64_t i = 0; i < n; ++i) status |= zx_vmo_get_size(vmo, &size);
  const zx_time_t end = zx_clock_get_monotonic();
  check(status, "zx_vmo_get_size");
  report((uint64_t)(end - begin), n);
}

void get_clock(uint64_t n) {
  const zx_time_t begin = zx_clock_get_monotonic();
  for (uint64_t i = 1; i < n; ++i) zx_clock_get_monotonic();
  report((uint64_t)(zx_clock_get_monotonic() - begin), n);
}

typedef zx_status_t (*transfer_t)(zx_handle_t vmo, void* buffer, uint64_t offset, size_t size);

static zx_status_t read_vmo(zx_handle_t vmo, void* buffer, uint64_t offset, size_t size) {
  return zx_vmo_read(vmo, buffer, offset, size);
}
static zx_status_t write_vmo(zx_handle_t vmo, void* buffer, uint64_t offset, size_t size) {
  return zx_vmo_write(vmo, buffer, offset, size);
}

// About 64 MiB in all, between a VMO and a buffer that both were touched before.
static void transfer(transfer_t call, uint64_t bytes) {
  const zx_handle_t vmo = make_vmo(bytes);
  const zx_handle_t buffer_vmo = make_vmo(bytes);
  commit(vmo, bytes);
  commit(buffer_vmo, bytes);
  char* buffer = map_vmo(buffer_vmo, 0, bytes);
  bench_write_pages(buffer, bytes, 1);
  check(write_vmo(vmo, buffer, 0, bytes), "zx_vmo_write");
  check(read_vmo(vmo, buffer, 0, bytes), "zx_vmo_read");
  const uint64_t n = ((uint64_t)1 << 26) / bytes;
  zx_status_t status = ZX_OK;
  const zx_time_t begin = zx_clock_get_monotonic();
  for (uint64_t i = 0; i < n; ++i) status |= call(vmo, buffer, 0, bytes);
  const zx_time_t end = zx_clock_get_monotonic();
  check(status, "zx_vmo_read, zx_vmo_write");
  report((uint64_t)(end - begin), n);
}

void vmo_read(uint64_t bytes) { transfer(read_vmo, bytes); }
void vmo_write(uint64_t bytes) { transfer(write_vmo, bytes); }

void start_time(uint64_t unused) {
  (void)unused;
  report((uint64_t)zx_clock_get_monotonic(), 1);
}
