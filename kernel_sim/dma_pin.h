// Pages held for a device.
#ifndef ZIRCONIA_KERNEL_SIM_DMA_PIN_H_
#define ZIRCONIA_KERNEL_SIM_DMA_PIN_H_

#include <zircon/types.h>

#include <memory>
#include <utility>
#include <vector>

#include "mm/vm_object.h"

namespace zirconia::kernel {

// A range of a VMO that is committed and stays in its frames, and the VMO with it. Movable; let go when destroyed. The
// one place that knows how mm does this.
class DmaPin {
 public:
  DmaPin() = default;
  DmaPin(DmaPin&& other) noexcept { swap(other); }
  DmaPin& operator=(DmaPin&& other) noexcept {
    DmaPin moved(std::move(other));
    swap(moved);
    return *this;
  }
  ~DmaPin() {
    if (vmo_ != nullptr) vmo_->DropForDevice(offset_, size_);
  }

  // `offset` and `size` > 0 are multiples of the page size; `access`: what the device does. OUT_OF_RANGE: not wholly
  // inside. NO_MEMORY: no frames. Waits for a pager, and fails as it says.
  static zx_status_t Create(std::shared_ptr<mm::VmObject> vmo, mm::ByteSize offset, mm::ByteSize size,
                            mm::Access access, DmaPin* out);
  // Whether a VMO's frames are consecutive, and never change.
  static bool IsContiguous(const mm::VmObject& vmo) {
    return vmo.kind() == mm::VmPages::Kind::kContiguous || vmo.kind() == mm::VmPages::Kind::kPhysical;
  }

  // The frames, in order of pages.
  const std::vector<mm::FrameRun>& runs() const { return runs_; }

 private:
  void swap(DmaPin& other) noexcept {
    std::swap(vmo_, other.vmo_);
    std::swap(offset_, other.offset_);
    std::swap(size_, other.size_);
    std::swap(runs_, other.runs_);
  }

  std::shared_ptr<mm::VmObject> vmo_;
  mm::ByteSize offset_;
  mm::ByteSize size_;
  std::vector<mm::FrameRun> runs_;
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_DMA_PIN_H_
