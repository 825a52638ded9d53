#include "kernel_sim/dma_pin.h"

#include "kernel_sim/pager_source.h"

namespace zirconia::kernel {

zx_status_t DmaPin::Create(std::shared_ptr<mm::VmObject> vmo, mm::ByteSize offset, mm::ByteSize size, mm::Access access,
                           DmaPin* out) {
  absl::StatusOr<std::vector<mm::FrameRun>> runs = absl::UnknownError("");
  const zx_status_t status = WithPages([&](mm::PageWait& wait) {
    runs = vmo->HoldForDevice(offset, size, access, &wait);
    return runs.status();
  });
  if (status != ZX_OK) return status;
  DmaPin made;
  made.vmo_ = std::move(vmo);
  made.offset_ = offset;
  made.size_ = size;
  made.runs_ = *std::move(runs);
  *out = std::move(made);
  return ZX_OK;
}

}  // namespace zirconia::kernel
