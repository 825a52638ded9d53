#include "kernel_sim/virtual_clock.h"

#include <zircon/time.h>

#include <algorithm>

#include "kernel_sim/thread.h"

namespace zirconia::kernel {
namespace {

std::shared_ptr<ThreadDispatcher> Keep(ThreadDispatcher& thread) {
  return std::static_pointer_cast<ThreadDispatcher>(thread.shared_from_this());
}

}  // namespace

void VirtualClock::Advance(zx_duration_t duration) {
  std::vector<std::shared_ptr<ThreadDispatcher>> due;
  {
    absl::MutexLock lock(&mutex_);
    const zx_time_t now = zx_time_add_duration(Now(), std::max<zx_duration_t>(duration, 0));
    now_.store(now, std::memory_order_release);
    for (const Waiter& waiter : waiting_) {
      if (waiter.deadline <= now) due.push_back(Keep(*waiter.thread));
    }
  }
  for (const auto& thread : due) thread->Notify([] {});
}

void VirtualClock::AddThread() {
  absl::MutexLock lock(&mutex_);
  ++threads_;
}

void VirtualClock::RemoveThread() {
  std::shared_ptr<ThreadDispatcher> due;
  {
    absl::MutexLock lock(&mutex_);
    --threads_;
    due = JumpIfIdle();
  }
  if (due != nullptr) due->Notify([] {});
}

std::shared_ptr<ThreadDispatcher> VirtualClock::JumpIfIdle() {
  if (waiting_.size() < threads_ || waiting_.empty()) return nullptr;
  const auto first = std::min_element(waiting_.begin(), waiting_.end(),
                                      [](const Waiter& a, const Waiter& b) { return a.deadline < b.deadline; });
  if (first->deadline == ZX_TIME_INFINITE) return nullptr;
  now_.store(std::max(Now(), first->deadline), std::memory_order_release);
  return Keep(*first->thread);
}

std::shared_ptr<ThreadDispatcher> VirtualClock::BeginWait(ThreadDispatcher& thread, zx_time_t deadline) {
  absl::MutexLock lock(&mutex_);
  waiting_.push_back({&thread, deadline});
  return JumpIfIdle();
}

void VirtualClock::EndWait(const ThreadDispatcher& thread) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(waiting_, [&](const Waiter& waiter) { return waiter.thread == &thread; });
}

}  // namespace zirconia::kernel
