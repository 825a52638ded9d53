// The base of every kernel object.
#ifndef ZIRCONIA_KERNEL_SIM_DISPATCHER_H_
#define ZIRCONIA_KERNEL_SIM_DISPATCHER_H_

#include <zircon/rights.h>
#include <zircon/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace zirconia::kernel {

// Gives out koids: unique in one kernel, never reused. Thread-safe.
class KoidAllocator {
 public:
  zx_koid_t Next() { return next_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<zx_koid_t> next_{1024};  // those below are kept for objects that a kernel makes before any process
};

// Whoever waits for signals of an object. Called with the object's signal lock held: it may only take leaf locks.
class SignalObserver {
 public:
  virtual ~SignalObserver() = default;
  // The object's signals are now `observed`. Returns true to be removed.
  virtual bool OnSignals(zx_signals_t observed) = 0;
  // The handle that was waited on is gone, or whoever began the wait has ended it.
  virtual void OnCancel() = 0;
  // Whether it reports to this port under this key (zx_port_cancel).
  virtual bool ReportsTo(const void* /*port*/, uint64_t /*key*/) const { return false; }
};

// When an observer is told of a signal.
enum class Trigger : uint8_t {
  kLevel,  // while it is asserted, also if it was so before
  kEdge,   // when it becomes asserted
};

// A kernel object: identity, name, signals. Handles and rights are separate things (see handle_table.h). An object
// lives as long as something refers to it; `OnZeroHandles` says when the last handle is gone. Thread-safe; the signal
// state is a leaf lock.
class Dispatcher : public std::enable_shared_from_this<Dispatcher> {
 public:
  virtual ~Dispatcher() = default;
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  virtual zx_obj_type_t type() const = 0;
  virtual zx_rights_t default_rights() const = 0;
  // The object at the other end, or the one that it belongs to; 0: none.
  virtual zx_koid_t related_koid() const { return 0; }
  // Whether its signals can be waited for.
  bool waitable() const { return (default_rights() & ZX_RIGHT_WAIT) != 0; }
  zx_koid_t koid() const { return koid_; }

  // ZX_PROP_NAME: at most ZX_MAX_NAME_LEN - 1 bytes are kept.
  std::string name() const ABSL_LOCKS_EXCLUDED(mutex_);
  void set_name(absl::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);

  zx_signals_t signals() const { return signals_.load(std::memory_order_acquire); }
  void UpdateSignals(zx_signals_t clear, zx_signals_t set) ABSL_LOCKS_EXCLUDED(mutex_);
  // Which signals zx_object_signal may change on this type.
  virtual zx_signals_t user_signals() const { return ZX_USER_SIGNAL_ALL; }
  // zx_object_signal_peer.
  virtual zx_status_t SignalPeer(zx_signals_t /*clear*/, zx_signals_t /*set*/);

  // Adds an observer; it is told at once if any of `wanted` is asserted already (and then not added), unless it wants
  // edges. `handle` identifies the handle that is waited on, together with the `table` it stands in.
  void AddObserver(SignalObserver* observer, const void* table, zx_handle_t handle, zx_signals_t wanted,
                   Trigger trigger = Trigger::kLevel) ABSL_LOCKS_EXCLUDED(mutex_);
  // After this returns the observer is not called again.
  void RemoveObserver(SignalObserver* observer) ABSL_LOCKS_EXCLUDED(mutex_);
  // Cancels what waits on this handle value: it was closed, replaced or transferred.
  void CancelObservers(const void* table, zx_handle_t handle) ABSL_LOCKS_EXCLUDED(mutex_);
  // Cancels those of them that report to this port under this key; returns how many.
  size_t CancelReports(const void* table, zx_handle_t handle, const void* port, uint64_t key)
      ABSL_LOCKS_EXCLUDED(mutex_);

  uint32_t handle_count() const { return handle_count_.load(std::memory_order_relaxed); }
  void AddHandle() { handle_count_.fetch_add(1, std::memory_order_relaxed); }
  // The last one runs `OnZeroHandles`, before this returns unless this thread is in another object's OnZeroHandles:
  // those run one after the other, so that a guest that nests channels in messages in channels can't run the kernel out
  // of stack.
  void DropHandle() {
    if (handle_count_.fetch_sub(1, std::memory_order_acq_rel) == 1) RunOnZeroHandles();
  }

 protected:
  explicit Dispatcher(KoidAllocator& koids, zx_signals_t initial_signals = 0)
      : koid_(koids.Next()), signals_(initial_signals) {}

  // The last handle is gone (references may remain). No lock is held.
  virtual void OnZeroHandles() {}

 private:
  void RunOnZeroHandles();

  struct Entry {
    SignalObserver* observer;
    const void* table;
    zx_handle_t handle;
    zx_signals_t wanted;
    Trigger trigger;
  };

  const zx_koid_t koid_;
  std::atomic<uint32_t> handle_count_{0};
  std::atomic<zx_signals_t> signals_;
  mutable absl::Mutex mutex_;
  std::vector<Entry> observers_ ABSL_GUARDED_BY(mutex_);
  std::string name_ ABSL_GUARDED_BY(mutex_);
};

// The object as a `T`, or null where it is another type.
template <typename T>
std::shared_ptr<T> As(const std::shared_ptr<Dispatcher>& object) {
  return object && object->type() == T::kType ? std::static_pointer_cast<T>(object) : nullptr;
}

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_DISPATCHER_H_
