// The locks of several VMOs at once.
#ifndef ZIRCONIA_MM_VMO_LOCKS_H_
#define ZIRCONIA_MM_VMO_LOCKS_H_

#include <algorithm>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "mm/vm_object.h"

namespace zirconia::mm {

// Holds the locks of a set of VMOs, taken in the one order that all who take several follow: by address. The VMOs must
// live longer. The thread-safety analysis can't follow a set; who needs one of the locks says
// `vmo.mutex().AssertHeld()`.
class VmoLocks {
 public:
  VmoLocks() = default;
  VmoLocks(const VmoLocks&) = delete;
  VmoLocks& operator=(const VmoLocks&) = delete;
  ~VmoLocks() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!held_) return;
    for (VmObject* vmo : vmos_) vmo->mutex().Unlock();
  }

  // Requires that the locks aren't held yet.
  void Add(VmObject& vmo) {
    if (vmos_.empty() || vmos_.back() != &vmo) vmos_.push_back(&vmo);
  }
  void Lock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    std::sort(vmos_.begin(), vmos_.end());
    vmos_.erase(std::unique(vmos_.begin(), vmos_.end()), vmos_.end());
    for (VmObject* vmo : vmos_) vmo->mutex().Lock();
    held_ = true;
  }

 private:
  absl::InlinedVector<VmObject*, 8> vmos_;
  bool held_ = false;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_VMO_LOCKS_H_
