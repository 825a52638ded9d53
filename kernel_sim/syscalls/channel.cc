// zx_channel_create, _read, _write.
#include "kernel_sim/channel.h"

#include <array>
#include <utility>

#include "kernel_sim/syscalls/caller.h"
#include "kernel_sim/syscalls/channel_message.h"

namespace zirconia::kernel::sys {

zx_status_t channel_create(const Caller& caller, uint32_t options, UserPtr<zx_handle_t> out0,
                           UserPtr<zx_handle_t> out1) {
  if (options != 0) return ZX_ERR_INVALID_ARGS;
  auto [a, b] = ChannelDispatcher::Create(caller.kernel.koids());
  std::array<Handle, 2> handles{Handle(a, a->default_rights()), Handle(b, b->default_rights())};
  const std::array out{out0, out1};
  return caller.GiveHandles(absl::MakeSpan(handles), out);
}

namespace {

// Both forms of reading.
template <typename Element>
zx_status_t Read(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<void> bytes,
                 UserPtr<Element> handles, uint32_t num_bytes, uint32_t num_handles, UserPtr<uint32_t> actual_bytes,
                 UserPtr<uint32_t> actual_handles) {
  if ((options & ~ZX_CHANNEL_READ_MAY_DISCARD) != 0) return ZX_ERR_INVALID_ARGS;
  std::shared_ptr<ChannelDispatcher> channel;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_READ, &channel); s != ZX_OK) return s;
  ChannelMessage message;
  uint32_t got_bytes = 0;
  uint32_t got_handles = 0;
  const zx_status_t status = channel->Read(num_bytes, num_handles, (options & ZX_CHANNEL_READ_MAY_DISCARD) != 0,
                                           &message, &got_bytes, &got_handles);
  if (status != ZX_OK && status != ZX_ERR_BUFFER_TOO_SMALL) return status;
  if (actual_bytes.WriteIfWanted(caller.memory, got_bytes) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  if (actual_handles.WriteIfWanted(caller.memory, got_handles) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  return status == ZX_OK ? GiveMessage(caller, std::move(message), bytes, handles) : status;
}

// Both forms of writing.
template <typename Element>
zx_status_t Write(const Caller& caller, zx_handle_t handle, const OutgoingBytes& bytes, UserPtr<Element> handles) {
  ChannelMessage message;
  std::shared_ptr<ChannelDispatcher> channel;
  const zx_status_t checked = TakeBytes(caller, handle, ZX_RIGHT_WRITE, bytes, &channel, &message.bytes);
  const zx_status_t status = TakeHandles(caller, checked, channel.get(), handles, bytes.num_handles, &message.handles);
  return status == ZX_OK ? channel->Write(std::move(message)) : status;
}

}  // namespace

zx_status_t channel_read(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<void> bytes,
                         UserPtr<zx_handle_t> handles, uint32_t num_bytes, uint32_t num_handles,
                         UserPtr<uint32_t> actual_bytes, UserPtr<uint32_t> actual_handles) {
  return Read(caller, handle, options, bytes, handles, num_bytes, num_handles, actual_bytes, actual_handles);
}

zx_status_t channel_read_etc(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<void> bytes,
                             UserPtr<zx_handle_info_t> handles, uint32_t num_bytes, uint32_t num_handles,
                             UserPtr<uint32_t> actual_bytes, UserPtr<uint32_t> actual_handles) {
  return Read(caller, handle, options, bytes, handles, num_bytes, num_handles, actual_bytes, actual_handles);
}

zx_status_t channel_write(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<const void> bytes,
                          uint32_t num_bytes, UserPtr<const zx_handle_t> handles, uint32_t num_handles) {
  return Write(caller, handle, {options, bytes, num_bytes, num_handles}, handles);
}

zx_status_t channel_write_etc(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<const void> bytes,
                              uint32_t num_bytes, UserPtr<zx_handle_disposition_t> handles, uint32_t num_handles) {
  return Write(caller, handle, {options, bytes, num_bytes, num_handles}, handles);
}

}  // namespace zirconia::kernel::sys
