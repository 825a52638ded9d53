#include "kernel_sim/handle_table.h"

#include <algorithm>
#include <utility>

namespace zirconia::kernel {

// index and reuse count side by side, shifted up over the two fixed bits; the reuse count starts at 1, so that no value
// is 0 or small.
zx_handle_t HandleTable::ValueOf(size_t index, uint32_t reuse) {
  return static_cast<zx_handle_t>((((reuse + 1) & 0x3ff) << (kIndexBits + 2)) | (static_cast<uint32_t>(index) << 2) |
                                  3);
}

size_t HandleTable::IndexOf(zx_handle_t value, SlotState state) const {
  if ((value & 3) != 3) return slots_.size();
  const size_t index = (value >> 2) & ((1u << kIndexBits) - 1);
  if (index >= slots_.size()) return slots_.size();
  const Slot& slot = slots_[index];
  return slot.state == state && ValueOf(index, slot.reuse) == value ? index : slots_.size();
}

const HandleTable::Slot* HandleTable::Find(zx_handle_t value, SlotState state) const {
  const size_t index = IndexOf(value, state);
  return index < slots_.size() ? &slots_[index] : nullptr;
}

HandleTable::Slot* HandleTable::Find(zx_handle_t value, SlotState state) {
  const size_t index = IndexOf(value, state);
  return index < slots_.size() ? &slots_[index] : nullptr;
}

void HandleTable::FreeSlot(Slot* slot) {
  slot->state = SlotState::kFree;
  slot->reuse = (slot->reuse + 1) % 0x3ff;
  free_.push_back(static_cast<uint32_t>(slot - slots_.data()));
  --used_;
}

zx_handle_t HandleTable::Reserve() {
  absl::MutexLock lock(&mutex_);
  if (closed_ || used_ >= limit_) return ZX_HANDLE_INVALID;
  size_t index = 0;
  if (free_.empty()) {
    index = slots_.size();
    if (index >= (size_t{1} << kIndexBits)) return ZX_HANDLE_INVALID;
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  ++used_;
  slots_[index].state = SlotState::kReserved;
  return ValueOf(index, slots_[index].reuse);
}

void HandleTable::Install(zx_handle_t reserved, Handle handle) {
  absl::MutexLock lock(&mutex_);
  Slot* slot = Find(reserved, SlotState::kReserved);
  if (slot == nullptr) return;  // the table was cleared meanwhile; `handle` closes when the lock is gone
  slot->handle = std::move(handle);
  slot->state = SlotState::kUsed;
}

void HandleTable::CancelReservation(zx_handle_t reserved) {
  absl::MutexLock lock(&mutex_);
  if (Slot* slot = Find(reserved, SlotState::kReserved)) FreeSlot(slot);
}

zx_handle_t HandleTable::Add(Handle handle) {
  const zx_handle_t value = Reserve();
  if (value != ZX_HANDLE_INVALID) Install(value, std::move(handle));
  return value;
}

Handle HandleTable::Remove(zx_handle_t value) {
  Handle handle;
  {
    absl::MutexLock lock(&mutex_);
    Slot* slot = Find(value, SlotState::kUsed);
    if (slot == nullptr) return handle;
    handle = std::move(slot->handle);
    FreeSlot(slot);
  }
  handle.object()->CancelObservers(this, value);
  return handle;
}

zx_status_t HandleTable::RemoveMany(absl::Span<const zx_handle_t> values, std::vector<Handle>* out) {
  const size_t before = out->size();
  out->reserve(before + values.size());
  {
    absl::MutexLock lock(&mutex_);
    for (size_t i = 0; i < values.size(); ++i) {
      if (Find(values[i], SlotState::kUsed) == nullptr) return ZX_ERR_BAD_HANDLE;
      if (std::find(values.begin(), values.begin() + static_cast<ptrdiff_t>(i), values[i]) !=
          values.begin() + static_cast<ptrdiff_t>(i)) {
        return ZX_ERR_BAD_HANDLE;
      }
    }
    for (const zx_handle_t value : values) {
      Slot* slot = Find(value, SlotState::kUsed);
      out->push_back(std::move(slot->handle));
      FreeSlot(slot);
    }
  }
  for (size_t i = 0; i < values.size(); ++i) (*out)[before + i].object()->CancelObservers(this, values[i]);
  return ZX_OK;
}

zx_status_t HandleTable::Duplicate(zx_handle_t value, zx_rights_t rights, Handle* out) const {
  absl::MutexLock lock(&mutex_);
  const Slot* slot = Find(value, SlotState::kUsed);
  if (slot == nullptr) return ZX_ERR_BAD_HANDLE;
  if (!slot->handle.has(ZX_RIGHT_DUPLICATE)) return ZX_ERR_ACCESS_DENIED;
  if (rights == ZX_RIGHT_SAME_RIGHTS) rights = slot->handle.rights();
  if (!slot->handle.has(rights)) return ZX_ERR_INVALID_ARGS;
  *out = Handle(slot->handle.object(), rights);
  return ZX_OK;
}

zx_status_t HandleTable::Get(zx_handle_t value, std::shared_ptr<Dispatcher>* object, zx_rights_t* rights) const {
  absl::MutexLock lock(&mutex_);
  const Slot* slot = Find(value, SlotState::kUsed);
  if (slot == nullptr) return ZX_ERR_BAD_HANDLE;
  *object = slot->handle.object();
  *rights = slot->handle.rights();
  return ZX_OK;
}

size_t HandleTable::size() const {
  absl::MutexLock lock(&mutex_);
  return used_;
}

std::vector<HandleTable::Entry> HandleTable::Entries() const {
  absl::MutexLock lock(&mutex_);
  std::vector<Entry> entries;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.state != SlotState::kUsed) continue;
    entries.push_back({ValueOf(i, slot.reuse), slot.handle.rights(), slot.handle.object()});
  }
  return entries;
}

void HandleTable::Clear() {
  std::vector<Slot> slots;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    used_ = 0;
    free_.clear();
    slots.swap(slots_);
  }
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].state == SlotState::kUsed) slots[i].handle.object()->CancelObservers(this, ValueOf(i, slots[i].reuse));
  }
}

}  // namespace zirconia::kernel
