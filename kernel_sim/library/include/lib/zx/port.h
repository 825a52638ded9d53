// Ports.
#ifndef LIB_ZX_PORT_H_
#define LIB_ZX_PORT_H_

#include <lib/zx/object.h>
#include <zircon/syscalls/port.h>

namespace zx {

class port : public object<port> {
 public:
  using object<port>::object;

  // zx_port_create
  static zx_status_t create(uint32_t options, port* result) {
    return give(result, [&](zx_handle_t* out) { return zx_port_create(options, out); });
  }
  // zx_port_queue
  zx_status_t queue(const zx_port_packet_t* packet) const { return zx_port_queue(get(), packet); }
  // zx_port_wait
  zx_status_t wait(time deadline, zx_port_packet_t* packet) const {
    return zx_port_wait(get(), deadline.get(), packet);
  }
  // zx_port_cancel
  template <typename T>
  zx_status_t cancel(const object<T>& source, uint64_t key) const {
    return zx_port_cancel(get(), source.get(), key);
  }
};
using unowned_port = unowned<port>;

}  // namespace zx

#endif  // LIB_ZX_PORT_H_
