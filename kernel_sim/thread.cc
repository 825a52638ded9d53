#include "kernel_sim/thread.h"

#include <zircon/syscalls/object.h>

#include "kernel_sim/kernel.h"
#include "kernel_sim/process.h"
#include "kernel_sim/status.h"

namespace zirconia::kernel {
namespace {

thread_local ThreadDispatcher* t_current = nullptr;

}  // namespace

ThreadDispatcher* ThreadDispatcher::Current() { return t_current; }
ThreadDispatcher::AsCurrent::AsCurrent(ThreadDispatcher& thread) : outer_(std::exchange(t_current, &thread)) {}
ThreadDispatcher::AsCurrent::~AsCurrent() { t_current = outer_; }

ThreadDispatcher::ThreadDispatcher(Kernel& kernel, std::shared_ptr<ProcessDispatcher> process)
    : Dispatcher(kernel.koids()), kernel_(kernel), process_(std::move(process)), state_(ZX_THREAD_STATE_NEW) {}

ThreadDispatcher::~ThreadDispatcher() = default;

zx_koid_t ThreadDispatcher::related_koid() const { return process_->koid(); }

zx_status_t ThreadDispatcher::Start(const platform::GuestStart& start) {
  {
    absl::MutexLock lock(&mutex_);
    if (state_ != ZX_THREAD_STATE_NEW || killed()) return ZX_ERR_BAD_STATE;
    auto guest = process_->MakeGuestThread(*this);
    if (!guest.ok()) return ToZxStatus(guest.status());
    guest_ = *std::move(guest);
    // The new thread may end before this returns: Ended() then waits for the lock.
    if (const absl::Status s = guest_->Start(start); !s.ok()) {
      guest_.reset();
      return ToZxStatus(s);
    }
    state_ = ZX_THREAD_STATE_RUNNING;
    announcing_ = true;
  }
  if (VirtualClock* const clock = kernel_.virtual_clock(); clock != nullptr) clock->AddThread();
  // Without the lock, which is taken after signal locks; its end is told after this all the same.
  UpdateSignals(0, ZX_THREAD_RUNNING);
  absl::MutexLock lock(&mutex_);
  announcing_ = false;
  announced_.SignalAll();
  return ZX_OK;
}

void ThreadDispatcher::Adopt(std::unique_ptr<platform::GuestThread> guest) {
  {
    absl::MutexLock lock(&mutex_);
    guest_ = std::move(guest);
    state_ = ZX_THREAD_STATE_RUNNING;
  }
  if (VirtualClock* const clock = kernel_.virtual_clock(); clock != nullptr) clock->AddThread();
  UpdateSignals(0, ZX_THREAD_RUNNING);
}

void ThreadDispatcher::Kill() {
  {
    absl::MutexLock lock(&mutex_);
    if (state_ == ZX_THREAD_STATE_DEAD) return;
    killed_.store(true, std::memory_order_release);
    if (guest_ != nullptr) {
      guest_->Interrupt();
      if (VirtualClock* const clock = kernel_.virtual_clock(); clock != nullptr) clock->EndWait(*this);
      wake_.SignalAll();
      return;
    }
    state_ = ZX_THREAD_STATE_DEAD;
  }
  UpdateSignals(0, ZX_THREAD_TERMINATED);
}

uint32_t ThreadDispatcher::state() const {
  absl::MutexLock lock(&mutex_);
  return killed() && state_ != ZX_THREAD_STATE_DEAD ? ZX_THREAD_STATE_DYING : state_;
}

zx_status_t ThreadDispatcher::Wait(zx_time_t deadline, uint32_t blocked_state, absl::FunctionRef<bool()> done) {
  absl::MutexLock lock(&mutex_);
  state_ = blocked_state;
  zx_status_t status = ZX_OK;
  VirtualClock* const clock = kernel_.virtual_clock();
  while (!done()) {
    if (killed()) {
      status = ZX_ERR_CANCELED;
      break;
    }
    if (clock != nullptr) {
      if (clock->Now() >= deadline) {
        status = ZX_ERR_TIMED_OUT;
        break;
      }
      const auto due = clock->BeginWait(*this, deadline);
      if (due == nullptr) {
        wake_.Wait(&mutex_);
      } else if (due.get() != this) {
        mutex_.Unlock();
        due->Notify([] {});
        mutex_.Lock();
      }
      clock->EndWait(*this);
      continue;
    }
    if (deadline == ZX_TIME_INFINITE) {
      wake_.Wait(&mutex_);
      continue;
    }
    const zx_time_t now = kernel_.Now();
    if (now >= deadline) {
      status = ZX_ERR_TIMED_OUT;
      break;
    }
    wake_.WaitWithTimeout(&mutex_, absl::Nanoseconds(deadline - now));
  }
  state_ = ZX_THREAD_STATE_RUNNING;
  return status;
}

void ThreadDispatcher::Notify(absl::FunctionRef<void()> change) {
  absl::MutexLock lock(&mutex_);
  change();
  if (VirtualClock* const clock = kernel_.virtual_clock(); clock != nullptr) clock->EndWait(*this);
  wake_.Signal();
}

zx_duration_t ThreadDispatcher::runtime() const {
  absl::MutexLock lock(&mutex_);
  if (final_runtime_.has_value()) return *final_runtime_;
  return guest_ != nullptr ? guest_->processor_time() : 0;
}

zx_duration_t ThreadDispatcher::StopClock() {
  absl::MutexLock lock(&mutex_);
  return final_runtime_.emplace(guest_->processor_time());
}

zx_status_t ThreadDispatcher::SetSegmentBase(bool gs, uint64_t base) {
  absl::MutexLock lock(&mutex_);
  if (guest_ == nullptr) return ZX_ERR_BAD_STATE;
  if (!gs && !process_->owns_fs_base()) return ZX_ERR_NOT_SUPPORTED;
  gs ? guest_->set_gs_base(base) : guest_->set_fs_base(base);
  return ZX_OK;
}

std::unique_ptr<platform::GuestThread> ThreadDispatcher::Ended() {
  std::unique_ptr<platform::GuestThread> guest;
  {
    absl::MutexLock lock(&mutex_);
    while (announcing_) announced_.Wait(&mutex_);
    state_ = ZX_THREAD_STATE_DEAD;
    guest = std::move(guest_);
  }
  if (VirtualClock* const clock = kernel_.virtual_clock(); clock != nullptr) clock->RemoveThread();
  UpdateSignals(ZX_THREAD_RUNNING, ZX_THREAD_TERMINATED);
  return guest;
}

}  // namespace zirconia::kernel
