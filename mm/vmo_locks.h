// The locks of several VMOs at once.
#ifndef ZIRCONIA_MM_VMO_LOCKS_H_
#define ZIRCONIA_MM_VMO_LOCKS_H_

#include <algorithm>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "mm/vm_object.h"

namespace zirconia::mm {

// Holds the locks of a set of VMOs, which may have some in common, taken in the one order that all who take several
// follow: by address. The VMOs must live longer. The thread-safety analysis can't follow a set; who needs one of the
// locks says `vmo.mutex().AssertHeld()`.
class VmoLocks {
 public:
  VmoLocks() = default;
  VmoLocks(const VmoLocks&) = delete;
  VmoLocks& operator=(const VmoLocks&) = delete;
  ~VmoLocks() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!held_) return;
    for (absl::Mutex* mutex : mutexes_) mutex->Unlock();
  }

  // Requires that the locks aren't held yet.
  void Add(VmObject& vmo) {
    if (mutexes_.empty() || mutexes_.back() != &vmo.mutex()) mutexes_.push_back(&vmo.mutex());
  }
  void Lock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    std::sort(mutexes_.begin(), mutexes_.end());
    mutexes_.erase(std::unique(mutexes_.begin(), mutexes_.end()), mutexes_.end());
    for (absl::Mutex* mutex : mutexes_) mutex->Lock();
    held_ = true;
  }

 private:
  absl::InlinedVector<absl::Mutex*, 8> mutexes_;
  bool held_ = false;
};

// Holds two locks, which may be one, taken in the same order.
class TwoLocks {
 public:
  TwoLocks(absl::Mutex& a, absl::Mutex& b) ABSL_NO_THREAD_SAFETY_ANALYSIS : first_(std::min(&a, &b)),
                                                                            second_(std::max(&a, &b)) {
    first_->Lock();
    if (second_ != first_) second_->Lock();
  }
  TwoLocks(const TwoLocks&) = delete;
  TwoLocks& operator=(const TwoLocks&) = delete;
  ~TwoLocks() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (second_ != first_) second_->Unlock();
    first_->Unlock();
  }

 private:
  absl::Mutex* const first_;
  absl::Mutex* const second_;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_VMO_LOCKS_H_
