#include "kernel_sim/dma_pin.h"

#include "kernel_sim/status.h"

namespace zirconia::kernel {

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

}  // namespace zirconia::kernel
