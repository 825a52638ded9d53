// zx_handle_*.
#include <vector>

#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel::sys {

zx_status_t handle_close(const Caller& caller, zx_handle_t value) {
  if (value == ZX_HANDLE_INVALID) return ZX_OK;
  return caller.handles().Remove(value) ? ZX_OK : ZX_ERR_BAD_HANDLE;
}

zx_status_t handle_close_many(const Caller& caller, UserPtr<const zx_handle_t> handles, size_t count) {
  // In pieces: the count is the guest's. Every valid handle is closed, whatever stands beside it.
  zx_status_t status = ZX_OK;
  constexpr size_t kPiece = 256;
  std::array<zx_handle_t, kPiece> values{};
  for (size_t done = 0; done < count;) {
    const size_t n = std::min(kPiece, count - done);
    const UserPtr<const zx_handle_t> piece(handles.address() + done * sizeof(zx_handle_t));
    if (piece.ReadArray(caller.memory, values.data(), n) != ZX_OK) return ZX_ERR_INVALID_ARGS;
    for (size_t i = 0; i < n; ++i) {
      if (const zx_status_t s = handle_close(caller, values[i]); s != ZX_OK) status = s;
    }
    done += n;
  }
  return status;
}

zx_status_t handle_duplicate(const Caller& caller, zx_handle_t value, zx_rights_t rights, UserPtr<zx_handle_t> out) {
  Handle copy;
  if (const zx_status_t s = caller.handles().Duplicate(value, rights, &copy); s != ZX_OK) return s;
  return caller.GiveHandle(std::move(copy), out);
}

zx_status_t handle_replace(const Caller& caller, zx_handle_t value, zx_rights_t rights, UserPtr<zx_handle_t> out) {
  // The old handle is consumed in any case.
  const Handle old = caller.handles().Remove(value);
  if (!old) return ZX_ERR_BAD_HANDLE;
  if (rights == ZX_RIGHT_SAME_RIGHTS) rights = old.rights();
  if (!old.has(rights)) return ZX_ERR_INVALID_ARGS;
  return caller.GiveHandle(Handle(old.object(), rights), out);
}

}  // namespace zirconia::kernel::sys
