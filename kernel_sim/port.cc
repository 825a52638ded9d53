#include "kernel_sim/port.h"

#include <zircon/syscalls/object.h>

#include <algorithm>
#include <utility>

#include "kernel_sim/thread.h"

namespace zirconia::kernel {

// One zx_object_wait_async. The object knows it until it fires or is cancelled, the port as long.
class PortDispatcher::AsyncWait : public SignalObserver {
 public:
  AsyncWait(PortDispatcher& port, std::weak_ptr<Dispatcher> object, Origin origin, uint64_t key, zx_signals_t trigger,
            bool timestamp)
      : port_(port), object_(std::move(object)), origin_(origin), key_(key), trigger_(trigger), timestamp_(timestamp) {}

  bool OnSignals(zx_signals_t observed) override {
    Packet packet;
    packet.origin = origin_;
    packet.packet.key = key_;
    packet.packet.type = ZX_PKT_TYPE_SIGNAL_ONE;
    packet.packet.signal.trigger = trigger_;
    packet.packet.signal.observed = observed;
    packet.packet.signal.count = 1;
    packet.packet.signal.timestamp = timestamp_ ? port_.now_() : 0;
    port_.EndWait(*this, &packet);
    return true;
  }
  void OnCancel() override { port_.EndWait(*this, nullptr); }
  bool ReportsTo(const void* port, uint64_t key) const override { return port == &port_ && key == key_; }

  std::shared_ptr<Dispatcher> object() const { return object_.lock(); }

 private:
  PortDispatcher& port_;
  const std::weak_ptr<Dispatcher> object_;
  const Origin origin_;
  const uint64_t key_;
  const zx_signals_t trigger_;
  const bool timestamp_;
};

PortDispatcher::~PortDispatcher() { EndAll(); }

void PortDispatcher::OnZeroHandles() { EndAll(); }

void PortDispatcher::EndAll() {
  decltype(waits_) waits;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    packets_.clear();
    waits.swap(waits_);
  }
  for (const auto& [wait, owned] : waits) {
    if (const auto object = owned->object()) object->RemoveObserver(owned.get());
  }
}

void PortDispatcher::EndWait(const AsyncWait& wait, const Packet* packet) {
  std::shared_ptr<AsyncWait> owned;  // dies when the lock is dropped
  absl::MutexLock lock(&mutex_);
  const auto it = waits_.find(&wait);
  if (it == waits_.end()) return;  // the port is ending it
  owned = std::move(it->second);
  waits_.erase(it);
  if (packet != nullptr) Deliver(*packet, /*in_front=*/false);
}

void PortDispatcher::Account(const Packet& packet, bool added) {
  if (packet.packet.type != ZX_PKT_TYPE_USER && packet.packet.type != ZX_PKT_TYPE_SIGNAL_ONE) return;
  size_t& count = packet.packet.type == ZX_PKT_TYPE_USER ? user_packets_ : signal_packets_;
  added ? ++count : --count;
}

void PortDispatcher::Deliver(const Packet& packet, bool in_front) {
  if (closed_) return;
  if (!waiters_.empty()) {
    Waiter* const waiter = waiters_.front();
    waiters_.pop_front();
    waiter->thread->Notify([&] { waiter->packet = packet; });
    return;
  }
  Account(packet, /*added=*/true);
  in_front ? packets_.push_front(packet) : packets_.push_back(packet);
}

zx_status_t PortDispatcher::QueueUser(const zx_port_packet_t& packet) {
  absl::MutexLock lock(&mutex_);
  if (user_packets_ >= kMaxUserPackets) return ZX_ERR_SHOULD_WAIT;
  Packet queued;
  queued.packet = packet;
  queued.packet.type = ZX_PKT_TYPE_USER;
  Deliver(queued, /*in_front=*/false);
  return ZX_OK;
}

bool PortDispatcher::QueueKernel(const zx_port_packet_t& packet, Origin origin) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return false;
  Deliver({packet, origin}, /*in_front=*/false);
  return true;
}

size_t PortDispatcher::TakeBack(Origin origin, uint64_t key) {
  absl::MutexLock lock(&mutex_);
  return std::erase_if(packets_, [&](const Packet& p) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const bool taken = p.origin == origin && p.packet.key == key;
    if (taken) Account(p, /*added=*/false);
    return taken;
  });
}

size_t PortDispatcher::TakeBackAll(zx_koid_t source) {
  absl::MutexLock lock(&mutex_);
  return std::erase_if(packets_, [&](const Packet& p) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const bool taken = p.origin.source == source;
    if (taken) Account(p, /*added=*/false);
    return taken;
  });
}

zx_status_t PortDispatcher::WaitAsync(const std::shared_ptr<Dispatcher>& object, const void* table, zx_handle_t handle,
                                      uint64_t key, zx_signals_t signals, uint32_t options) {
  const auto wait = std::make_shared<AsyncWait>(*this, object, Origin{.table = table, .id = handle}, key, signals,
                                                (options & ZX_WAIT_ASYNC_TIMESTAMP) != 0);
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return ZX_ERR_BAD_HANDLE;
    if (waits_.size() + signal_packets_ >= kMaxWaits) return ZX_ERR_NO_MEMORY;
    waits_.emplace(wait.get(), wait);
  }
  object->AddObserver(wait.get(), table, handle, signals,
                      (options & ZX_WAIT_ASYNC_EDGE) != 0 ? Trigger::kEdge : Trigger::kLevel);
  // Where the port's last handle went meanwhile, the object was perhaps asked to forget it before it knew it.
  absl::ReleasableMutexLock lock(&mutex_);
  if (!closed_) return ZX_OK;
  lock.Release();
  object->RemoveObserver(wait.get());
  return ZX_ERR_BAD_HANDLE;
}

zx_status_t PortDispatcher::Cancel(Dispatcher& object, const void* table, zx_handle_t handle, uint64_t key) {
  // Waits first: one that fires meanwhile leaves a packet.
  const size_t waits = object.CancelReports(table, handle, this, key);
  const size_t packets = TakeBack({.table = table, .id = handle}, key);
  return waits + packets != 0 ? ZX_OK : ZX_ERR_NOT_FOUND;
}

zx_status_t PortDispatcher::Wait(ThreadDispatcher& thread, zx_time_t deadline, Packet* out) {
  Waiter self{&thread, std::nullopt};
  {
    absl::MutexLock lock(&mutex_);
    if (!packets_.empty()) {
      *out = packets_.front();
      Account(*out, /*added=*/false);
      packets_.pop_front();
      return ZX_OK;
    }
    waiters_.push_back(&self);
  }
  const zx_status_t status =
      thread.Wait(deadline, ZX_THREAD_STATE_BLOCKED_PORT, [&] { return self.packet.has_value(); });
  absl::MutexLock lock(&mutex_);
  std::erase(waiters_, &self);
  if (!self.packet.has_value()) return status;
  if (status == ZX_ERR_CANCELED) {
    Deliver(*self.packet, /*in_front=*/true);
    return status;
  }
  *out = *self.packet;
  return ZX_OK;
}

void PortDispatcher::PutBack(const Packet& packet) {
  absl::MutexLock lock(&mutex_);
  Deliver(packet, /*in_front=*/true);
}

}  // namespace zirconia::kernel
