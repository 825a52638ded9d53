// zx_resource_create, and zx_vmo_replace_as_executable, which asks for one.
#include "kernel_sim/resource.h"

#include <algorithm>
#include <string>

#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel::sys {

zx_status_t resource_create(const Caller& caller, zx_handle_t parent_handle, uint32_t options, uint64_t base,
                            size_t size, UserPtr<const char> user_name, size_t name_size, UserPtr<zx_handle_t> out) {
  std::shared_ptr<ResourceDispatcher> parent;
  if (const zx_status_t s = caller.handles().Get(parent_handle, ZX_RIGHT_WRITE, &parent); s != ZX_OK) return s;
  ResourceRange range{ZX_RSRC_EXTRACT_KIND(options), base, size};
  if (range.kind == ZX_RSRC_KIND_HYPERVISOR || range.kind == ZX_RSRC_KIND_VMEX) {
    if (base != 0 || size != 0) return ZX_ERR_INVALID_ARGS;
    const bool vmex = range.kind == ZX_RSRC_KIND_VMEX;
    range = {ZX_RSRC_KIND_SYSTEM, vmex ? ZX_RSRC_SYSTEM_VMEX_BASE : ZX_RSRC_SYSTEM_HYPERVISOR_BASE, 1};
  }
  if (range.overflows()) return ZX_ERR_INVALID_ARGS;
  // An exclusive resource has no children.
  if (!parent->range().Contains(range) || parent->exclusive()) return ZX_ERR_ACCESS_DENIED;
  std::string name;
  if (user_name) {
    if (const zx_status_t s = ReadUserString(caller.memory, user_name, name_size, ZX_MAX_NAME_LEN - 1, &name);
        s != ZX_OK) {
      return s;
    }
  }
  std::shared_ptr<ResourceDispatcher> resource;
  if (const zx_status_t s = ResourceDispatcher::Create(caller.kernel.koids(), caller.kernel.resources(), range,
                                                       ZX_RSRC_EXTRACT_FLAGS(options), name, &resource);
      s != ZX_OK) {
    return s;
  }
  return caller.GiveHandle(std::move(resource), out);
}

zx_status_t vmo_replace_as_executable(const Caller& caller, zx_handle_t handle, zx_handle_t vmex,
                                      UserPtr<zx_handle_t> out) {
  // The handle is consumed even when the call fails; it isn't its own permission.
  const Handle old = caller.handles().Remove(handle);
  // Anything that isn't a VMO, or isn't this privilege, is a bad handle here.
  if (!old || old.object()->type() != ZX_OBJ_TYPE_VMO) return ZX_ERR_BAD_HANDLE;
  // Without a resource it is for the policy of the caller's job to say (ZX_POL_AMBIENT_MARK_VMO_EXEC); jobs have none
  // but the default, which allows it.
  if (vmex != ZX_HANDLE_INVALID && CheckSystemResource(caller.handles(), vmex, ZX_RSRC_SYSTEM_VMEX_BASE) != ZX_OK) {
    return ZX_ERR_BAD_HANDLE;
  }
  return caller.GiveHandle(Handle(old.object(), old.rights() | ZX_RIGHT_EXECUTE), out);
}

}  // namespace zirconia::kernel::sys
