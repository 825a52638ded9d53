// Events.
#ifndef LIB_ZX_EVENT_H_
#define LIB_ZX_EVENT_H_

#include <lib/zx/object.h>

namespace zx {

class event : public object<event> {
 public:
  using object<event>::object;

  // zx_event_create
  static zx_status_t create(uint32_t options, event* result) {
    return give(result, [&](zx_handle_t* out) { return zx_event_create(options, out); });
  }
};
using unowned_event = unowned<event>;

}  // namespace zx

#endif  // LIB_ZX_EVENT_H_
