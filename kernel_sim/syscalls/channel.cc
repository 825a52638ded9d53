// zx_channel_*.
#include "kernel_sim/channel.h"

#include <vector>

#include "kernel_sim/syscalls/caller.h"

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

// Both forms of reading. `describe(handle, value)` is the element that stands for a handle in the caller's array.
template <typename Element, typename Describe>
zx_status_t Read(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<void> bytes,
                 UserPtr<Element> handles, uint32_t num_bytes, uint32_t num_handles, UserPtr<uint32_t> actual_bytes,
                 UserPtr<uint32_t> actual_handles, Describe describe) {
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
  if (status != ZX_OK) return status;
  if (bytes.as<std::byte>().WriteArray(caller.memory, message.bytes.data(), message.bytes.size()) != ZX_OK) {
    return ZX_ERR_INVALID_ARGS;
  }
  // Values first, objects when the guest knows all of them. On an error the message's handles are closed with it.
  std::vector<zx_handle_t> reserved;
  std::vector<Element> elements;
  zx_status_t result = ZX_OK;
  for (const Handle& h : message.handles) {
    const zx_handle_t value = caller.handles().Reserve();
    if (value == ZX_HANDLE_INVALID) {
      result = ZX_ERR_NO_RESOURCES;
      break;
    }
    reserved.push_back(value);
    elements.push_back(describe(h, value));
  }
  if (result == ZX_OK) result = handles.WriteArray(caller.memory, elements.data(), elements.size());
  for (size_t i = 0; i < reserved.size(); ++i) {
    if (result == ZX_OK) {
      caller.handles().Install(reserved[i], std::move(message.handles[i]));
    } else {
      caller.handles().CancelReservation(reserved[i]);
    }
  }
  return result;
}

}  // namespace

zx_status_t channel_read(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<void> bytes,
                         UserPtr<zx_handle_t> handles, uint32_t num_bytes, uint32_t num_handles,
                         UserPtr<uint32_t> actual_bytes, UserPtr<uint32_t> actual_handles) {
  return Read(caller, handle, options, bytes, handles, num_bytes, num_handles, actual_bytes, actual_handles,
              [](const Handle&, zx_handle_t value) { return value; });
}

zx_status_t channel_read_etc(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<void> bytes,
                             UserPtr<zx_handle_info_t> handles, uint32_t num_bytes, uint32_t num_handles,
                             UserPtr<uint32_t> actual_bytes, UserPtr<uint32_t> actual_handles) {
  return Read(caller, handle, options, bytes, handles, num_bytes, num_handles, actual_bytes, actual_handles,
              [](const Handle& h, zx_handle_t value) {
                return zx_handle_info_t{value, h.object()->type(), h.rights(), 0};
              });
}

namespace {

zx_status_t ReadIovecs(const Caller& caller, UserPtr<const void> iovecs, uint32_t count,
                       std::vector<std::byte>* bytes) {
  if (count > ZX_CHANNEL_MAX_MSG_IOVECS) return ZX_ERR_OUT_OF_RANGE;
  std::vector<zx_channel_iovec_t> pieces(count);
  if (iovecs.as<const zx_channel_iovec_t>().ReadArray(caller.memory, pieces.data(), count) != ZX_OK) {
    return ZX_ERR_INVALID_ARGS;
  }
  for (const zx_channel_iovec_t& piece : pieces) {
    if (piece.reserved != 0) return ZX_ERR_INVALID_ARGS;
    const size_t at = bytes->size();
    if (piece.capacity > ZX_CHANNEL_MAX_MSG_BYTES - at) return ZX_ERR_OUT_OF_RANGE;
    bytes->resize(at + piece.capacity);
    const auto from = reinterpret_cast<uint64_t>(piece.buffer);
    if (piece.capacity != 0 && caller.memory.CopyIn(bytes->data() + at, from, piece.capacity) != ZX_OK) {
      return ZX_ERR_INVALID_ARGS;
    }
  }
  return ZX_OK;
}

// Everything that can be refused before the handles are looked at.
zx_status_t CheckWrite(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<const void> bytes,
                       uint32_t num_bytes, uint32_t num_handles, std::shared_ptr<ChannelDispatcher>* channel,
                       std::vector<std::byte>* content) {
  if ((options & ~ZX_CHANNEL_WRITE_USE_IOVEC) != 0) return ZX_ERR_INVALID_ARGS;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_WRITE, channel); s != ZX_OK) return s;
  if (num_handles > ZX_CHANNEL_MAX_MSG_HANDLES) return ZX_ERR_OUT_OF_RANGE;
  if ((options & ZX_CHANNEL_WRITE_USE_IOVEC) != 0) return ReadIovecs(caller, bytes, num_bytes, content);
  if (num_bytes > ZX_CHANNEL_MAX_MSG_BYTES) return ZX_ERR_OUT_OF_RANGE;
  content->resize(num_bytes);
  return bytes.as<const std::byte>().ReadArray(caller.memory, content->data(), num_bytes);
}

}  // namespace

zx_status_t channel_write(const Caller& caller, zx_handle_t handle, uint32_t options, UserPtr<const void> bytes,
                          uint32_t num_bytes, UserPtr<const zx_handle_t> handles, uint32_t num_handles) {
  ChannelMessage message;
  std::shared_ptr<ChannelDispatcher> channel;
  zx_status_t status = CheckWrite(caller, handle, options, bytes, num_bytes, num_handles, &channel, &message.bytes);
  // The handles are gone on success and on failure, as far as they can be read, and as many as a process may have.
  if (num_handles > ZX_CHANNEL_MAX_MSG_HANDLES) {
    const uint64_t count = std::min<uint64_t>(num_handles, HandleTable::kDefaultLimit);
    for (uint64_t i = 0; i < count; ++i) {
      zx_handle_t value = ZX_HANDLE_INVALID;
      const UserPtr<const zx_handle_t> at(handles.address() + i * sizeof(value));
      if (at.Read(caller.memory, &value) != ZX_OK) break;
      caller.handles().Remove(value).Close();
    }
    return status;
  }
  std::vector<zx_handle_t> values(num_handles);
  if (handles.ReadArray(caller.memory, values.data(), values.size()) != ZX_OK) {
    return status != ZX_OK ? status : ZX_ERR_INVALID_ARGS;
  }
  const zx_status_t taken = caller.handles().RemoveMany(values, &message.handles);
  if (taken != ZX_OK) {
    for (const zx_handle_t value : values) caller.handles().Remove(value).Close();
  }
  if (status != ZX_OK) return status;
  if (taken != ZX_OK) return taken;
  for (const Handle& h : message.handles) {
    if (h.object() == channel) return ZX_ERR_NOT_SUPPORTED;
    if (!h.has(ZX_RIGHT_TRANSFER)) return ZX_ERR_ACCESS_DENIED;
  }
  return channel->Write(std::move(message));
}

}  // namespace zirconia::kernel::sys
