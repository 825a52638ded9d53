// Pagers: programs that provide the pages of VMOs.
#ifndef ZIRCONIA_KERNEL_SIM_PAGER_H_
#define ZIRCONIA_KERNEL_SIM_PAGER_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "kernel_sim/dispatcher.h"
#include "kernel_sim/pager_source.h"

namespace zirconia::kernel {

// Knows its VMOs by their koids; they live as long as somebody else keeps them. When its last handle goes, all of them
// are as detached, and no packet of theirs is left in a port.
class PagerDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_PAGER;
  explicit PagerDispatcher(KoidAllocator& koids) : Dispatcher(koids) {}
  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_PAGER_RIGHTS; }

  void Add(zx_koid_t vmo, const std::shared_ptr<PagerSource>& source) ABSL_LOCKS_EXCLUDED(mutex_);
  // The source of a VMO that is its own; null: it isn't.
  std::shared_ptr<PagerSource> SourceOf(zx_koid_t vmo) const ABSL_LOCKS_EXCLUDED(mutex_);

 protected:
  void OnZeroHandles() override;

 private:
  mutable absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  size_t prune_at_ ABSL_GUARDED_BY(mutex_) = 64;
  absl::flat_hash_map<zx_koid_t, std::weak_ptr<PagerSource>> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_PAGER_H_
