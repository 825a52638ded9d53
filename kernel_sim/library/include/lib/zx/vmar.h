// Virtual memory address regions.
#ifndef LIB_ZX_VMAR_H_
#define LIB_ZX_VMAR_H_

#include <lib/zx/object.h>
#include <lib/zx/vmo.h>
#include <zircon/process.h>

namespace zx {

class vmar : public object<vmar> {
 public:
  using object<vmar>::object;

  // The root VMAR of this process.
  static unowned<vmar> root_self() { return unowned<vmar>(zx_vmar_root_self()); }

  // zx_vmar_map
  zx_status_t map(zx_vm_option_t options, size_t vmar_offset, const vmo& memory, uint64_t vmo_offset, size_t size,
                  zx_vaddr_t* address) const {
    return zx_vmar_map(get(), options, vmar_offset, memory.get(), vmo_offset, size, address);
  }
  // zx_vmar_unmap
  zx_status_t unmap(zx_vaddr_t address, size_t size) const { return zx_vmar_unmap(get(), address, size); }
  // zx_vmar_protect
  zx_status_t protect(zx_vm_option_t options, zx_vaddr_t address, size_t size) const {
    return zx_vmar_protect(get(), options, address, size);
  }
  // zx_vmar_op_range
  zx_status_t op_range(uint32_t op, zx_vaddr_t address, size_t size, void* buffer, size_t buffer_size) const {
    return zx_vmar_op_range(get(), op, address, size, buffer, buffer_size);
  }
  // zx_vmar_allocate
  zx_status_t allocate(zx_vm_option_t options, size_t offset, size_t size, vmar* child, zx_vaddr_t* address) const {
    return give(child, [&](zx_handle_t* out) { return zx_vmar_allocate(get(), options, offset, size, out, address); });
  }
  // zx_vmar_destroy
  zx_status_t destroy() const { return zx_vmar_destroy(get()); }
};
using unowned_vmar = unowned<vmar>;

}  // namespace zx

#endif  // LIB_ZX_VMAR_H_
