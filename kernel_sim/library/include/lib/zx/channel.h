// Channels.
#ifndef LIB_ZX_CHANNEL_H_
#define LIB_ZX_CHANNEL_H_

#include <lib/zx/object.h>

namespace zx {

class channel : public object<channel> {
 public:
  using object<channel>::object;

  // zx_channel_create
  static zx_status_t create(uint32_t options, channel* end0, channel* end1) {
    return give(end0, end1, [&](zx_handle_t* a, zx_handle_t* b) { return zx_channel_create(options, a, b); });
  }
  // zx_channel_read
  zx_status_t read(uint32_t options, void* bytes, zx_handle_t* handles, uint32_t num_bytes, uint32_t num_handles,
                   uint32_t* actual_bytes, uint32_t* actual_handles) const {
    return zx_channel_read(get(), options, bytes, handles, num_bytes, num_handles, actual_bytes, actual_handles);
  }
  // zx_channel_read_etc
  zx_status_t read_etc(uint32_t options, void* bytes, zx_handle_info_t* handles, uint32_t num_bytes,
                       uint32_t num_handles, uint32_t* actual_bytes, uint32_t* actual_handles) const {
    return zx_channel_read_etc(get(), options, bytes, handles, num_bytes, num_handles, actual_bytes, actual_handles);
  }
  // zx_channel_write: the handles are consumed in any case.
  zx_status_t write(uint32_t options, const void* bytes, uint32_t num_bytes, const zx_handle_t* handles,
                    uint32_t num_handles) const {
    return zx_channel_write(get(), options, bytes, num_bytes, handles, num_handles);
  }
  // zx_channel_write_etc: the handles are consumed in any case, but for those that are duplicated.
  zx_status_t write_etc(uint32_t options, const void* bytes, uint32_t num_bytes, zx_handle_disposition_t* handles,
                        uint32_t num_handles) const {
    return zx_channel_write_etc(get(), options, bytes, num_bytes, handles, num_handles);
  }
  // zx_channel_call: as write, then waits for the reply.
  zx_status_t call(uint32_t options, time deadline, const zx_channel_call_args_t* args, uint32_t* actual_bytes,
                   uint32_t* actual_handles) const {
    return zx_channel_call(get(), options, deadline.get(), args, actual_bytes, actual_handles);
  }
  // zx_channel_call_etc: as write_etc, then waits for the reply.
  zx_status_t call_etc(uint32_t options, time deadline, zx_channel_call_etc_args_t* args, uint32_t* actual_bytes,
                       uint32_t* actual_handles) const {
    return zx_channel_call_etc(get(), options, deadline.get(), args, actual_bytes, actual_handles);
  }
  // zx_object_signal_peer
  zx_status_t signal_peer(uint32_t clear_mask, uint32_t set_mask) const {
    return zx_object_signal_peer(get(), clear_mask, set_mask);
  }
};
using unowned_channel = unowned<channel>;

}  // namespace zx

#endif  // LIB_ZX_CHANNEL_H_
