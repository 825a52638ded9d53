// The calls that the vDSO answers without the kernel.
#include <zircon/syscalls.h>

#include "constants.h"

#define EXPORT __attribute__((__visibility__("default")))

extern const struct zirconia_vdso_constants constants;

// A system call by its local name: no symbol lookup, no relocation.
zx_time_t vdso_zx_clock_get_monotonic(void);

EXPORT zx_ticks_t zx_ticks_get(void) { return vdso_zx_clock_get_monotonic(); }

EXPORT zx_ticks_t zx_ticks_per_second(void) { return (zx_ticks_t)constants.ticks_per_second; }

EXPORT zx_time_t zx_deadline_after(zx_duration_t nanoseconds) {
  return zx_time_add_duration(vdso_zx_clock_get_monotonic(), nanoseconds);
}

EXPORT uint32_t zx_system_get_page_size(void) { return (uint32_t)constants.page_size; }

EXPORT uint32_t zx_system_get_num_cpus(void) { return constants.num_cpus; }

EXPORT uint64_t zx_system_get_physmem(void) { return constants.physmem; }

EXPORT uint32_t zx_system_get_dcache_line_size(void) { return constants.dcache_line_size; }

EXPORT zx_string_view_t zx_system_get_version_string(void) {
  size_t length = 0;
  while (length < sizeof(constants.version) && constants.version[length] != '\0') ++length;
  return (zx_string_view_t){constants.version, length};
}
