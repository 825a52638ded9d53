// The slots of guest threads: where a thread's GuestContext and alternate signal stack lie.
#ifndef ZIRCONIA_PLATFORM_ENGINE_SLOTS_H_
#define ZIRCONIA_PLATFORM_ENGINE_SLOTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "platform/engine/context.h"

namespace zirconia::platform::engine {

// One per process, as there is one set of signal handlers: an array of aligned slots (layout.h), reserved when it is
// first wanted. A slot gets memory when it is first used. Slots are used again, the lowest first known to be free.
// Thread-safe.
class SlotArray {
 public:
  static SlotArray& Get();

  // Reserves the array, if it isn't yet. INTERNAL: the host gives no address space.
  absl::Status Reserve();

  // A slot with a zeroed GuestContext. RESOURCE_EXHAUSTED: all in use, or the host gives no memory. Requires Reserve().
  absl::StatusOr<GuestContext*> Acquire();

  // No thread may be in the slot's guest code or on its stack. Its memory goes back to the host.
  void Release(GuestContext* context);

  // Says which host thread runs the slot's guest code, so that it is found whatever the guest does to its GS base; 0:
  // none.
  static void SetThread(const GuestContext* context, uint32_t tid);

  static void* StackBase(const GuestContext* context);
  static size_t StackSize();

 private:
  SlotArray() = default;

  absl::Mutex mutex_;
  std::vector<uint32_t> free_ ABSL_GUARDED_BY(mutex_);  // used before, and accessible
  uint32_t used_ ABSL_GUARDED_BY(mutex_) = 0;           // slots below this have been used
};

}  // namespace zirconia::platform::engine

#endif  // ZIRCONIA_PLATFORM_ENGINE_SLOTS_H_
