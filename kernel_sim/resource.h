// Resources: permission to use ranges of physical address spaces, and privileges.
#ifndef ZIRCONIA_KERNEL_SIM_RESOURCE_H_
#define ZIRCONIA_KERNEL_SIM_RESOURCE_H_

#include <zircon/syscalls/resource.h>

#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "kernel_sim/dispatcher.h"
#include "kernel_sim/handle_table.h"

namespace zirconia::kernel {

// A range [base, base + size) of one kind; the root resource has none, and stands for every kind.
struct ResourceRange {
  zx_rsrc_kind_t kind = ZX_RSRC_KIND_ROOT;
  uint64_t base = 0;
  uint64_t size = 0;

  // Whether base + size passes 2^64.
  bool overflows() const { return base + size < base; }
  // Requires that neither overflows.
  bool Contains(const ResourceRange& r) const {
    return kind == ZX_RSRC_KIND_ROOT || (kind == r.kind && r.base >= base && r.base + r.size <= base + size);
  }
  bool Overlaps(const ResourceRange& r) const {
    return kind == r.kind && base < r.base + r.size && r.base < base + size;
  }
};

// Which ranges of a kernel are granted, so that exclusive ones overlap no other. Thread-safe; a leaf lock.
class ResourceRegistry {
 public:
  struct Entry {
    ResourceRange range;
    bool exclusive;
  };
  // All there is of a kind: the machine's. Nullopt: this machine has none of it.
  static std::optional<ResourceRange> All(zx_rsrc_kind_t kind);

  // NOT_FOUND: outside of what the machine has, or it overlaps an exclusive range, or is exclusive and overlaps one.
  zx_status_t Add(const Entry& entry) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(const Entry& entry) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  std::vector<Entry> granted_ ABSL_GUARDED_BY(mutex_);
};

// Immutable. An exclusive one gives its range back when its last handle is closed.
class ResourceDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_RESOURCE;

  // One that the kernel makes at its start, which excludes nobody: the root resource, or all of a kind.
  ResourceDispatcher(KoidAllocator& koids, const ResourceRange& range, absl::string_view name)
      : Dispatcher(koids), range_(range), flags_(0), registry_(nullptr) {
    set_name(name);
  }
  // zx_resource_create, but for the checks of the parent. INVALID_ARGS: no such kind here, unknown flags, a range that
  // is empty or overflows, or one for the root kind. NOT_FOUND: as ResourceRegistry::Add.
  static zx_status_t Create(KoidAllocator& koids, ResourceRegistry& registry, const ResourceRange& range,
                            zx_rsrc_flags_t flags, absl::string_view name, std::shared_ptr<ResourceDispatcher>* out);

  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_RESOURCE_RIGHTS; }

  const ResourceRange& range() const { return range_; }
  zx_rsrc_flags_t flags() const { return flags_; }
  bool exclusive() const { return (flags_ & ZX_RSRC_FLAG_EXCLUSIVE) != 0; }

 protected:
  void OnZeroHandles() override;

 private:
  ResourceDispatcher(KoidAllocator& koids, ResourceRegistry& registry, const ResourceRange& range,
                     zx_rsrc_flags_t flags)
      : Dispatcher(koids), range_(range), flags_(flags), registry_(&registry) {}

  const ResourceRange range_;
  const zx_rsrc_flags_t flags_;
  ResourceRegistry* const registry_;
};

// Whether `handle` is a resource that permits the use of `needed` (the root resource permits everything). In this
// order: BAD_HANDLE, WRONG_TYPE, ACCESS_DENIED.
zx_status_t CheckResource(const HandleTable& handles, zx_handle_t handle, const ResourceRange& needed);
// The same for one of the privileges ZX_RSRC_SYSTEM_*_BASE.
inline zx_status_t CheckSystemResource(const HandleTable& handles, zx_handle_t handle, zx_rsrc_system_base_t base) {
  return CheckResource(handles, handle, {ZX_RSRC_KIND_SYSTEM, base, 1});
}

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_RESOURCE_H_
