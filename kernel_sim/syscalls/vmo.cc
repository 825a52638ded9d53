// zx_vmo_*.
#include <zircon/syscalls/object.h>

#include <algorithm>

#include "kernel_sim/bti.h"
#include "kernel_sim/pager_source.h"
#include "kernel_sim/resource.h"
#include "kernel_sim/status.h"
#include "kernel_sim/syscalls/caller.h"
#include "kernel_sim/vmo_copy.h"

namespace zirconia::kernel::sys {

zx_status_t vmo_create(const Caller& caller, uint64_t size, uint32_t options, UserPtr<zx_handle_t> out) {
  if ((options & ~(ZX_VMO_RESIZABLE | ZX_VMO_DISCARDABLE)) != 0) return ZX_ERR_INVALID_ARGS;
  std::shared_ptr<VmoDispatcher> vmo;
  const zx_status_t made = caller.kernel.CreateVmo(size, (options & ZX_VMO_RESIZABLE) != 0, &vmo);
  if (made != ZX_OK) return made;
  if ((options & ZX_VMO_DISCARDABLE) != 0) vmo->vmo()->MakeDiscardable();
  return caller.GiveHandle(std::move(vmo), out);
}

namespace {

// What comes before bytes are copied.
zx_status_t CheckCopy(const VmoDispatcher& vmo, uint64_t offset, size_t size) {
  if (const zx_status_t s = vmo.MayCopy(); s != ZX_OK) return s;
  const uint64_t end = vmo.vmo()->size().value();
  return offset > end || size > end - offset ? ZX_ERR_OUT_OF_RANGE : ZX_OK;
}

// What a copy that met a bad address says of its buffer: INVALID_ARGS where no program has memory (null, addresses of
// the kernel), NOT_FOUND where nothing is mapped that could be.
zx_status_t BufferStatus(zx_status_t copied, uint64_t address, size_t size) {
  constexpr uint64_t kEnd = uint64_t{1} << 47;  // of what programs address on x86-64
  if (copied != ZX_ERR_INVALID_ARGS) return copied;
  return address < mm::kPageSize || address >= kEnd || size > kEnd - address ? ZX_ERR_INVALID_ARGS : ZX_ERR_NOT_FOUND;
}

}  // namespace

zx_status_t vmo_read(const Caller& caller, zx_handle_t handle, UserPtr<void> buffer, uint64_t offset, size_t size) {
  std::shared_ptr<VmoDispatcher> vmo;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_READ, &vmo); s != ZX_OK) return s;
  if (const zx_status_t s = CheckCopy(*vmo, offset, size); s != ZX_OK) return s;
  size_t done = 0;
  const zx_status_t s = CopyVmoOut(*vmo->vmo(), offset, size, caller.memory, buffer.address(), &done);
  return BufferStatus(s, buffer.address(), size);
}

zx_status_t vmo_write(const Caller& caller, zx_handle_t handle, UserPtr<const void> buffer, uint64_t offset,
                      size_t size) {
  std::shared_ptr<VmoDispatcher> vmo;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_WRITE, &vmo); s != ZX_OK) return s;
  if (const zx_status_t s = CheckCopy(*vmo, offset, size); s != ZX_OK) return s;
  size_t done = 0;
  const zx_status_t s = CopyVmoIn(*vmo->vmo(), offset, size, caller.memory, buffer.address(), &done);
  return BufferStatus(s, buffer.address(), size);
}

zx_status_t vmo_create_child(const Caller& caller, zx_handle_t handle, uint32_t options, uint64_t offset, uint64_t size,
                             UserPtr<zx_handle_t> out) {
  std::shared_ptr<VmoDispatcher> vmo, child;
  zx_rights_t rights = 0;
  zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_DUPLICATE | ZX_RIGHT_READ, &vmo, &rights);
  if (s != ZX_OK) return s;
  s = vmo->CreateChild(caller.kernel.koids(), options, offset, size, &child);
  if (s != ZX_OK) return s;
  // Who may see the parent's name finds it again.
  if ((rights & ZX_RIGHT_GET_PROPERTY) != 0) child->SetName(vmo->name());
  rights |= ZX_RIGHT_GET_PROPERTY | ZX_RIGHT_SET_PROPERTY;
  if ((options & ZX_VMO_CHILD_SLICE) == 0) rights = (rights & ~ZX_RIGHT_EXECUTE) | ZX_RIGHT_WRITE;
  if ((options & ZX_VMO_CHILD_NO_WRITE) != 0) rights &= ~ZX_RIGHT_WRITE;
  return caller.GiveHandle(Handle(std::move(child), rights), out);
}

zx_status_t vmo_create_contiguous(const Caller& caller, zx_handle_t handle, size_t size, uint32_t alignment_log2,
                                  UserPtr<zx_handle_t> out) {
  std::shared_ptr<BtiDispatcher> bti;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_MAP, &bti); s != ZX_OK) return s;
  // 0: no more than pages are.
  if (alignment_log2 != 0 && (alignment_log2 < mm::kPageShift || alignment_log2 >= 64)) return ZX_ERR_INVALID_ARGS;
  auto vmo = mm::VmObject::CreateContiguous(caller.kernel.frames(), mm::ByteSize(size), alignment_log2);
  if (!vmo.ok()) return ToZxStatus(vmo.status());
  return caller.GiveHandle(std::make_shared<VmoDispatcher>(caller.kernel.koids(), *std::move(vmo), size), out);
}

