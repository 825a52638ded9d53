// Pairs of events: each end signals the other.
#ifndef LIB_ZX_EVENTPAIR_H_
#define LIB_ZX_EVENTPAIR_H_

#include <lib/zx/object.h>

namespace zx {

class eventpair : public object<eventpair> {
 public:
  using object<eventpair>::object;

  // zx_eventpair_create
  static zx_status_t create(uint32_t options, eventpair* end0, eventpair* end1) {
    return give(end0, end1, [&](zx_handle_t* a, zx_handle_t* b) { return zx_eventpair_create(options, a, b); });
  }
  // zx_object_signal_peer
  zx_status_t signal_peer(uint32_t clear_mask, uint32_t set_mask) const {
    return zx_object_signal_peer(get(), clear_mask, set_mask);
  }
};
using unowned_eventpair = unowned<eventpair>;

}  // namespace zx

#endif  // LIB_ZX_EVENTPAIR_H_
