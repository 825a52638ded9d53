// zx_vmo_*.
#include <zircon/syscalls/object.h>

#include <algorithm>

#include "kernel_sim/status.h"
#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel::sys {

zx_status_t vmo_create(const Caller& caller, uint64_t size, uint32_t options, UserPtr<zx_handle_t> out) {
  if ((options & ~ZX_VMO_RESIZABLE) != 0) {
    // Discardable VMOs aren't there (yet): what Zircon says of memory that can't be discarded.
    return (options & ~(ZX_VMO_RESIZABLE | ZX_VMO_DISCARDABLE)) != 0 ? ZX_ERR_INVALID_ARGS : ZX_ERR_NOT_SUPPORTED;
  }
  std::shared_ptr<VmoDispatcher> vmo;
  if (const zx_status_t s = caller.kernel.CreateVmo(size, (options & ZX_VMO_RESIZABLE) != 0, &vmo); s != ZX_OK)
    return s;
  return caller.GiveHandle(std::move(vmo), out);
}

namespace {

// Runs `copy(piece of the VMO, guest address, size)` over [offset, offset + size), each piece pinned and no lock held.
template <typename Copy>
zx_status_t CopyPieces(VmoDispatcher& vmo, uint64_t address, uint64_t offset, size_t size, mm::Access access,
                       Copy copy) {
  const uint64_t end = vmo.vmo()->size().value();
  if (offset > end || size > end - offset) return ZX_ERR_OUT_OF_RANGE;
  for (size_t done = 0; done < size;) {
    const auto piece = vmo.vmo()->Pin(mm::ByteSize(offset + done), mm::ByteSize(size - done), access);
    if (!piece.ok()) return ToZxStatus(piece.status());
    const size_t n = std::min<size_t>(piece->size.value(), size - done);
    if (const zx_status_t s = copy(piece->data, address + done, n); s != ZX_OK) return s;
    done += n;
  }
  return ZX_OK;
}

}  // namespace

zx_status_t vmo_read(const Caller& caller, zx_handle_t handle, UserPtr<void> buffer, uint64_t offset, size_t size) {
  std::shared_ptr<VmoDispatcher> vmo;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_READ, &vmo); s != ZX_OK) return s;
  return CopyPieces(*vmo, buffer.address(), offset, size, mm::Access::kRead,
                    [&](const std::byte* data, uint64_t to, size_t n) {
                      return data != nullptr ? caller.memory.CopyOut(to, data, n) : caller.memory.FillZero(to, n);
                    });
}

zx_status_t vmo_write(const Caller& caller, zx_handle_t handle, UserPtr<const void> buffer, uint64_t offset,
                      size_t size) {
  std::shared_ptr<VmoDispatcher> vmo;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_WRITE, &vmo); s != ZX_OK) return s;
  return CopyPieces(*vmo, buffer.address(), offset, size, mm::Access::kWrite,
                    [&](std::byte* data, uint64_t from, size_t n) { return caller.memory.CopyIn(data, from, n); });
}

zx_status_t vmo_get_size(const Caller& caller, zx_handle_t handle, UserPtr<uint64_t> out) {
  std::shared_ptr<VmoDispatcher> vmo;
  if (const zx_status_t s = caller.handles().Get(handle, 0, &vmo); s != ZX_OK) return s;
  return out.Write(caller.memory, vmo->vmo()->size().value());
}

zx_status_t vmo_set_size(const Caller& caller, zx_handle_t handle, uint64_t size) {
  std::shared_ptr<VmoDispatcher> vmo;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_WRITE, &vmo); s != ZX_OK) return s;
  const zx_status_t status = vmo->Resize(size);
  if (status == ZX_OK) caller.kernel.ShowGrown(*vmo->vmo());
  return status;
}

zx_status_t vmo_op_range(const Caller& caller, zx_handle_t handle, uint32_t op, uint64_t offset, uint64_t size,
                         UserPtr<void> /*buffer*/, size_t /*buffer_size*/) {
  std::shared_ptr<VmoDispatcher> vmo;
  zx_rights_t rights = 0;
  if (const zx_status_t s = caller.handles().Get(handle, 0, &vmo, &rights); s != ZX_OK) return s;
  const mm::ByteSize at(offset);
  const mm::ByteSize length(size);
  const bool can_write = (rights & ZX_RIGHT_WRITE) != 0;
  const bool can_read = (rights & ZX_RIGHT_READ) != 0;
  switch (op) {
    case ZX_VMO_OP_COMMIT:
      return can_write ? ToZxStatus(vmo->vmo()->Commit(at, length)) : ZX_ERR_ACCESS_DENIED;
    case ZX_VMO_OP_DECOMMIT:
      return can_write ? ToZxStatus(vmo->vmo()->Decommit(at, length)) : ZX_ERR_ACCESS_DENIED;
    case ZX_VMO_OP_ZERO:
      return can_write ? ToZxStatus(vmo->vmo()->Zero(at, length)) : ZX_ERR_ACCESS_DENIED;
    case ZX_VMO_OP_LOCK:
    case ZX_VMO_OP_TRY_LOCK:
    case ZX_VMO_OP_UNLOCK:
      return can_read || can_write ? ZX_ERR_NOT_SUPPORTED : ZX_ERR_ACCESS_DENIED;  // it isn't discardable
    case ZX_VMO_OP_CACHE_SYNC:
    case ZX_VMO_OP_CACHE_INVALIDATE:
    case ZX_VMO_OP_CACHE_CLEAN:
    case ZX_VMO_OP_CACHE_CLEAN_INVALIDATE: {
      // x86 keeps its caches coherent: what remains is the checks.
      if (op == ZX_VMO_OP_CACHE_INVALIDATE ? !can_write : !can_read) return ZX_ERR_ACCESS_DENIED;
      if (size == 0) return ZX_ERR_INVALID_ARGS;
      const uint64_t end = vmo->vmo()->size().value();
      return offset > end || size > end - offset ? ZX_ERR_OUT_OF_RANGE : ZX_OK;
    }
    case ZX_VMO_OP_DONT_NEED:
    case ZX_VMO_OP_ALWAYS_NEED: {
      // Advice about what a pager may evict; nothing evicts anonymous memory.
      const uint64_t end = vmo->vmo()->size().value();
      return offset > end || size > end - offset ? ZX_ERR_OUT_OF_RANGE : ZX_OK;
    }
    default:
      return ZX_ERR_INVALID_ARGS;
  }
}

}  // namespace zirconia::kernel::sys
