#include "kernel_sim/dma_pin.h"

#include "kernel_sim/status.h"

namespace zirconia::kernel {

zx_status_t DmaPin::Create(std::shared_ptr<mm::VmObject> vmo, mm::ByteSize offset, mm::ByteSize size, DmaPin* out) {
  const uint64_t end = vmo->size().value();
  if (offset.value() > end || size.value() > end - offset.value()) return ZX_ERR_OUT_OF_RANGE;
  if (const absl::Status s = vmo->Commit(offset, size); !s.ok()) return ToZxStatus(s);
  DmaPin made;
  for (mm::ByteSize done; done < size;) {
    auto piece = vmo->Pin(offset + done, size - done, mm::Access::kRead);
    if (!piece.ok()) return ToZxStatus(piece.status());
    if (piece->data == nullptr) return ZX_ERR_UNAVAILABLE;  // decommitted meanwhile
    made.runs_.push_back(piece->pin.run());
    done += piece->size;
    made.pins_.push_back(std::move(piece->pin));
  }
  made.vmo_ = std::move(vmo);
  *out = std::move(made);
  return ZX_OK;
}

bool DmaPin::IsContiguous(const mm::VmObject& /*vmo*/) {
  return false;  // every VMO is paged
}

}  // namespace zirconia::kernel
