// zx_channel_call, zx_channel_call_etc.
#include <utility>

#include "kernel_sim/channel.h"
#include "kernel_sim/syscalls/caller.h"
#include "kernel_sim/syscalls/channel_message.h"

namespace zirconia::kernel::sys {
namespace {

// A pointer in a structure of the program's.
template <typename T>
UserPtr<T> Pointer(T* program_address) {
  return UserPtr<T>(reinterpret_cast<uint64_t>(program_address));
}

// Both forms, which differ in the types of args.wr_handles and args.rd_handles.
template <typename Args>
zx_status_t Call(const Caller& caller, zx_handle_t handle, uint32_t options, zx_time_t deadline, const Args& args,
                 UserPtr<uint32_t> actual_bytes, UserPtr<uint32_t> actual_handles) {
  ChannelMessage request;
  std::shared_ptr<ChannelDispatcher> channel;
  const OutgoingBytes bytes{options, Pointer(args.wr_bytes), args.wr_num_bytes, args.wr_num_handles};
  zx_status_t status = TakeBytes(caller, handle, ZX_RIGHT_READ | ZX_RIGHT_WRITE, bytes, &channel, &request.bytes);
  if (status == ZX_OK && (request.bytes.size() < sizeof(zx_txid_t) || !actual_bytes || !actual_handles)) {
    status = ZX_ERR_INVALID_ARGS;
  }
  status = TakeHandles(caller, status, channel.get(), Pointer(args.wr_handles), args.wr_num_handles, &request.handles);
  if (status != ZX_OK) return status;
  ChannelMessage reply;
  status = channel->Call(caller.thread, deadline, std::move(request), &reply);
  if (status != ZX_OK) return status;
  const auto num_bytes = static_cast<uint32_t>(reply.bytes.size());
  const auto num_handles = static_cast<uint32_t>(reply.handles.size());
  if (actual_bytes.Write(caller.memory, num_bytes) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  if (actual_handles.Write(caller.memory, num_handles) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  if (num_bytes > args.rd_num_bytes || num_handles > args.rd_num_handles) return ZX_ERR_BUFFER_TOO_SMALL;
  return GiveMessage(caller, std::move(reply), Pointer(args.rd_bytes), Pointer(args.rd_handles));
}

}  // namespace

zx_status_t channel_call(const Caller& caller, zx_handle_t handle, uint32_t options, zx_time_t deadline,
                         UserPtr<const zx_channel_call_args_t> user_args, UserPtr<uint32_t> actual_bytes,
                         UserPtr<uint32_t> actual_handles) {
  zx_channel_call_args_t args{};
  if (user_args.Read(caller.memory, &args) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  return Call(caller, handle, options, deadline, args, actual_bytes, actual_handles);
}

zx_status_t channel_call_etc(const Caller& caller, zx_handle_t handle, uint32_t options, zx_time_t deadline,
                             UserPtr<zx_channel_call_etc_args_t> user_args, UserPtr<uint32_t> actual_bytes,
                             UserPtr<uint32_t> actual_handles) {
  zx_channel_call_etc_args_t args{};
  if (user_args.Read(caller.memory, &args) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  return Call(caller, handle, options, deadline, args, actual_bytes, actual_handles);
}

}  // namespace zirconia::kernel::sys
