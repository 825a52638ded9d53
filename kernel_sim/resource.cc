#include "kernel_sim/resource.h"

#include <algorithm>
#include <utility>

namespace zirconia::kernel {

std::optional<ResourceRange> ResourceRegistry::All(zx_rsrc_kind_t kind) {
  switch (kind) {
    case ZX_RSRC_KIND_MMIO:
      return ResourceRange{kind, 0, uint64_t{1} << 52};  // physical addresses
    case ZX_RSRC_KIND_IRQ:
    case ZX_RSRC_KIND_IOPORT:
      return ResourceRange{kind, 0, uint64_t{1} << 16};
    case ZX_RSRC_KIND_SYSTEM:
      return ResourceRange{kind, 0, ZX_RSRC_SYSTEM_COUNT};
    default:
      return std::nullopt;  // secure monitor calls are ARM's
  }
}

zx_status_t ResourceRegistry::Add(const Entry& entry) {
  const auto all = All(entry.range.kind);
  if (!all.has_value() || !all->Contains(entry.range)) return ZX_ERR_NOT_FOUND;
  absl::MutexLock lock(&mutex_);
  const bool taken = std::any_of(granted_.begin(), granted_.end(), [&](const Entry& e) {
    return (e.exclusive || entry.exclusive) && e.range.Overlaps(entry.range);
  });
  if (taken) return ZX_ERR_NOT_FOUND;
  granted_.push_back(entry);
  return ZX_OK;
}

void ResourceRegistry::Remove(const Entry& entry) {
  absl::MutexLock lock(&mutex_);
  const auto it = std::find_if(granted_.begin(), granted_.end(), [&](const Entry& e) {
    return e.exclusive == entry.exclusive && e.range.kind == entry.range.kind && e.range.base == entry.range.base &&
           e.range.size == entry.range.size;
  });
  if (it == granted_.end()) return;
  *it = granted_.back();
  granted_.pop_back();
}

zx_status_t ResourceDispatcher::Create(KoidAllocator& koids, ResourceRegistry& registry, const ResourceRange& range,
                                       zx_rsrc_flags_t flags, absl::string_view name,
                                       std::shared_ptr<ResourceDispatcher>* out) {
  if ((flags & ~ZX_RSRC_FLAGS_MASK) != 0) return ZX_ERR_INVALID_ARGS;
  std::shared_ptr<ResourceDispatcher> made;
  if (range.kind == ZX_RSRC_KIND_ROOT) {
    if (range.base != 0 || range.size != 0 || flags != 0) return ZX_ERR_INVALID_ARGS;
    made = std::make_shared<ResourceDispatcher>(koids, range, name);
  } else {
    if (!ResourceRegistry::All(range.kind).has_value() || range.size == 0 || range.overflows()) {
      return ZX_ERR_INVALID_ARGS;
    }
    made.reset(new ResourceDispatcher(koids, registry, range, flags));
    if (const zx_status_t s = registry.Add({range, made->exclusive()}); s != ZX_OK) return s;
    made->set_name(name);
  }
  *out = std::move(made);
  return ZX_OK;
}

void ResourceDispatcher::OnZeroHandles() {
  if (registry_ != nullptr) registry_->Remove({range_, exclusive()});
}

zx_status_t CheckResource(const HandleTable& handles, zx_handle_t handle, const ResourceRange& needed) {
  std::shared_ptr<ResourceDispatcher> resource;
  if (const zx_status_t s = handles.Get(handle, 0, &resource); s != ZX_OK) return s;
  return !needed.overflows() && resource->range().Contains(needed) ? ZX_OK : ZX_ERR_ACCESS_DENIED;
}

}  // namespace zirconia::kernel
