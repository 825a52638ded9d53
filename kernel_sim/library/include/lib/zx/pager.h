// Pagers.
#ifndef LIB_ZX_PAGER_H_
#define LIB_ZX_PAGER_H_

#include <lib/zx/object.h>
#include <lib/zx/port.h>
#include <lib/zx/vmo.h>

namespace zx {

class pager : public object<pager> {
 public:
  using object<pager>::object;

  // zx_pager_create
  static zx_status_t create(uint32_t options, pager* result) {
    return give(result, [&](zx_handle_t* out) { return zx_pager_create(options, out); });
  }
  // zx_pager_create_vmo
  zx_status_t create_vmo(uint32_t options, const port& requests, uint64_t key, uint64_t size, vmo* result) const {
    return give(result,
                [&](zx_handle_t* out) { return zx_pager_create_vmo(get(), options, requests.get(), key, size, out); });
  }
  // zx_pager_detach_vmo
  zx_status_t detach_vmo(const vmo& memory) const { return zx_pager_detach_vmo(get(), memory.get()); }
  // zx_pager_supply_pages
  zx_status_t supply_pages(const vmo& memory, uint64_t offset, uint64_t length, const vmo& from,
                           uint64_t from_offset) const {
    return zx_pager_supply_pages(get(), memory.get(), offset, length, from.get(), from_offset);
  }
  // zx_pager_op_range
  zx_status_t op_range(uint32_t op, const vmo& memory, uint64_t offset, uint64_t length, uint64_t data) const {
    return zx_pager_op_range(get(), op, memory.get(), offset, length, data);
  }
  // zx_pager_query_dirty_ranges
  zx_status_t query_dirty_ranges(const vmo& memory, uint64_t offset, uint64_t length, void* buffer, size_t size,
                                 size_t* actual, size_t* avail) const {
    return zx_pager_query_dirty_ranges(get(), memory.get(), offset, length, buffer, size, actual, avail);
  }
  // zx_pager_query_vmo_stats
  zx_status_t query_vmo_stats(const vmo& memory, uint32_t options, void* buffer, size_t size) const {
    return zx_pager_query_vmo_stats(get(), memory.get(), options, buffer, size);
  }
};
using unowned_pager = unowned<pager>;

}  // namespace zx

#endif  // LIB_ZX_PAGER_H_
