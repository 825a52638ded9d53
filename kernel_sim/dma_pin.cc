#include "kernel_sim/dma_pin.h"

#include "kernel_sim/status.h"

namespace zirconia::kernel {

DmaPin& DmaPin::operator=(DmaPin&& o) noexcept {
  std::swap(vmo_, o.vmo_);
  std::swap(offset_, o.offset_);
  std::swap(size_, o.size_);
  std::swap(runs_, o.runs_);
  return *this;
}

DmaPin::~DmaPin() {
  if (vmo_ != nullptr) vmo_->DropForDevice(offset_, size_);
}

zx_status_t DmaPin::Create(std::shared_ptr<mm::VmObject> vmo, mm::ByteSize offset, mm::ByteSize size, DmaPin* out) {
  auto runs = vmo->HoldForDevice(offset, size);
  if (!runs.ok()) return ToZxStatus(runs.status());
  DmaPin made;
  made.vmo_ = std::move(vmo);
  made.offset_ = offset;
  made.size_ = size;
  made.runs_ = *std::move(runs);
  *out = std::move(made);
  return ZX_OK;
}

bool DmaPin::IsContiguous(const mm::VmObject& vmo) { return vmo.kind() != mm::VmPages::Kind::kAnonymous; }

}  // namespace zirconia::kernel
