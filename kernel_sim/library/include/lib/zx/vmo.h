// Virtual memory objects.
#ifndef LIB_ZX_VMO_H_
#define LIB_ZX_VMO_H_

#include <lib/zx/object.h>
#include <lib/zx/resource.h>

namespace zx {

class bti;

class vmo : public object<vmo> {
 public:
  using object<vmo>::object;

  // zx_vmo_create
  static zx_status_t create(uint64_t size, uint32_t options, vmo* result) {
    return give(result, [&](zx_handle_t* out) { return zx_vmo_create(size, options, out); });
  }
  // zx_vmo_create_contiguous
  static zx_status_t create_contiguous(const object<bti>& for_bti, size_t size, uint32_t alignment_log2, vmo* result) {
    return give(result,
                [&](zx_handle_t* out) { return zx_vmo_create_contiguous(for_bti.get(), size, alignment_log2, out); });
  }
  // zx_vmo_create_physical
  static zx_status_t create_physical(const resource& mmio, zx_paddr_t address, size_t size, vmo* result) {
    return give(result, [&](zx_handle_t* out) { return zx_vmo_create_physical(mmio.get(), address, size, out); });
  }
  // zx_vmo_create_child
  zx_status_t create_child(uint32_t options, uint64_t offset, uint64_t size, vmo* result) const {
    return give(result, [&](zx_handle_t* out) { return zx_vmo_create_child(get(), options, offset, size, out); });
  }
  // zx_vmo_set_cache_policy
  zx_status_t set_cache_policy(uint32_t cache_policy) const { return zx_vmo_set_cache_policy(get(), cache_policy); }
  // zx_vmo_read, zx_vmo_write
  zx_status_t read(void* data, uint64_t offset, size_t size) const { return zx_vmo_read(get(), data, offset, size); }
  zx_status_t write(const void* data, uint64_t offset, size_t size) const {
    return zx_vmo_write(get(), data, offset, size);
  }
  // zx_vmo_get_size, zx_vmo_set_size
  zx_status_t get_size(uint64_t* size) const { return zx_vmo_get_size(get(), size); }
  zx_status_t set_size(uint64_t size) const { return zx_vmo_set_size(get(), size); }
  // ZX_PROP_VMO_CONTENT_SIZE
  zx_status_t get_prop_content_size(uint64_t* size) const {
    return get_property(ZX_PROP_VMO_CONTENT_SIZE, size, sizeof(*size));
  }
  zx_status_t set_prop_content_size(uint64_t size) const {
    return set_property(ZX_PROP_VMO_CONTENT_SIZE, &size, sizeof(size));
  }
  // zx_vmo_op_range
  zx_status_t op_range(uint32_t op, uint64_t offset, uint64_t size, void* buffer, size_t buffer_size) const {
    return zx_vmo_op_range(get(), op, offset, size, buffer, buffer_size);
  }
  // zx_vmo_replace_as_executable: this is empty afterwards in any case.
  zx_status_t replace_as_executable(const resource& vmex, vmo* result) {
    const zx_handle_t old = release();
    return give(result, [&](zx_handle_t* out) { return zx_vmo_replace_as_executable(old, vmex.get(), out); });
  }
};
using unowned_vmo = unowned<vmo>;

}  // namespace zx

#endif  // LIB_ZX_VMO_H_
