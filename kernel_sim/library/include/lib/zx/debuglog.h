// The debug log.
#ifndef LIB_ZX_DEBUGLOG_H_
#define LIB_ZX_DEBUGLOG_H_

#include <lib/zx/object.h>
#include <lib/zx/resource.h>

namespace zx {

class debuglog : public object<debuglog> {
 public:
  using object<debuglog>::object;

  // zx_debuglog_create
  static zx_status_t create(const resource& of, uint32_t options, debuglog* result) {
    return give(result, [&](zx_handle_t* out) { return zx_debuglog_create(of.get(), options, out); });
  }
  // zx_debuglog_write, zx_debuglog_read
  zx_status_t write(uint32_t options, const void* buffer, size_t size) const {
    return zx_debuglog_write(get(), options, buffer, size);
  }
  zx_status_t read(uint32_t options, void* buffer, size_t size) const {
    return zx_debuglog_read(get(), options, buffer, size);
  }
};
using unowned_debuglog = unowned<debuglog>;

}  // namespace zx

#endif  // LIB_ZX_DEBUGLOG_H_
