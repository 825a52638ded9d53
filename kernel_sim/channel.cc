#include "kernel_sim/channel.h"

namespace zirconia::kernel {

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

zx_status_t ChannelDispatcher::Write(ChannelMessage message) {
  ChannelMessage refused;  // closed when the lock is gone
  absl::MutexLock lock(&shared_->mutex);
  const auto peer = peer_.lock();
  if (peer_closed_ || peer == nullptr) {
    refused = std::move(message);
    return ZX_ERR_PEER_CLOSED;
  }
  if (peer->messages_.size() >= kMaxPending) {
    refused = std::move(message);
    return ZX_ERR_SHOULD_WAIT;
  }
  peer->messages_.push_back(std::move(message));
  peer->UpdateSignals(0, ZX_CHANNEL_READABLE);
  return ZX_OK;
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
  if (const auto peer = peer_.lock()) {
    peer->peer_closed_ = true;
    peer->UpdateSignals(ZX_CHANNEL_WRITABLE, ZX_CHANNEL_PEER_CLOSED);
  }
}

}  // namespace zirconia::kernel
