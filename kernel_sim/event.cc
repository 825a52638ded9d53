#include "kernel_sim/event.h"

namespace zirconia::kernel {

std::pair<std::shared_ptr<EventPairDispatcher>, std::shared_ptr<EventPairDispatcher>> EventPairDispatcher::Create(
    KoidAllocator& koids) {
  auto mutex = std::make_shared<absl::Mutex>();
  std::shared_ptr<EventPairDispatcher> a(new EventPairDispatcher(koids, mutex));
  std::shared_ptr<EventPairDispatcher> b(new EventPairDispatcher(koids, mutex));
  a->peer_ = b;
  b->peer_ = a;
  a->peer_koid_ = b->koid();
  b->peer_koid_ = a->koid();
  return {std::move(a), std::move(b)};
}

zx_status_t EventPairDispatcher::SignalPeer(zx_signals_t clear, zx_signals_t set) {
  absl::MutexLock lock(pair_mutex_.get());
  const auto peer = peer_.lock();
  if (peer == nullptr) return ZX_ERR_PEER_CLOSED;
  peer->UpdateSignals(clear, set);
  return ZX_OK;
}

void EventPairDispatcher::OnZeroHandles() {
  absl::MutexLock lock(pair_mutex_.get());
  if (const auto peer = peer_.lock()) {
    peer->peer_.reset();
    peer->UpdateSignals(0, ZX_EVENTPAIR_PEER_CLOSED);
  }
  peer_.reset();
}

}  // namespace zirconia::kernel
