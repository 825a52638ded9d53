// IOMMUs.
#ifndef LIB_ZX_IOMMU_H_
#define LIB_ZX_IOMMU_H_

#include <lib/zx/object.h>
#include <lib/zx/resource.h>
#include <zircon/syscalls/iommu.h>

namespace zx {

class iommu : public object<iommu> {
 public:
  using object<iommu>::object;

  // zx_iommu_create
  static zx_status_t create(const resource& root, uint32_t type, const void* description, size_t size, iommu* result) {
    return give(result, [&](zx_handle_t* out) { return zx_iommu_create(root.get(), type, description, size, out); });
  }
};
using unowned_iommu = unowned<iommu>;

}  // namespace zx

#endif  // LIB_ZX_IOMMU_H_
