// More mappings than a host permits.
#include "../many_mappings.h"

#include <stdint.h>
#include <stdlib.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>

#include "../touch.h"
#include "benchmarks.h"

void many_mappings(uint64_t count) {
  const zx_handle_t vmo = make_vmo(MANY_MAPPINGS_PAGES * BENCH_PAGE);
  commit(vmo, MANY_MAPPINGS_PAGES * BENCH_PAGE);
  zx_handle_t vmar = ZX_HANDLE_INVALID;
  zx_vaddr_t base = 0;
  check(zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_SPECIFIC, 0,
                         count * BENCH_PAGE, &vmar, &base),
        "zx_vmar_allocate");
  zx_time_t begin = zx_clock_get_monotonic();
  for (uint64_t i = 0; i < count; ++i) {
    zx_vaddr_t at = 0;
    const zx_vm_option_t write = i % 2 == 0 ? ZX_VM_PERM_WRITE : 0;
    check(zx_vmar_map(vmar, ZX_VM_SPECIFIC | ZX_VM_PERM_READ | write, i * BENCH_PAGE, vmo,
                      many_mappings_page(i) * BENCH_PAGE, BENCH_PAGE, &at),
          "zx_vmar_map");
  }
  report((uint64_t)(zx_clock_get_monotonic() - begin), count);
  begin = zx_clock_get_monotonic();
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; ++i) sum += *(volatile char*)(base + i * BENCH_PAGE);
  if (sum != 0) abort();
  report((uint64_t)(zx_clock_get_monotonic() - begin), count);
}
