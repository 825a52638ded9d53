#include "kernel_sim/syscalls/channel_message.h"

#include <algorithm>
#include <utility>

namespace zirconia::kernel {
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

// The handle that an element takes away; ZX_HANDLE_INVALID: none.
zx_handle_t Consumed(zx_handle_t element) { return element; }
zx_handle_t Consumed(const zx_handle_disposition_t& element) {
  return element.operation == ZX_HANDLE_OP_MOVE ? element.handle : ZX_HANDLE_INVALID;
}

// Closes what a message would have taken, where none is made.
template <typename Element>
void CloseTaken(const Caller& caller, UserPtr<Element> from, uint32_t num_elements) {
  const uint64_t count = std::min<uint64_t>(num_elements, HandleTable::kDefaultLimit);
  for (uint64_t i = 0; i < count; ++i) {
    std::remove_const_t<Element> element{};
    const UserPtr<Element> at(from.address() + i * sizeof(element));
    if (at.Read(caller.memory, &element) != ZX_OK) break;
    caller.handles().Remove(Consumed(element)).Close();
  }
}

// The elements of a caller's array of handles. Where that can't be had, or `checked` refuses the message, what it would
// have taken is closed.
template <typename Element, typename T>
zx_status_t ReadElements(const Caller& caller, zx_status_t checked, UserPtr<Element> from, uint32_t count,
                         std::vector<T>* elements) {
  if (checked == ZX_OK) {
    elements->resize(count);
    if (from.ReadArray(caller.memory, elements->data(), elements->size()) == ZX_OK) return ZX_OK;
    checked = ZX_ERR_INVALID_ARGS;
  }
  CloseTaken(caller, from, count);
  return checked;
}

// What a handle that is to be sent must be.
zx_status_t CheckSendable(const ChannelDispatcher* channel, const Dispatcher* object, zx_rights_t rights) {
  if (object == channel) return ZX_ERR_NOT_SUPPORTED;
  return (rights & ZX_RIGHT_TRANSFER) == 0 ? ZX_ERR_ACCESS_DENIED : ZX_OK;
}

bool IsType(const Dispatcher& object, zx_obj_type_t wanted) {
  return wanted == ZX_OBJ_TYPE_NONE || wanted == object.type();
}

// Carries out what one element of zx_channel_write_etc says.
zx_status_t Dispose(HandleTable& table, const ChannelDispatcher* channel, const zx_handle_disposition_t& element,
                    Handle* out) {
  if (element.operation == ZX_HANDLE_OP_DUPLICATE) {
    if (element.result != ZX_OK) return ZX_ERR_INVALID_ARGS;
    std::shared_ptr<Dispatcher> object;
    zx_rights_t rights = 0;
    if (const zx_status_t s = table.Get(element.handle, &object, &rights); s != ZX_OK) return s;
    if (const zx_status_t s = CheckSendable(channel, object.get(), rights); s != ZX_OK) return s;
    if (!IsType(*object, element.type)) return ZX_ERR_WRONG_TYPE;
    return table.Duplicate(element.handle, element.rights, out);
  }
  if (element.operation != ZX_HANDLE_OP_MOVE) return ZX_ERR_INVALID_ARGS;
  const Handle source = table.Remove(element.handle);
  if (element.result != ZX_OK) return ZX_ERR_INVALID_ARGS;
  if (!source) return ZX_ERR_BAD_HANDLE;
  if (const zx_status_t s = CheckSendable(channel, source.object().get(), source.rights()); s != ZX_OK) return s;
  if (!IsType(*source.object(), element.type)) return ZX_ERR_WRONG_TYPE;
  const zx_rights_t rights = element.rights == ZX_RIGHT_SAME_RIGHTS ? source.rights() : element.rights;
  if (!source.has(rights)) return ZX_ERR_INVALID_ARGS;
  *out = Handle(source.object(), rights);
  return ZX_OK;
}

void Describe(const Handle& /*handle*/, zx_handle_t value, zx_handle_t* element) { *element = value; }
void Describe(const Handle& handle, zx_handle_t value, zx_handle_info_t* element) {
  *element = {value, handle.object()->type(), handle.rights(), 0};
}

template <typename Element>
zx_status_t Give(const Caller& caller, ChannelMessage message, UserPtr<void> bytes, UserPtr<Element> handles) {
  if (bytes.as<std::byte>().WriteArray(caller.memory, message.bytes.data(), message.bytes.size()) != ZX_OK) {
    return ZX_ERR_INVALID_ARGS;
  }
  // Values first, objects when the guest knows all of them. On an error the message's handles are closed with it.
  std::vector<zx_handle_t> reserved;
  std::vector<Element> elements;
  zx_status_t result = ZX_OK;
  for (const Handle& handle : message.handles) {
    const zx_handle_t value = caller.handles().Reserve();
    if (value == ZX_HANDLE_INVALID) {
      result = ZX_ERR_NO_RESOURCES;
      break;
    }
    reserved.push_back(value);
    Describe(handle, value, &elements.emplace_back());
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

zx_status_t TakeBytes(const Caller& caller, zx_handle_t handle, zx_rights_t needed, const OutgoingBytes& from,
                      std::shared_ptr<ChannelDispatcher>* channel, std::vector<std::byte>* bytes) {
  if ((from.options & ~ZX_CHANNEL_WRITE_USE_IOVEC) != 0) return ZX_ERR_INVALID_ARGS;
  if (const zx_status_t s = caller.handles().Get(handle, needed, channel); s != ZX_OK) return s;
  if (from.num_handles > ZX_CHANNEL_MAX_MSG_HANDLES) return ZX_ERR_OUT_OF_RANGE;
  if ((from.options & ZX_CHANNEL_WRITE_USE_IOVEC) != 0) return ReadIovecs(caller, from.bytes, from.num_bytes, bytes);
  if (from.num_bytes > ZX_CHANNEL_MAX_MSG_BYTES) return ZX_ERR_OUT_OF_RANGE;
  bytes->resize(from.num_bytes);
  return from.bytes.as<const std::byte>().ReadArray(caller.memory, bytes->data(), bytes->size());
}

zx_status_t TakeHandles(const Caller& caller, zx_status_t checked, const ChannelDispatcher* channel,
                        UserPtr<const zx_handle_t> from, uint32_t count, std::vector<Handle>* handles) {
  std::vector<zx_handle_t> values;
  if (const zx_status_t s = ReadElements(caller, checked, from, count, &values); s != ZX_OK) return s;
  if (const zx_status_t s = caller.handles().RemoveMany(values, handles); s != ZX_OK) {
    for (const zx_handle_t value : values) caller.handles().Remove(value).Close();
    return s;
  }
  for (const Handle& handle : *handles) {
    if (const zx_status_t s = CheckSendable(channel, handle.object().get(), handle.rights()); s != ZX_OK) return s;
  }
  return ZX_OK;
}

zx_status_t TakeHandles(const Caller& caller, zx_status_t checked, const ChannelDispatcher* channel,
                        UserPtr<zx_handle_disposition_t> from, uint32_t count, std::vector<Handle>* handles) {
  std::vector<zx_handle_disposition_t> elements;
  if (const zx_status_t s = ReadElements(caller, checked, from, count, &elements); s != ZX_OK) return s;
  zx_status_t first_error = ZX_OK;
  for (zx_handle_disposition_t& element : elements) {
    element.result = Dispose(caller.handles(), channel, element, &handles->emplace_back());
    if (first_error == ZX_OK) first_error = element.result;
  }
  // Where the caller can't be told by the element, it is told by the call.
  if (first_error != ZX_OK) (void)from.WriteArray(caller.memory, elements.data(), elements.size());
  return first_error;
}

zx_status_t GiveMessage(const Caller& caller, ChannelMessage message, UserPtr<void> bytes,
                        UserPtr<zx_handle_t> handles) {
  return Give(caller, std::move(message), bytes, handles);
}

zx_status_t GiveMessage(const Caller& caller, ChannelMessage message, UserPtr<void> bytes,
                        UserPtr<zx_handle_info_t> handles) {
  return Give(caller, std::move(message), bytes, handles);
}

}  // namespace zirconia::kernel
