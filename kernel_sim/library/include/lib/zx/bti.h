// Bus transaction initiators.
#ifndef LIB_ZX_BTI_H_
#define LIB_ZX_BTI_H_

#include <lib/zx/iommu.h>
#include <lib/zx/object.h>
#include <lib/zx/pmt.h>
#include <lib/zx/vmo.h>

namespace zx {

class bti : public object<bti> {
 public:
  using object<bti>::object;

  // zx_bti_create
  static zx_status_t create(const iommu& of, uint32_t options, uint64_t bti_id, bti* result) {
    return give(result, [&](zx_handle_t* out) { return zx_bti_create(of.get(), options, bti_id, out); });
  }
  // zx_bti_pin
  zx_status_t pin(uint32_t options, const vmo& memory, uint64_t offset, uint64_t size, zx_paddr_t* addresses,
                  size_t num_addresses, pmt* result) const {
    return give(result, [&](zx_handle_t* out) {
      return zx_bti_pin(get(), options, memory.get(), offset, size, addresses, num_addresses, out);
    });
  }
  // zx_bti_release_quarantine
  zx_status_t release_quarantine() const { return zx_bti_release_quarantine(get()); }
};
using unowned_bti = unowned<bti>;

}  // namespace zx

#endif  // LIB_ZX_BTI_H_
