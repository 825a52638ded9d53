// A guest thread of the in-process engine.
#ifndef ZIRCONIA_PLATFORM_ENGINE_IN_PROCESS_THREAD_H_
#define ZIRCONIA_PLATFORM_ENGINE_IN_PROCESS_THREAD_H_

#include <pthread.h>

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "mm/units.h"
#include "platform/engine/context.h"
#include "platform/engine/syscall_dispatch.h"
#include "platform/guest_engine.h"

namespace zirconia::platform::engine {

// Owns a slot from its creation until the end of its host thread.
class InProcessThread final : public GuestThread {
 public:
  InProcessThread(GuestEvents& events, GuestContext& context, SyscallDispatchMode mode, mm::VirtRange window,
                  void* owner);
  ~InProcessThread() override;

  absl::Status Start(const GuestStart& start) override;
  void Interrupt() override;
  void set_fs_base(uint64_t base) override;
  void set_gs_base(uint64_t base) override;
  uint64_t fs_base() const override;
  uint64_t gs_base() const override;
  int64_t processor_time() const override;

 private:
  static void* HostThread(void* self);
  void Run();
  // Asks for attention; false: the signal for it can't be sent now.
  bool TryInterrupt(bool again);
  void ReleaseSlot();

  GuestEvents& events_;
  GuestContext& context_;  // gone with the slot
  const SyscallDispatchMode mode_;
  const mm::VirtRange window_;
  bool started_ = false;
  pthread_t host_thread_{};

  absl::Mutex mutex_;
  bool has_slot_ ABSL_GUARDED_BY(mutex_) = true;
  // The host thread while it may be in guest code, else 0: a thread id may soon belong to somebody else.
  int tid_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace zirconia::platform::engine

#endif  // ZIRCONIA_PLATFORM_ENGINE_IN_PROCESS_THREAD_H_
