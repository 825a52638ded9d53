// VMOs as kernel objects.
#ifndef ZIRCONIA_KERNEL_SIM_VMO_H_
#define ZIRCONIA_KERNEL_SIM_VMO_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "kernel_sim/dispatcher.h"
#include "mm/vm_object.h"

namespace zirconia::kernel {

// Carries what a handle sees of a VMO: its identity, its signals and its content size. The memory itself is a
// mm::VmObject, which mappings keep alive without any handle.
class VmoDispatcher : public Dispatcher, private mm::VmObject::ChildrenObserver {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_VMO;
  VmoDispatcher(KoidAllocator& koids, std::shared_ptr<mm::VmObject> vmo, uint64_t content_size)
      : Dispatcher(koids, ZX_VMO_ZERO_CHILDREN), vmo_(std::move(vmo)), content_size_(content_size) {
    vmo_->set_user_id(koid());
    vmo_->ObserveChildren(this);
  }
  ~VmoDispatcher() override { vmo_->ObserveChildren(nullptr); }
  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_VMO_RIGHTS; }

  const std::shared_ptr<mm::VmObject>& vmo() const { return vmo_; }

  // ZX_PROP_VMO_CONTENT_SIZE: what programs agree to call the end of the content; never beyond the size.
  uint64_t content_size() const { return content_size_.load(std::memory_order_relaxed); }
  zx_status_t set_content_size(uint64_t size);
  // zx_vmo_set_size; the content ends at most there.
  zx_status_t Resize(uint64_t size);
  // Held while a stream looks at the sizes of the VMO and of its content and changes them, after which others see the
  // new ones. VMOs share a few. Before the VMO's own lock.
  absl::Mutex& content_lock() const;
  // Names show in memory maps too, also when no handle is left.
  void SetName(absl::string_view name);

  // zx_vmo_create_child but for rights: a new VMO made from this one. INVALID_ARGS: `options` don't name exactly one
  // kind, or don't go together; the rest as mm::VmObject says.
  zx_status_t CreateChild(KoidAllocator& koids, uint32_t options, uint64_t offset, uint64_t size,
                          std::shared_ptr<VmoDispatcher>* out);

  // Whether the kernel copies from and to it: BAD_STATE where its memory isn't cached, NOT_SUPPORTED where it is
  // physical.
  zx_status_t MayCopy() const;

 private:
  // ZX_VMO_ZERO_CHILDREN.
  void OnChildren(bool any) override;

  const std::shared_ptr<mm::VmObject> vmo_;
  std::atomic<uint64_t> content_size_;
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_VMO_H_
