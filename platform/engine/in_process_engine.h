// The engine whose guest threads are threads of this process.
#ifndef ZIRCONIA_PLATFORM_ENGINE_IN_PROCESS_ENGINE_H_
#define ZIRCONIA_PLATFORM_ENGINE_IN_PROCESS_ENGINE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "platform/engine/syscall_dispatch.h"
#include "platform/guest_engine.h"

namespace zirconia::platform::engine {

class InProcessEngine final : public GuestEngine {
 public:
  // `best_mode`: not to use a better way of catching system calls than this; what an older host would do.
  static absl::StatusOr<std::unique_ptr<InProcessEngine>> Create(
      SyscallDispatchMode best_mode = SyscallDispatchMode::kInclusive);

  // INVALID_ARGUMENT: an empty window. FAILED_PRECONDITION: system calls within it couldn't be caught.
  // RESOURCE_EXHAUSTED: no slot.
  absl::StatusOr<std::unique_ptr<GuestThread>> CreateThread(GuestEvents& events, mm::VirtRange window,
                                                            void* owner) override;

  uint64_t syscall_entry() const override;

 private:
  explicit InProcessEngine(SyscallDispatchMode mode) : mode_(mode) {}

  const SyscallDispatchMode mode_;
};

}  // namespace zirconia::platform::engine

#endif  // ZIRCONIA_PLATFORM_ENGINE_IN_PROCESS_ENGINE_H_
