#include "kernel_sim/syscalls/caller.h"

#include "absl/container/inlined_vector.h"

namespace zirconia::kernel {

zx_status_t Caller::GiveHandles(absl::Span<Handle> handles, absl::Span<const UserPtr<zx_handle_t>> out) const {
  HandleTable& table = process.handles();
  zx_status_t status = ZX_OK;
  absl::InlinedVector<zx_handle_t, 4> reserved;
  for (size_t i = 0; i < handles.size() && status == ZX_OK; ++i) {
    const zx_handle_t value = table.Reserve();
    if (value == ZX_HANDLE_INVALID) {
      status = ZX_ERR_NO_RESOURCES;
      break;
    }
    reserved.push_back(value);
    status = out[i].Write(memory, value);
  }
  for (size_t i = 0; i < reserved.size(); ++i) {
    if (status == ZX_OK) {
      table.Install(reserved[i], std::move(handles[i]));
    } else {
      table.CancelReservation(reserved[i]);
    }
  }
  return status;
}

}  // namespace zirconia::kernel
