// zirconia-bench's guest: main BENCHMARK N
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zircon/process.h>
#include <zircon/status.h>

#include "benchmarks.h"

static const struct {
  const char* name;
  void (*run)(uint64_t n);
} benchmarks[] = {
    {"present_faults", present_faults}, {"new_faults", new_faults},       {"first_touch", first_touch},
    {"committed_vmo", committed_vmo},   {"clone_writes", clone_writes},   {"get_size", get_size},
    {"get_clock", get_clock},           {"vmo_read", vmo_read},           {"vmo_write", vmo_write},
    {"start_time", start_time},         {"many_mappings", many_mappings}, {"working_set", working_set},
    {"hash_xxh3", hash_xxh3},           {"hash_xxh64", hash_xxh64},
};

void check(zx_status_t status, const char* what) {
  if (status == ZX_OK) return;
  fprintf(stderr, "%s: %s\n", what, zx_status_get_string(status));
  exit(1);
}

void report(uint64_t value, uint64_t operations) { printf("%lu %lu\n", value, operations); }

zx_handle_t make_vmo(uint64_t size) {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  check(zx_vmo_create(size, 0, &vmo), "zx_vmo_create");
  return vmo;
}

char* map_vmo(zx_handle_t vmo, uint64_t offset, size_t size) {
  zx_vaddr_t address = 0;
  check(zx_vmar_map(zx_vmar_root_self(), READ_WRITE, 0, vmo, offset, size, &address), "zx_vmar_map");
  return (char*)address;
}

void unmap(const void* address, size_t size) {
  check(zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)address, size), "zx_vmar_unmap");
}

void commit(zx_handle_t vmo, uint64_t size) {
  check(zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 0, size, NULL, 0), "ZX_VMO_OP_COMMIT");
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  for (size_t i = 0; i < sizeof(benchmarks) / sizeof(benchmarks[0]); ++i) {
    if (strcmp(argv[1], benchmarks[i].name) != 0) continue;
    benchmarks[i].run(strtoul(argv[2], NULL, 10));
    return 0;
  }
  return 2;
}
