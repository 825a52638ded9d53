// What pagers are told of their VMOs.
#ifndef ZIRCONIA_ABI_ZIRCON_SYSCALLS_PAGER_H_
#define ZIRCONIA_ABI_ZIRCON_SYSCALLS_PAGER_H_

#include <stdint.h>

// The range reads as zeros; there is nothing to be written back but that.
#define ZX_VMO_DIRTY_RANGE_IS_ZERO ((uint64_t)1u)

typedef struct zx_vmo_dirty_range {
  uint64_t offset;
  uint64_t length;
  uint64_t options;  // ZX_VMO_DIRTY_RANGE_*
} zx_vmo_dirty_range_t;

#define ZX_PAGER_VMO_STATS_MODIFIED ((uint32_t)1u)
#define ZX_PAGER_RESET_VMO_STATS ((uint32_t)1u)

typedef struct zx_pager_vmo_stats {
  uint32_t modified;  // ZX_PAGER_VMO_STATS_MODIFIED, or 0
} zx_pager_vmo_stats_t;

#endif  // ZIRCONIA_ABI_ZIRCON_SYSCALLS_PAGER_H_
