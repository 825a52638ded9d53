#include "kernel_sim/bti.h"

#include <iterator>

namespace zirconia::kernel {

void LostPins::Add(std::vector<DmaPin> pins) {
  absl::MutexLock lock(&mutex_);
  pins_.insert(pins_.end(), std::make_move_iterator(pins.begin()), std::make_move_iterator(pins.end()));
}

uint64_t BtiDispatcher::token_count() const {
  absl::MutexLock lock(&mutex_);
  return tokens_ + quarantine_.size();
}

uint64_t BtiDispatcher::quarantine_count() const {
  absl::MutexLock lock(&mutex_);
  return quarantine_.size();
}

void BtiDispatcher::AddToken() {
  absl::MutexLock lock(&mutex_);
  ++tokens_;
}

void BtiDispatcher::RemoveToken() {
  absl::MutexLock lock(&mutex_);
  --tokens_;
}

void BtiDispatcher::Quarantine(DmaPin pin) {
  std::vector<DmaPin> lost;
  {
    absl::MutexLock lock(&mutex_);
    --tokens_;
    (closed_ ? lost : quarantine_).push_back(std::move(pin));
  }
  if (!lost.empty()) lost_.Add(std::move(lost));
}

void BtiDispatcher::ReleaseQuarantine() {
  std::vector<DmaPin> released;  // let go without the lock
  absl::MutexLock lock(&mutex_);
  released.swap(quarantine_);
}

void BtiDispatcher::OnZeroHandles() {
  std::vector<DmaPin> lost;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    lost.swap(quarantine_);
  }
  lost_.Add(std::move(lost));
}

void PmtDispatcher::Unpin() {
  DmaPin pin;
  {
    absl::MutexLock lock(&mutex_);
    if (done_) return;
    done_ = true;
    pin = std::move(pin_);
  }
  bti_->RemoveToken();
}

void PmtDispatcher::OnZeroHandles() {
  DmaPin pin;
  {
    absl::MutexLock lock(&mutex_);
    if (done_) return;
    done_ = true;
    pin = std::move(pin_);
  }
  bti_->Quarantine(std::move(pin));
}

}  // namespace zirconia::kernel
