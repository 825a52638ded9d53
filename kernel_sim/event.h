// Events and event pairs: objects that are nothing but signals.
#ifndef ZIRCONIA_KERNEL_SIM_EVENT_H_
#define ZIRCONIA_KERNEL_SIM_EVENT_H_

#include <memory>
#include <utility>

#include "kernel_sim/dispatcher.h"

namespace zirconia::kernel {

class EventDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_EVENT;
  explicit EventDispatcher(KoidAllocator& koids) : Dispatcher(koids) {}
  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_EVENT_RIGHTS; }
  zx_signals_t user_signals() const override { return ZX_USER_SIGNAL_ALL | ZX_EVENT_SIGNALED; }
};

// One of two ends; either can signal the other, and sees when the other is gone.
class EventPairDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_EVENTPAIR;
  static std::pair<std::shared_ptr<EventPairDispatcher>, std::shared_ptr<EventPairDispatcher>> Create(
      KoidAllocator& koids);
  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_EVENTPAIR_RIGHTS; }
  zx_koid_t related_koid() const override { return peer_koid_; }
  zx_signals_t user_signals() const override { return ZX_USER_SIGNAL_ALL | ZX_EVENT_SIGNALED; }
  zx_status_t SignalPeer(zx_signals_t clear, zx_signals_t set) override;

 protected:
  void OnZeroHandles() override;

 private:
  explicit EventPairDispatcher(KoidAllocator& koids, std::shared_ptr<absl::Mutex> mutex)
      : Dispatcher(koids), pair_mutex_(std::move(mutex)) {}

  const std::shared_ptr<absl::Mutex> pair_mutex_;
  zx_koid_t peer_koid_ = 0;
  std::weak_ptr<EventPairDispatcher> peer_;  // guarded by *pair_mutex_; empty once either end is closed
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_EVENT_H_
