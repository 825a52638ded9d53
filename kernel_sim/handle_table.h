// A process's handles: small numbers that name an object and carry rights.
#ifndef ZIRCONIA_KERNEL_SIM_HANDLE_TABLE_H_
#define ZIRCONIA_KERNEL_SIM_HANDLE_TABLE_H_

#include <zircon/types.h>

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "kernel_sim/dispatcher.h"

namespace zirconia::kernel {

// An object with rights, outside of any table: in a message, or on its way into a table. It counts as a handle of the
// object while it lives, wherever it is.
class Handle {
 public:
  Handle() = default;
  Handle(std::shared_ptr<Dispatcher> object, zx_rights_t rights) : object_(std::move(object)), rights_(rights) {
    if (object_) object_->AddHandle();
  }
  Handle(Handle&& o) noexcept : object_(std::move(o.object_)), rights_(o.rights_) { o.object_ = nullptr; }
  Handle& operator=(Handle&& o) noexcept {
    if (this != &o) {
      Close();
      object_ = std::move(o.object_);
      o.object_ = nullptr;
      rights_ = o.rights_;
    }
    return *this;
  }
  ~Handle() { Close(); }

  explicit operator bool() const { return object_ != nullptr; }
  const std::shared_ptr<Dispatcher>& object() const { return object_; }
  zx_rights_t rights() const { return rights_; }
  bool has(zx_rights_t rights) const { return (rights_ & rights) == rights; }
  void Close() {
    if (auto object = std::move(object_)) {
      object_ = nullptr;
      object->DropHandle();
    }
  }

 private:
  std::shared_ptr<Dispatcher> object_;
  zx_rights_t rights_ = 0;
};

// Maps handle values to handles. A value has its two lowest bits set, as Zircon's do, and names its slot and how often
// the slot was reused, so that a stale value is noticed. The outermost lock; nothing is called while it is held.
// Thread-safe.
class HandleTable {
 public:
  static constexpr size_t kDefaultLimit = 256 * 1024;
  // `limit`: the most handles that it may hold at once.
  explicit HandleTable(size_t limit = kDefaultLimit) : limit_(limit) {}
  ~HandleTable() { Clear(); }
  HandleTable(const HandleTable&) = delete;
  HandleTable& operator=(const HandleTable&) = delete;

  // A value that nothing stands behind yet, so that the caller can give it to the guest before the object can be
  // reached. 0: the table is full.
  zx_handle_t Reserve() ABSL_LOCKS_EXCLUDED(mutex_);
  void Install(zx_handle_t reserved, Handle handle) ABSL_LOCKS_EXCLUDED(mutex_);
  void CancelReservation(zx_handle_t reserved) ABSL_LOCKS_EXCLUDED(mutex_);
  // Both steps at once; ZX_HANDLE_INVALID: the table is full, and `handle` is closed.
  zx_handle_t Add(Handle handle) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes a handle out; what waits on it is cancelled. Empty: there is none of this value.
  Handle Remove(zx_handle_t value) ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes several out, all or none. BAD_HANDLE: one is missing or stands there twice.
  zx_status_t RemoveMany(absl::Span<const zx_handle_t> values, std::vector<Handle>* out) ABSL_LOCKS_EXCLUDED(mutex_);

  // Another handle to the object, which is counted before the first can go. SAME_RIGHTS: as the first has. BAD_HANDLE;
  // ACCESS_DENIED: without DUPLICATE; INVALID_ARGS: more rights than the first has.
  zx_status_t Duplicate(zx_handle_t value, zx_rights_t rights, Handle* out) const ABSL_LOCKS_EXCLUDED(mutex_);

  // The object and rights of a value. BAD_HANDLE.
  zx_status_t Get(zx_handle_t value, std::shared_ptr<Dispatcher>* object, zx_rights_t* rights) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The object as a T. In this order: BAD_HANDLE, WRONG_TYPE, ACCESS_DENIED where one of `needed` is missing.
  template <typename T>
  zx_status_t Get(zx_handle_t value, zx_rights_t needed, std::shared_ptr<T>* out, zx_rights_t* rights = nullptr) const {
    std::shared_ptr<Dispatcher> object;
    zx_rights_t have = 0;
    if (const zx_status_t s = Get(value, &object, &have); s != ZX_OK) return s;
    if (object->type() != T::kType) return ZX_ERR_WRONG_TYPE;
    if ((have & needed) != needed) return ZX_ERR_ACCESS_DENIED;
    *out = std::static_pointer_cast<T>(std::move(object));
    if (rights != nullptr) *rights = have;
    return ZX_OK;
  }

  size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Every handle, as they stood at one moment.
  struct Entry {
    zx_handle_t value;
    zx_rights_t rights;
    std::shared_ptr<Dispatcher> object;
  };
  std::vector<Entry> Entries() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Closes everything. Later additions are closed at once: the process is gone.
  void Clear() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  enum class SlotState : uint8_t { kFree, kReserved, kUsed };
  struct Slot {
    Handle handle;
    uint32_t reuse = 0;
    SlotState state = SlotState::kFree;
  };

  static constexpr uint32_t kIndexBits = 20;
  static zx_handle_t ValueOf(size_t index, uint32_t reuse);
  // Where the slot of a value in this state is; the number of slots where there is none. Find: the slot, or null.
  size_t IndexOf(zx_handle_t value, SlotState state) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const Slot* Find(zx_handle_t value, SlotState state) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Slot* Find(zx_handle_t value, SlotState state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FreeSlot(Slot* slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t limit_;
  mutable absl::Mutex mutex_;
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint32_t> free_ ABSL_GUARDED_BY(mutex_);
  size_t used_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_HANDLE_TABLE_H_
