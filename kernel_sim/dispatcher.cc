#include "kernel_sim/dispatcher.h"

#include <algorithm>

namespace zirconia::kernel {

void Dispatcher::RunOnZeroHandles() {
  thread_local std::vector<std::shared_ptr<Dispatcher>>* pending = nullptr;
  if (pending != nullptr) {
    pending->push_back(shared_from_this());
    return;
  }
  std::vector<std::shared_ptr<Dispatcher>> queue{shared_from_this()};
  pending = &queue;
  while (!queue.empty()) {
    const std::shared_ptr<Dispatcher> object = std::move(queue.back());
    queue.pop_back();
    object->OnZeroHandles();
  }
  pending = nullptr;
}

std::string Dispatcher::name() const {
  absl::MutexLock lock(&mutex_);
  return name_;
}

void Dispatcher::set_name(absl::string_view name) {
  name = name.substr(0, name.find('\0'));
  absl::MutexLock lock(&mutex_);
  name_ = std::string(name.substr(0, ZX_MAX_NAME_LEN - 1));
}

void Dispatcher::UpdateSignals(zx_signals_t clear, zx_signals_t set) {
  absl::MutexLock lock(&mutex_);
  const zx_signals_t before = signals_.load(std::memory_order_relaxed);
  const zx_signals_t after = (before & ~clear) | set;
  if (after == before) return;
  signals_.store(after, std::memory_order_release);
  const zx_signals_t risen = after & ~before;
  std::erase_if(observers_, [=](const Entry& e) {
    const zx_signals_t counts = e.trigger == Trigger::kEdge ? risen : after;
    return (e.wanted & counts) != 0 && e.observer->OnSignals(after);
  });
}

zx_status_t Dispatcher::SignalPeer(zx_signals_t, zx_signals_t) { return ZX_ERR_NOT_SUPPORTED; }

void Dispatcher::AddObserver(SignalObserver* observer, const void* table, zx_handle_t handle, zx_signals_t wanted,
                             Trigger trigger) {
  absl::MutexLock lock(&mutex_);
  const zx_signals_t now = signals_.load(std::memory_order_relaxed);
  if (trigger == Trigger::kLevel && (now & wanted) != 0 && observer->OnSignals(now)) return;
  observers_.push_back({observer, table, handle, wanted, trigger});
}

void Dispatcher::RemoveObserver(SignalObserver* observer) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(observers_, [observer](const Entry& e) { return e.observer == observer; });
}

void Dispatcher::CancelObservers(const void* table, zx_handle_t handle) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(observers_, [=](const Entry& e) {
    if (e.table != table || e.handle != handle) return false;
    e.observer->OnCancel();
    return true;
  });
}

size_t Dispatcher::CancelReports(const void* table, zx_handle_t handle, const void* port, uint64_t key) {
  absl::MutexLock lock(&mutex_);
  return std::erase_if(observers_, [=](const Entry& e) {
    if (e.table != table || e.handle != handle || !e.observer->ReportsTo(port, key)) return false;
    e.observer->OnCancel();
    return true;
  });
}

}  // namespace zirconia::kernel
