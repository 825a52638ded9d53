// Descriptions of IOMMUs.
#ifndef ZIRCONIA_ABI_ZIRCON_SYSCALLS_IOMMU_H_
#define ZIRCONIA_ABI_ZIRCON_SYSCALLS_IOMMU_H_

#include <stdint.h>

#define ZX_IOMMU_MAX_DESC_LEN 4096

#define ZX_IOMMU_TYPE_DUMMY 0
#define ZX_IOMMU_TYPE_INTEL 1

typedef struct zx_iommu_desc_dummy {
  uint8_t reserved;
} zx_iommu_desc_dummy_t;

#endif  // ZIRCONIA_ABI_ZIRCON_SYSCALLS_IOMMU_H_
