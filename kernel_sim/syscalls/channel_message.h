// Messages of channels on their way out of a program's memory and handle table, and into another's.
#ifndef ZIRCONIA_KERNEL_SIM_SYSCALLS_CHANNEL_MESSAGE_H_
#define ZIRCONIA_KERNEL_SIM_SYSCALLS_CHANNEL_MESSAGE_H_

#include <memory>
#include <vector>

#include "kernel_sim/channel.h"
#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel {

// What a program wants to send, without its handles.
struct OutgoingBytes {
  uint32_t options;  // 0, or ZX_CHANNEL_WRITE_USE_IOVEC
  UserPtr<const void> bytes;
  uint32_t num_bytes;    // or pieces, with that option
  uint32_t num_handles;  // which come with it
};

// All that is checked before the handles are looked at: the channel, on which the caller must have these rights, and
// the message's bytes. INVALID_ARGS, BAD_HANDLE, WRONG_TYPE, ACCESS_DENIED, OUT_OF_RANGE.
zx_status_t TakeBytes(const Caller& caller, zx_handle_t handle, zx_rights_t needed, const OutgoingBytes& from,
                      std::shared_ptr<ChannelDispatcher>* channel, std::vector<std::byte>* bytes);

// The handles of a message: those of zx_channel_write are taken out of the caller's table, on success and on failure,
// as far as they can be read, and as many as a process may have; those of zx_channel_write_etc are moved (likewise) or
// duplicated, each as its element says, all of them, and an element that fails is told why. `checked`: what the checks
// before said; where it is an error, no message will be made, and it is returned. Else the first error: INVALID_ARGS,
// BAD_HANDLE, NOT_SUPPORTED: one is `channel`; ACCESS_DENIED, WRONG_TYPE.
zx_status_t TakeHandles(const Caller& caller, zx_status_t checked, const ChannelDispatcher* channel,
                        UserPtr<const zx_handle_t> from, uint32_t count, std::vector<Handle>* handles);
zx_status_t TakeHandles(const Caller& caller, zx_status_t checked, const ChannelDispatcher* channel,
                        UserPtr<zx_handle_disposition_t> from, uint32_t count, std::vector<Handle>* handles);

// Gives the caller a message: its bytes, then the values of its handles, then the handles themselves. INVALID_ARGS,
// NO_RESOURCES: the table is full; there are no handles then.
zx_status_t GiveMessage(const Caller& caller, ChannelMessage message, UserPtr<void> bytes,
                        UserPtr<zx_handle_t> handles);
zx_status_t GiveMessage(const Caller& caller, ChannelMessage message, UserPtr<void> bytes,
                        UserPtr<zx_handle_info_t> handles);

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_SYSCALLS_CHANNEL_MESSAGE_H_
