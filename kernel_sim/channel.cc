#include "kernel_sim/channel.h"

#include <zircon/syscalls/object.h>

#include <cstring>

#include "kernel_sim/thread.h"

namespace zirconia::kernel {
namespace {

// 0, which no call has, where the message is too short for one.
zx_txid_t IdOf(const ChannelMessage& message) {
  zx_txid_t id = 0;
  if (message.bytes.size() >= sizeof(id)) std::memcpy(&id, message.bytes.data(), sizeof(id));
  return id;
}

}  // namespace

std::pair<std::shared_ptr<ChannelDispatcher>, std::shared_ptr<ChannelDispatcher>> ChannelDispatcher::Create(
    KoidAllocator& koids) {
  auto shared = std::make_shared<Shared>();
  std::shared_ptr<ChannelDispatcher> a(new ChannelDispatcher(koids, shared));
  std::shared_ptr<ChannelDispatcher> b(new ChannelDispatcher(koids, shared));
  a->peer_ = b;
  b->peer_ = a;
  a->peer_koid_ = b->koid();
  b->peer_koid_ = a->koid();
  return {std::move(a), std::move(b)};
}

zx_status_t ChannelDispatcher::SignalPeer(zx_signals_t clear, zx_signals_t set) {
  absl::MutexLock lock(&shared_->mutex);
  const auto peer = peer_.lock();
  if (peer_closed_ || peer == nullptr) return ZX_ERR_PEER_CLOSED;
  peer->UpdateSignals(clear, set);
  return ZX_OK;
}

zx_status_t ChannelDispatcher::Send(ChannelMessage& message) {
  const auto peer = peer_.lock();
  if (peer_closed_ || peer == nullptr) return ZX_ERR_PEER_CLOSED;
  if (const auto it = peer->calls_.find(IdOf(message)); it != peer->calls_.end()) {
    PendingCall& call = *it->second;
    peer->calls_.erase(it);
    *call.reply = std::move(message);
    EndCall(call, ZX_OK);
    return ZX_OK;
  }
  if (peer->messages_.size() >= kMaxPending) return ZX_ERR_SHOULD_WAIT;
  peer->messages_.push_back(std::move(message));
  peer->UpdateSignals(0, ZX_CHANNEL_READABLE);
  return ZX_OK;
}

zx_status_t ChannelDispatcher::Write(ChannelMessage message) {
  ChannelMessage refused;  // closed when the lock is gone
  absl::MutexLock lock(&shared_->mutex);
  const zx_status_t status = Send(message);
  if (status != ZX_OK) refused = std::move(message);
  return status;
}

zx_txid_t ChannelDispatcher::NextCallId(const ChannelDispatcher* peer) {
  // Unique among the calls of both ends: a request of one is never taken for a reply to the other's.
  zx_txid_t& id = shared_->last_call_id;
  do {
    id = (id + 1) | kFirstCallId;
  } while (calls_.contains(id) || (peer != nullptr && peer->calls_.contains(id)));
  return id;
}

void ChannelDispatcher::SetLastCallId(zx_txid_t id) {
  absl::MutexLock lock(&shared_->mutex);
  shared_->last_call_id = id;
}

void ChannelDispatcher::EndCall(PendingCall& call, zx_status_t result) {
  call.thread.Notify([&] { call.result = result; });
}

void ChannelDispatcher::EndCalls(zx_status_t result) {
  for (const auto& [id, call] : calls_) EndCall(*call, result);
  calls_.clear();
}

zx_status_t ChannelDispatcher::Call(ThreadDispatcher& thread, zx_time_t deadline, ChannelMessage request,
                                    ChannelMessage* reply) {
  PendingCall call{thread, reply, std::nullopt};
  zx_txid_t id = 0;
  {
    ChannelMessage refused;  // closed when the lock is gone
    absl::MutexLock lock(&shared_->mutex);
    id = NextCallId(peer_.lock().get());
    std::memcpy(request.bytes.data(), &id, sizeof(id));
    const zx_status_t status = closed_ ? ZX_ERR_CANCELED : Send(request);
    if (status != ZX_OK) {
      refused = std::move(request);
      return status;
    }
    calls_.emplace(id, &call);
  }
  const zx_status_t waited =
      thread.Wait(deadline, ZX_THREAD_STATE_BLOCKED_CHANNEL, [&] { return call.result.has_value(); });
  absl::MutexLock lock(&shared_->mutex);
  // What came between the deadline and here counts.
  if (call.result.has_value()) return *call.result;
  calls_.erase(id);
  return waited;
}

zx_status_t ChannelDispatcher::Read(uint32_t max_bytes, uint32_t max_handles, bool may_discard, ChannelMessage* message,
                                    uint32_t* actual_bytes, uint32_t* actual_handles) {
  ChannelMessage dropped;  // closed when the lock is gone
  absl::MutexLock lock(&shared_->mutex);
  if (messages_.empty()) return peer_closed_ ? ZX_ERR_PEER_CLOSED : ZX_ERR_SHOULD_WAIT;
  ChannelMessage& first = messages_.front();
  *actual_bytes = static_cast<uint32_t>(first.bytes.size());
  *actual_handles = static_cast<uint32_t>(first.handles.size());
  const bool fits = *actual_bytes <= max_bytes && *actual_handles <= max_handles;
  if (!fits && !may_discard) return ZX_ERR_BUFFER_TOO_SMALL;
  (fits ? *message : dropped) = std::move(first);
  messages_.pop_front();
  if (messages_.empty()) UpdateSignals(ZX_CHANNEL_READABLE, 0);
  return fits ? ZX_OK : ZX_ERR_BUFFER_TOO_SMALL;
}

void ChannelDispatcher::OnZeroHandles() {
  std::deque<ChannelMessage> unread;  // closed when the lock is gone
  absl::MutexLock lock(&shared_->mutex);
  unread.swap(messages_);
  closed_ = true;
  EndCalls(ZX_ERR_CANCELED);
  if (const auto peer = peer_.lock()) {
    peer->peer_closed_ = true;
    peer->EndCalls(ZX_ERR_PEER_CLOSED);
    peer->UpdateSignals(ZX_CHANNEL_WRITABLE, ZX_CHANNEL_PEER_CLOSED);
  }
}

}  // namespace zirconia::kernel
