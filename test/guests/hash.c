// Hashes the first VMO that it was given (zirconia run --vmo NAME=FILE) and prints what xxhsum prints for the file.
//
//   hash [-H3 | -H64] [--time N]
//
// --time N hashes N times and adds a line with the shortest time, in nanoseconds. xxhash.h is Debian's
// (libxxhash-dev), unmodified.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zircon/process.h>
#include <zircon/processargs.h>
#include <zircon/status.h>
#include <zircon/syscalls.h>
#include <zircon/syscalls/object.h>

#define XXH_INLINE_ALL
#if __has_include(<xxhash.h>)
#include <xxhash.h>
#else
#include "/usr/include/xxhash.h"
#endif

static void check(zx_status_t status, const char* what) {
  if (status == ZX_OK) return;
  fprintf(stderr, "hash: %s: %s\n", what, zx_status_get_string(status));
  exit(1);
}

int main(int argc, char** argv) {
  bool xxh3 = false;
  int rounds = 1;
  bool timed = false;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "-H3") == 0) {
      xxh3 = true;
    } else if (strcmp(argv[i], "-H64") == 0) {
      xxh3 = false;
    } else if (strcmp(argv[i], "--time") == 0 && i + 1 < argc) {
      timed = true;
      rounds = atoi(argv[++i]);
    } else {
      fprintf(stderr, "usage: hash [-H3 | -H64] [--time N]\n");
      return 2;
    }
  }

  const zx_handle_t vmo = zx_take_startup_handle(PA_HND(PA_USER0, 0));
  if (vmo == ZX_HANDLE_INVALID) {
    fprintf(stderr, "hash: no VMO was handed over\n");
    return 1;
  }
  uint64_t size;
  char name[ZX_MAX_NAME_LEN];
  check(zx_object_get_property(vmo, ZX_PROP_VMO_CONTENT_SIZE, &size, sizeof(size)), "content size");
  check(zx_object_get_property(vmo, ZX_PROP_NAME, name, sizeof(name)), "name");
  zx_vaddr_t address = 0;
  if (size > 0) check(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, vmo, 0, size, &address), "map");

  uint64_t digest = 0;
  zx_duration_t best = ZX_TIME_INFINITE;
  for (int i = 0; i < rounds; ++i) {
    const zx_time_t begin = zx_clock_get_monotonic();
    digest = xxh3 ? XXH3_64bits((const void*)address, size) : XXH64((const void*)address, size, 0);
    const zx_duration_t took = zx_clock_get_monotonic() - begin;
    if (took < best) best = took;
  }
  if (xxh3)
    printf("XXH3 (%s) = %016lx\n", name, digest);
  else
    printf("%016lx  %s\n", digest, name);
  if (timed) printf("nanoseconds: %ld\n", best);
  return 0;
}
