#include "platform/engine/slots.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <new>

extern "C" {

// Read by the assembly: where the array is (size 0 until then), and the host thread of each slot.
__attribute__((visibility("hidden"))) uint64_t zirconia_engine_slots = 0;
__attribute__((visibility("hidden"))) uint64_t zirconia_engine_slots_size = 0;
__attribute__((visibility("hidden"))) std::atomic<uint32_t> zirconia_engine_slot_threads[ZIRCONIA_SLOT_COUNT];

}  // extern "C"

namespace zirconia::platform::engine {
namespace {

constexpr uint64_t kSlotSize = ZIRCONIA_SLOT_SIZE;
constexpr uint64_t kArraySize = kSlotSize * ZIRCONIA_SLOT_COUNT;

uint32_t IndexOf(const GuestContext* context) {
  return static_cast<uint32_t>((context->slot() - zirconia_engine_slots) / kSlotSize);
}

}  // namespace

SlotArray& SlotArray::Get() {
  static SlotArray& array = *new SlotArray;
  return array;
}

absl::Status SlotArray::Reserve() {
  absl::MutexLock lock(&mutex_);
  if (zirconia_engine_slots_size != 0) return absl::OkStatus();
  // More than the array, to align it, and so that nothing else lies within a guard's size of its first slot either.
  constexpr uint64_t kReservation = kArraySize + kSlotSize + ZIRCONIA_SLOT_GUARD_SIZE;
  void* reserved = mmap(nullptr, kReservation, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED)
    return absl::InternalError("the host gives no address space for the slots of guest threads");
  zirconia_engine_slots =
      (reinterpret_cast<uint64_t>(reserved) + ZIRCONIA_SLOT_GUARD_SIZE + kSlotSize - 1) & ~(kSlotSize - 1);
  zirconia_engine_slots_size = kArraySize;
  return absl::OkStatus();
}

absl::StatusOr<GuestContext*> SlotArray::Acquire() {
  absl::MutexLock lock(&mutex_);
  uint32_t index;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else {
    if (used_ == ZIRCONIA_SLOT_COUNT) return absl::ResourceExhaustedError("too many guest threads");
    const uint64_t usable = zirconia_engine_slots + used_ * kSlotSize + ZIRCONIA_SLOT_GUARD_SIZE;
    if (mprotect(reinterpret_cast<void*>(usable), kSlotSize - 2 * ZIRCONIA_SLOT_GUARD_SIZE, PROT_READ | PROT_WRITE) !=
        0) {
      return absl::ResourceExhaustedError("the host gives no memory for a guest thread");
    }
    index = used_++;
  }
  return new (reinterpret_cast<void*>(zirconia_engine_slots + index * kSlotSize + ZIRCONIA_SLOT_CONTEXT_OFFSET))
      GuestContext{};
}

void SlotArray::Release(GuestContext* context) {
  madvise(StackBase(context), StackSize() + ZIRCONIA_SLOT_CONTEXT_SIZE, MADV_DONTNEED);
  absl::MutexLock lock(&mutex_);
  free_.push_back(IndexOf(context));
}

void SlotArray::SetThread(const GuestContext* context, uint32_t tid) {
  zirconia_engine_slot_threads[IndexOf(context)].store(tid, std::memory_order_relaxed);
}

void* SlotArray::StackBase(const GuestContext* context) {
  return reinterpret_cast<void*>(context->slot() + ZIRCONIA_SLOT_GUARD_SIZE);
}

size_t SlotArray::StackSize() { return ZIRCONIA_SLOT_CONTEXT_OFFSET - ZIRCONIA_SLOT_GUARD_SIZE; }

}  // namespace zirconia::platform::engine