zx_status_t vmo_create_physical(const Caller& caller, zx_handle_t handle, zx_paddr_t paddr, size_t size,
                                UserPtr<zx_handle_t> out) {
  const ResourceRange range{ZX_RSRC_KIND_MMIO, paddr, size};
  std::shared_ptr<ResourceDispatcher> resource;
  if (const zx_status_t s = caller.handles().Get(handle, 0, &resource); s != ZX_OK) return s;
  if (range.overflows()) return ZX_ERR_OUT_OF_RANGE;
  if (const zx_status_t s = CheckResource(caller.handles(), handle, range); s != ZX_OK) return s;
  if (!mm::ByteSize(paddr).IsPageAligned() || !mm::ByteSize(size).IsPageAligned()) return ZX_ERR_INVALID_ARGS;
  const mm::FrameRun frames{mm::FrameNumber(paddr >> mm::kPageShift), mm::PageCount::Of(mm::ByteSize(size))};
  auto vmo = mm::VmObject::CreatePhysical(caller.kernel.frames(), frames);
  if (!vmo.ok()) return ToZxStatus(vmo.status());
  auto object = std::make_shared<VmoDispatcher>(caller.kernel.koids(), *std::move(vmo), size);
  return caller.GiveHandle(Handle(std::move(object), ZX_DEFAULT_VMO_RIGHTS | ZX_RIGHT_EXECUTE), out);
}

zx_status_t vmo_set_cache_policy(const Caller& caller, zx_handle_t handle, uint32_t policy) {
  std::shared_ptr<VmoDispatcher> vmo;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_MAP, &vmo); s != ZX_OK) return s;
  if ((policy & ~ZX_CACHE_POLICY_MASK) != 0) return ZX_ERR_INVALID_ARGS;
  return ToZxStatus(vmo->vmo()->SetCachePolicy(policy));
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

namespace {

zx_status_t LockOperation(const Caller& caller, mm::VmObject& vmo, uint32_t op, uint64_t offset, uint64_t size,
                          UserPtr<void> buffer, size_t buffer_size) {
  if (!vmo.discardable()) return ZX_ERR_NOT_SUPPORTED;
  if (offset != 0 || size != vmo.size().value()) return ZX_ERR_OUT_OF_RANGE;
  if (op == ZX_VMO_OP_TRY_LOCK) return ToZxStatus(vmo.TryLockContent());
  if (op == ZX_VMO_OP_UNLOCK) return ToZxStatus(vmo.UnlockContent());
  // What is lost is told once: a buffer that can't be written to must be found before.
  zx_vmo_lock_state_t state{0, size, 0, 0};
  const auto out = buffer.as<zx_vmo_lock_state_t>();
  if (buffer_size < sizeof(state) || out.Write(caller.memory, state) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  if (!vmo.LockContent()) return ZX_OK;
  state.discarded_size = size;
  if (out.Write(caller.memory, state) == ZX_OK) return ZX_OK;
  vmo.UnlockContent().IgnoreError();
  return ZX_ERR_INVALID_ARGS;
}

}  // namespace

zx_status_t vmo_op_range(const Caller& caller, zx_handle_t handle, uint32_t op, uint64_t offset, uint64_t size,
                         UserPtr<void> buffer, size_t buffer_size) {
  std::shared_ptr<VmoDispatcher> vmo;
  zx_rights_t rights = 0;
  if (const zx_status_t s = caller.handles().Get(handle, 0, &vmo, &rights); s != ZX_OK) return s;
  const mm::ByteSize at(offset);
  const mm::ByteSize length(size);
  const bool can_write = (rights & ZX_RIGHT_WRITE) != 0;
  const bool can_read = (rights & ZX_RIGHT_READ) != 0;
  switch (op) {
    case ZX_VMO_OP_COMMIT:
      if (!can_write) return ZX_ERR_ACCESS_DENIED;
      return WithPages([&](mm::PageWait& wait) { return vmo->vmo()->Commit(at, length, &wait); });
    case ZX_VMO_OP_DECOMMIT:
      return can_write ? ToZxStatus(vmo->vmo()->Decommit(at, length)) : ZX_ERR_ACCESS_DENIED;
    case ZX_VMO_OP_ZERO:
      if (!can_write) return ZX_ERR_ACCESS_DENIED;
      return WithPages([&](mm::PageWait& wait) { return vmo->vmo()->Zero(at, length, &wait); });
    case ZX_VMO_OP_LOCK:
    case ZX_VMO_OP_TRY_LOCK:
    case ZX_VMO_OP_UNLOCK:
      return can_read || can_write ? LockOperation(caller, *vmo->vmo(), op, offset, size, buffer, buffer_size)
                                   : ZX_ERR_ACCESS_DENIED;
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
    case ZX_VMO_OP_ALWAYS_NEED:
      return WithPages([&](mm::PageWait& wait) { return vmo->vmo()->Prefetch(at, length, &wait); });
    case ZX_VMO_OP_DONT_NEED: {
      // Advice about what may be evicted; nothing is, before memory runs out.
      const uint64_t end = vmo->vmo()->size().value();
      return offset > end || size > end - offset ? ZX_ERR_OUT_OF_RANGE : ZX_OK;
    }
    default:
      return ZX_ERR_INVALID_ARGS;
  }
}

}  // namespace zirconia::kernel::sys
