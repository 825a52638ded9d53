// What devices need to reach memory: IOMMUs, bus transaction initiators, pinned memory tokens.
#ifndef ZIRCONIA_KERNEL_SIM_BTI_H_
#define ZIRCONIA_KERNEL_SIM_BTI_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "kernel_sim/dispatcher.h"
#include "kernel_sim/dma_pin.h"

namespace zirconia::kernel {

// An IOMMU that translates nothing and protects nothing: device addresses are physical ones.
class IommuDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_IOMMU;
  explicit IommuDispatcher(KoidAllocator& koids) : Dispatcher(koids) {}
  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_IOMMU_RIGHTS; }
};

// Pins that must outlive everything that could have let them go: a device may still write to their frames. Belongs to
// the kernel. Thread-safe; a leaf lock.
class LostPins {
 public:
  void Add(std::vector<DmaPin> pins) ABSL_LOCKS_EXCLUDED(mutex_);
  bool empty() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return pins_.empty();
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<DmaPin> pins_ ABSL_GUARDED_BY(mutex_);
};

// A device's identity towards the IOMMU. It counts what is pinned for it, and keeps in quarantine what was pinned by
// tokens that were closed and not unpinned. When its last handle goes, what is in quarantine stays pinned as long as
// the kernel runs: nobody can say any more that the device is done with it.
class BtiDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_BTI;
  // Addresses of this many bytes are consecutive in each entry of zx_bti_pin with ZX_BTI_COMPRESS.
  static constexpr uint64_t kMinimumContiguity = mm::kPageSize;
  static constexpr uint64_t kAddressSpaceSize = UINT64_MAX;

  BtiDispatcher(KoidAllocator& koids, LostPins& lost, uint64_t id) : Dispatcher(koids), lost_(lost), id_(id) {}

  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_BTI_RIGHTS; }
  uint64_t id() const { return id_; }

  // Of tokens: how many there are, in quarantine or not, and how many are in quarantine.
  uint64_t token_count() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t quarantine_count() const ABSL_LOCKS_EXCLUDED(mutex_);
  void AddToken() ABSL_LOCKS_EXCLUDED(mutex_);
  void RemoveToken() ABSL_LOCKS_EXCLUDED(mutex_);
  // A token's end without unpinning.
  void Quarantine(DmaPin pin) ABSL_LOCKS_EXCLUDED(mutex_);
  // zx_bti_release_quarantine.
  void ReleaseQuarantine() ABSL_LOCKS_EXCLUDED(mutex_);

 protected:
  void OnZeroHandles() override;

 private:
  LostPins& lost_;
  const uint64_t id_;
  mutable absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t tokens_ ABSL_GUARDED_BY(mutex_) = 0;  // not in quarantine
  std::vector<DmaPin> quarantine_ ABSL_GUARDED_BY(mutex_);
};

// A pinned memory token: what one zx_bti_pin has pinned, until zx_pmt_unpin.
class PmtDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_PMT;
  PmtDispatcher(KoidAllocator& koids, std::shared_ptr<BtiDispatcher> bti, DmaPin pin)
      : Dispatcher(koids), bti_(std::move(bti)), pin_(std::move(pin)) {
    bti_->AddToken();
  }
  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_PMT_RIGHTS; }
  zx_koid_t related_koid() const override { return bti_->koid(); }

  // Lets go of what is pinned.
  void Unpin() ABSL_LOCKS_EXCLUDED(mutex_);

 protected:
  void OnZeroHandles() override;

 private:
  const std::shared_ptr<BtiDispatcher> bti_;
  absl::Mutex mutex_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  DmaPin pin_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_BTI_H_
