#include "kernel_sim/vmo.h"

#include "kernel_sim/status.h"

namespace zirconia::kernel {

zx_status_t VmoDispatcher::set_content_size(uint64_t size) {
  if (size > vmo_->size().value()) return ZX_ERR_OUT_OF_RANGE;
  content_size_.store(size, std::memory_order_relaxed);
  return ZX_OK;
}

zx_status_t VmoDispatcher::Resize(uint64_t size) {
  const zx_status_t status = ToZxStatus(vmo_->Resize(mm::ByteSize(size)));
  if (status == ZX_OK) content_size_.store(size, std::memory_order_relaxed);
  return status;
}

void VmoDispatcher::SetName(absl::string_view name) {
  set_name(name);
  vmo_->set_name(Dispatcher::name());
}

}  // namespace zirconia::kernel
