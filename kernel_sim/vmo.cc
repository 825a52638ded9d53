#include "kernel_sim/vmo.h"

#include <array>

#include "kernel_sim/pager_source.h"
#include "kernel_sim/status.h"

namespace zirconia::kernel {

zx_status_t VmoDispatcher::set_content_size(uint64_t size) {
  if (size > vmo_->size().value()) return ZX_ERR_OUT_OF_RANGE;
  content_size_.store(size, std::memory_order_relaxed);
  return ZX_OK;
}

zx_status_t VmoDispatcher::Resize(uint64_t size) {
  return WithPages([&](mm::PageWait& wait) {
    absl::MutexLock lock(&content_lock());
    absl::Status status = vmo_->Resize(mm::ByteSize(size), &wait);
    if (status.ok()) content_size_.store(size, std::memory_order_relaxed);
    return status;
  });
}

absl::Mutex& VmoDispatcher::content_lock() const {
  static std::array<absl::Mutex, 16> locks;
  return locks[koid() % locks.size()];
}

zx_status_t VmoDispatcher::CreateChild(KoidAllocator& koids, uint32_t options, uint64_t offset, uint64_t size,
                                       std::shared_ptr<VmoDispatcher>* out) {
  constexpr uint32_t kKinds = ZX_VMO_CHILD_SNAPSHOT | ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE | ZX_VMO_CHILD_SLICE;
  const uint32_t kind = options & kKinds, more = options & ~kKinds;
  if (kind == 0 || (kind & (kind - 1)) != 0) return ZX_ERR_INVALID_ARGS;
  if ((more & ~(ZX_VMO_CHILD_RESIZABLE | ZX_VMO_CHILD_NO_WRITE)) != 0) return ZX_ERR_INVALID_ARGS;
  const bool resizable = (more & ZX_VMO_CHILD_RESIZABLE) != 0, no_write = (more & ZX_VMO_CHILD_NO_WRITE) != 0;
  if (resizable && (no_write || kind == ZX_VMO_CHILD_SLICE)) return ZX_ERR_INVALID_ARGS;
  // Anonymous memory is as good as copied by either kind of snapshot.
  const mm::ByteSize begin(offset), length(size);
  auto child = kind == ZX_VMO_CHILD_SLICE                       ? vmo_->CreateSlice(begin, length)
               : kind != ZX_VMO_CHILD_SNAPSHOT && vmo_->paged() ? vmo_->CreateOverlay(begin, length, resizable)
                                                                : vmo_->CreateSnapshot(begin, length, resizable);
  if (!child.ok()) return ToZxStatus(child.status());
  if (kind == ZX_VMO_CHILD_SNAPSHOT && no_write) (*child)->set_immutable();
  *out = std::make_shared<VmoDispatcher>(koids, *std::move(child), size);
  return ZX_OK;
}

zx_status_t VmoDispatcher::MayCopy() const {
  if (vmo_->kind() == mm::VmPages::Kind::kPhysical) return ZX_ERR_NOT_SUPPORTED;
  return vmo_->cache_policy() == ZX_CACHE_POLICY_CACHED ? ZX_OK : ZX_ERR_BAD_STATE;
}

void VmoDispatcher::OnChildren(bool any) {
  UpdateSignals(any ? ZX_VMO_ZERO_CHILDREN : 0, any ? 0 : ZX_VMO_ZERO_CHILDREN);
}

void VmoDispatcher::SetName(absl::string_view name) {
  set_name(name);
  vmo_->set_name(Dispatcher::name());
}

}  // namespace zirconia::kernel
