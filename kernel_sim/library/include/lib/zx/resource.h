// Resources: what privileged calls ask for.
#ifndef LIB_ZX_RESOURCE_H_
#define LIB_ZX_RESOURCE_H_

#include <lib/zx/object.h>

namespace zx {

class resource : public object<resource> {
 public:
  using object<resource>::object;

  // zx_resource_create
  static zx_status_t create(const resource& parent, uint32_t options, uint64_t base, size_t size, const char* name,
                            size_t name_size, resource* result) {
    return give(result, [&](zx_handle_t* out) {
      return zx_resource_create(parent.get(), options, base, size, name, name_size, out);
    });
  }
};
using unowned_resource = unowned<resource>;

}  // namespace zx

#endif  // LIB_ZX_RESOURCE_H_
