// Tests of channels through zx_* calls: messages as strings, calls on threads of their own.
#ifndef ZIRCONIA_TEST_KERNEL_SIM_CHANNEL_FIXTURE_H_
#define ZIRCONIA_TEST_KERNEL_SIM_CHANNEL_FIXTURE_H_

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/kernel_sim/background.h"

namespace zirconia {

inline zx_txid_t IdOf(const std::string& message) {
  zx_txid_t id = 0;
  if (message.size() >= sizeof(id)) std::memcpy(&id, message.data(), sizeof(id));
  return id;
}
inline std::string WithId(zx_txid_t id, const std::string& text) {
  return std::string(reinterpret_cast<const char*>(&id), sizeof(id)) + text;
}
inline std::string WithoutId(const std::string& message) { return message.substr(sizeof(zx_txid_t)); }

// One zx_channel_call with all that it takes and gives.
struct ChannelCall {
  zx_handle_t channel;
  std::string text;  // what follows the id
  zx_time_t deadline = ZX_TIME_INFINITE;
  std::vector<zx_handle_t> handles = {};
  uint32_t room = 64;
  uint32_t handle_room = 4;
  std::string reply = {};
  std::vector<zx_handle_t> got = {};
  uint32_t actual_bytes = 99;
  uint32_t actual_handles = 99;

  zx_status_t Make() {
    const std::string request = WithId(1, text);
    reply.assign(room, '?');
    got.assign(handle_room, ZX_HANDLE_INVALID);
    zx_channel_call_args_t args{};
    args.wr_bytes = request.data();
    args.wr_num_bytes = static_cast<uint32_t>(request.size());
    args.wr_handles = handles.data();
    args.wr_num_handles = static_cast<uint32_t>(handles.size());
    args.rd_bytes = reply.data();
    args.rd_num_bytes = room;
    args.rd_handles = got.data();
    args.rd_num_handles = handle_room;
    const zx_status_t status = zx_channel_call(channel, 0, deadline, &args, &actual_bytes, &actual_handles);
    if (status == ZX_OK) {
      reply.resize(actual_bytes);
      got.resize(actual_handles);
    }
    return status;
  }
};

// A call on a thread of its own.
struct CallingThread {
  ChannelCall call;
  Actor actor;
  CallingThread(testing::Kernel& kernel, ChannelCall made)
      : call(std::move(made)), actor(kernel, [this] { return call.Make(); }) {}
};

struct ChannelTest : VmoTest {
  zx_handle_t client = ZX_HANDLE_INVALID;
  zx_handle_t server = ZX_HANDLE_INVALID;

  ChannelTest() { REQUIRE(zx_channel_create(0, &client, &server) == ZX_OK); }

  std::unique_ptr<CallingThread> Begin(ChannelCall call) {
    auto thread = std::make_unique<CallingThread>(kernel, std::move(call));
    thread->actor.Await(ZX_THREAD_STATE_BLOCKED_CHANNEL);
    return thread;
  }
  static zx_status_t Send(zx_handle_t to, const std::string& message, std::vector<zx_handle_t> handles = {}) {
    return zx_channel_write(to, 0, message.data(), static_cast<uint32_t>(message.size()), handles.data(),
                            static_cast<uint32_t>(handles.size()));
  }
  static bool HasMessage(zx_handle_t at) {
    zx_signals_t seen = 0;
    (void)zx_object_wait_one(at, ZX_CHANNEL_READABLE, 0, &seen);
    return (seen & ZX_CHANNEL_READABLE) != 0;
  }
  // The first message, which is waited for, for a minute.
  static std::string Receive(zx_handle_t at, std::vector<zx_handle_info_t>* handles = nullptr) {
    REQUIRE(zx_object_wait_one(at, ZX_CHANNEL_READABLE, zx_deadline_after(ZX_SEC(60)), nullptr) == ZX_OK);
    std::string message(64, '?');
    std::array<zx_handle_info_t, 4> got{};
    uint32_t bytes = 0;
    uint32_t count = 0;
    REQUIRE(zx_channel_read_etc(at, 0, message.data(), got.data(), 64, 4, &bytes, &count) == ZX_OK);
    message.resize(bytes);
    if (handles != nullptr) handles->assign(got.begin(), got.begin() + count);
    return message;
  }
  // `handle` is gone; this is the same with fewer rights.
  static zx_handle_t Reduce(zx_handle_t handle, zx_rights_t taken) {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(zx_handle_replace(handle, RightsOf(handle) & ~taken, &out) == ZX_OK);
    return out;
  }
  static bool IsOpen(zx_handle_t handle) {
    return zx_object_get_info(handle, ZX_INFO_HANDLE_VALID, nullptr, 0, nullptr, nullptr) == ZX_OK;
  }
};

}  // namespace zirconia

#endif  // ZIRCONIA_TEST_KERNEL_SIM_CHANNEL_FIXTURE_H_
