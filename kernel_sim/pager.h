// Pagers: programs that provide the pages of VMOs.
#ifndef ZIRCONIA_KERNEL_SIM_PAGER_H_
#define ZIRCONIA_KERNEL_SIM_PAGER_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "kernel_sim/dispatcher.h"
#include "kernel_sim/pager_source.h"
#include "mm/frame_allocator.h"
#include "mm/vm_object.h"

namespace zirconia::kernel {

// What pagers need of mm: the memory side of pager-backed VMOs. `vmo` was made by `Create`; ranges are inside of it and
// `source` is told (PageSource::Resolve) of what a call makes of them.
class PagerMemory {
 public:
  virtual ~PagerMemory() = default;

  struct Options {
    bool resizable = false;
    bool trap_dirty = false;  // a write to a clean page asks the pager first
  };
  // OUT_OF_RANGE: too large. When the VMO dies it calls `source->Close()`.
  virtual absl::StatusOr<std::shared_ptr<mm::VmObject>> Create(mm::FrameAllocator& frames, mm::ByteSize size,
                                                               Options options,
                                                               std::shared_ptr<mm::PageSource> source) = 0;
  // Moves pages of `from`, from `from_first` on, to where `vmo` has none; the others are freed, and `from` has none of
  // them any more. FAILED_PRECONDITION: `from` has mappings, children or pinned pages there, or isn't anonymous.
  // UNIMPLEMENTED: it is physical. OUT_OF_RANGE: outside of `from`. RESOURCE_EXHAUSTED.
  virtual absl::Status Supply(mm::VmObject& vmo, mm::PageRange range, mm::VmObject& from, mm::PageIndex from_first) = 0;
  // ZX_PAGER_OP_DIRTY. NOT_FOUND: some pages aren't there. UNIMPLEMENTED: writes aren't trapped.
  virtual absl::Status MarkDirty(mm::VmObject& vmo, mm::PageRange range) = 0;
  // ZX_PAGER_OP_WRITEBACK_BEGIN and _END.
  virtual absl::Status BeginWriteback(mm::VmObject& vmo, mm::PageRange range) = 0;
  virtual absl::Status EndWriteback(mm::VmObject& vmo, mm::PageRange range) = 0;

  struct DirtyRange {
    mm::PageRange pages;
    bool zero = false;
  };
  // Those that overlap `range`, cut to it, in order.
  virtual std::vector<DirtyRange> DirtyRanges(mm::VmObject& vmo, mm::PageRange range) = 0;
  // Whether it was modified since it was made or this was last reset.
  virtual bool Modified(mm::VmObject& vmo, bool reset) = 0;
  // The pager is gone: clean pages may go.
  virtual void Detach(mm::VmObject& vmo) = 0;
};

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
