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

namespace {

// The rights of a copy: the same, or fewer.
zx_status_t CopyRights(zx_rights_t have, zx_rights_t* wanted) {
  if (*wanted == ZX_RIGHT_SAME_RIGHTS) *wanted = have;
  return (*wanted & ~have) != 0 ? ZX_ERR_INVALID_ARGS : ZX_OK;
}

}  // namespace

zx_status_t handle_duplicate(const Caller& caller, zx_handle_t value, zx_rights_t rights, UserPtr<zx_handle_t> out) {
  std::shared_ptr<Dispatcher> object;
  zx_rights_t have = 0;
  if (const zx_status_t s = caller.handles().Get(value, &object, &have); s != ZX_OK) return s;
  if ((have & ZX_RIGHT_DUPLICATE) == 0) return ZX_ERR_ACCESS_DENIED;
  if (const zx_status_t s = CopyRights(have, &rights); s != ZX_OK) return s;
  return caller.GiveHandle(Handle(std::move(object), rights), out);
}

zx_status_t handle_replace(const Caller& caller, zx_handle_t value, zx_rights_t rights, UserPtr<zx_handle_t> out) {
  // The old handle is consumed in any case.
  Handle old = caller.handles().Remove(value);
  if (!old) return ZX_ERR_BAD_HANDLE;
  if (const zx_status_t s = CopyRights(old.rights(), &rights); s != ZX_OK) return s;
  return caller.GiveHandle(Handle(old.object(), rights), out);
}

}  // namespace zirconia::kernel::sys
