// zx_object_wait_*, zx_object_signal*, zx_object_get_child.
#include <zircon/syscalls/object.h>

#include <vector>

#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel {
namespace {

// Wakes a thread when an object shows one of the wanted signals, or its handle goes.
class ThreadWaiter : public SignalObserver {
 public:
  ThreadWaiter(const Caller& caller, zx_handle_t handle, std::shared_ptr<Dispatcher> object, bool* fired)
      : caller_(caller), handle_(handle), object_(std::move(object)), fired_(fired) {}
  bool OnSignals(zx_signals_t observed) override {
    caller_.thread.Notify([&] {
      *fired_ = true;
      observed_ = observed;
    });
    return true;
  }
  void OnCancel() override {
    caller_.thread.Notify([this] { *fired_ = canceled_ = true; });
  }

  void Begin(zx_signals_t wanted) {
    object_->AddObserver(this, &caller_.handles(), handle_, wanted);
    // Where the handle went between the look at it and here, nobody cancels.
    std::shared_ptr<Dispatcher> now;
    zx_rights_t rights = 0;
    if (caller_.handles().Get(handle_, &now, &rights) != ZX_OK || now != object_) OnCancel();
  }
  // The signals as they were when the wanted ones were first seen; where they weren't, as they are now.
  zx_signals_t End() {
    object_->RemoveObserver(this);
    const zx_signals_t signals = observed_ != 0 ? observed_ : object_->signals();
    return canceled_ ? signals | ZX_SIGNAL_HANDLE_CLOSED : signals;
  }
  // After End.
  bool canceled() const { return canceled_; }

 private:
  const Caller& caller_;
  const zx_handle_t handle_;
  const std::shared_ptr<Dispatcher> object_;
  bool* const fired_;  // guarded by the thread's wait lock, as is all that follows
  bool canceled_ = false;
  zx_signals_t observed_ = 0;
};

zx_status_t GetForWait(const Caller& caller, zx_handle_t handle, std::shared_ptr<Dispatcher>* object) {
  zx_rights_t rights = 0;
  if (const zx_status_t s = caller.handles().Get(handle, object, &rights); s != ZX_OK) return s;
  return (rights & ZX_RIGHT_WAIT) == 0 ? ZX_ERR_ACCESS_DENIED : ZX_OK;
}

}  // namespace

namespace sys {

zx_status_t object_wait_one(const Caller& caller, zx_handle_t handle, zx_signals_t signals, zx_time_t deadline,
                            UserPtr<zx_signals_t> observed) {
  std::shared_ptr<Dispatcher> object;
  if (const zx_status_t s = GetForWait(caller, handle, &object); s != ZX_OK) return s;
  bool fired = false;
  ThreadWaiter waiter(caller, handle, std::move(object), &fired);
  waiter.Begin(signals);
  zx_status_t status = caller.thread.Wait(deadline, ZX_THREAD_STATE_BLOCKED_WAIT_ONE, [&] { return fired; });
  const zx_signals_t seen = waiter.End();
  if (waiter.canceled()) status = ZX_ERR_CANCELED;
  // What came between the deadline and here counts.
  if (status == ZX_ERR_TIMED_OUT && (seen & signals) != 0) status = ZX_OK;
  if (const zx_status_t s = observed.WriteIfWanted(caller.memory, seen); s != ZX_OK) return s;
  return status;
}

zx_status_t object_wait_many(const Caller& caller, UserPtr<zx_wait_item_t> user_items, size_t count,
                             zx_time_t deadline) {
  if (count > ZX_WAIT_MANY_MAX_ITEMS) return ZX_ERR_OUT_OF_RANGE;
  std::vector<zx_wait_item_t> items(count);
  if (user_items.ReadArray(caller.memory, items.data(), count) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  std::vector<std::shared_ptr<Dispatcher>> objects(count);
  for (size_t i = 0; i < count; ++i) {
    if (const zx_status_t s = GetForWait(caller, items[i].handle, &objects[i]); s != ZX_OK) return s;
  }
  bool fired = false;
  std::vector<ThreadWaiter> waiters;
  waiters.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    waiters.emplace_back(caller, items[i].handle, std::move(objects[i]), &fired).Begin(items[i].waitfor);
  }
  zx_status_t status = caller.thread.Wait(deadline, ZX_THREAD_STATE_BLOCKED_WAIT_MANY, [&] { return fired; });
  bool canceled = false;
  bool seen = false;
  for (size_t i = 0; i < count; ++i) {
    items[i].pending = waiters[i].End();
    canceled |= waiters[i].canceled();
    seen |= (items[i].pending & items[i].waitfor) != 0;
  }
  if (canceled) status = ZX_ERR_CANCELED;
  if (status == ZX_ERR_TIMED_OUT && seen) status = ZX_OK;
  if (user_items.WriteArray(caller.memory, items.data(), count) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  return status;
}

zx_status_t object_signal(const Caller& caller, zx_handle_t handle, zx_signals_t clear, zx_signals_t set) {
  std::shared_ptr<Dispatcher> object;
  zx_rights_t rights = 0;
  if (const zx_status_t s = caller.handles().Get(handle, &object, &rights); s != ZX_OK) return s;
  if ((rights & ZX_RIGHT_SIGNAL) == 0) return ZX_ERR_ACCESS_DENIED;
  if (((clear | set) & ~object->user_signals()) != 0) return ZX_ERR_INVALID_ARGS;
  object->UpdateSignals(clear, set);
  return ZX_OK;
}

zx_status_t object_signal_peer(const Caller& caller, zx_handle_t handle, zx_signals_t clear, zx_signals_t set) {
  std::shared_ptr<Dispatcher> object;
  zx_rights_t rights = 0;
  if (const zx_status_t s = caller.handles().Get(handle, &object, &rights); s != ZX_OK) return s;
  if ((rights & ZX_RIGHT_SIGNAL_PEER) == 0) return ZX_ERR_ACCESS_DENIED;
  if (((clear | set) & ~object->user_signals()) != 0) return ZX_ERR_INVALID_ARGS;
  return object->SignalPeer(clear, set);
}

zx_status_t object_get_child(const Caller& caller, zx_handle_t handle, uint64_t koid, zx_rights_t rights,
                             UserPtr<zx_handle_t> out) {
  std::shared_ptr<Dispatcher> object;
  zx_rights_t have = 0;
  if (const zx_status_t s = caller.handles().Get(handle, &object, &have); s != ZX_OK) return s;
  if ((have & ZX_RIGHT_ENUMERATE) == 0) return ZX_ERR_ACCESS_DENIED;
  if (rights == ZX_RIGHT_SAME_RIGHTS) rights = have;
  if ((rights & ~have) != 0) return ZX_ERR_ACCESS_DENIED;
  std::shared_ptr<Dispatcher> child;
  if (const auto job = As<JobDispatcher>(object)) {
    for (const auto& p : job->processes()) {
      if (p->koid() == koid) child = p;
    }
  } else if (const auto process = As<ProcessDispatcher>(object)) {
    for (const auto& t : process->threads()) {
      if (t->koid() == koid) child = t;
    }
  } else {
    return ZX_ERR_WRONG_TYPE;
  }
  if (child == nullptr) return ZX_ERR_NOT_FOUND;
  return caller.GiveHandle(Handle(std::move(child), rights), out);
}

}  // namespace sys
}  // namespace zirconia::kernel
