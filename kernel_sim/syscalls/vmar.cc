// zx_vmar_*.
#include "kernel_sim/vmar.h"

#include "absl/cleanup/cleanup.h"
#include "kernel_sim/pager_source.h"
#include "kernel_sim/status.h"
#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel {
namespace {

constexpr zx_vm_option_t kPermissions = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_PERM_EXECUTE;
constexpr zx_vm_option_t kCanMap = ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_EXECUTE;
constexpr zx_vm_option_t kAlignMask = 0xffu << ZX_VM_ALIGN_BASE;

// The handle rights that go with three option bits.
zx_rights_t RightsFor(zx_vm_option_t options, zx_vm_option_t read, zx_vm_option_t write, zx_vm_option_t execute) {
  return ((options & read) != 0 ? ZX_RIGHT_READ : 0) | ((options & write) != 0 ? ZX_RIGHT_WRITE : 0) |
         ((options & execute) != 0 ? ZX_RIGHT_EXECUTE : 0);
}
zx_rights_t RightsForPermissions(zx_vm_option_t options) {
  return RightsFor(options, ZX_VM_PERM_READ, ZX_VM_PERM_WRITE, ZX_VM_PERM_EXECUTE);
}

mm::Protection ProtectionFrom(zx_vm_option_t options) {
  return {(options & ZX_VM_PERM_READ) != 0, (options & ZX_VM_PERM_WRITE) != 0, (options & ZX_VM_PERM_EXECUTE) != 0};
}
mm::Protection ProtectionFromRights(zx_rights_t rights) {
  return {(rights & ZX_RIGHT_READ) != 0, (rights & ZX_RIGHT_WRITE) != 0, (rights & ZX_RIGHT_EXECUTE) != 0};
}

// x86-64 has no memory that can be executed and not read: then this option stands for reading.
zx_vm_option_t ReadIfExecuteOnlyIsUnsupported(zx_vm_option_t options) {
  if ((options & ZX_VM_PERM_READ_IF_XOM_UNSUPPORTED) == 0) return options;
  return (options & ~ZX_VM_PERM_READ_IF_XOM_UNSUPPORTED) | ZX_VM_PERM_READ;
}

// Writing or executing without reading is nothing that Zircon gives.
bool PermissionsAreValid(zx_vm_option_t options) {
  return (options & (ZX_VM_PERM_WRITE | ZX_VM_PERM_EXECUTE)) == 0 || (options & ZX_VM_PERM_READ) != 0;
}

// The options and the offset that say where a new region goes. INVALID_ARGS; ACCESS_DENIED: this VMAR's places can't be
// chosen.
zx_status_t PlacementFrom(const mm::VmAddressRegion& region, zx_vm_option_t options, uint64_t offset,
                          mm::Placement* placement) {
  const bool specific = (options & (ZX_VM_SPECIFIC | ZX_VM_SPECIFIC_OVERWRITE)) != 0;
  const bool below = (options & ZX_VM_OFFSET_IS_UPPER_LIMIT) != 0;
  if (specific && below) return ZX_ERR_INVALID_ARGS;
  if (!specific && !below && offset != 0) return ZX_ERR_INVALID_ARGS;
  if ((offset & (mm::kPageSize - 1)) != 0) return ZX_ERR_INVALID_ARGS;
  if ((specific || below) && !region.caps().can_map_specific) return ZX_ERR_ACCESS_DENIED;
  placement->kind = (options & ZX_VM_SPECIFIC_OVERWRITE) != 0 ? mm::Placement::Kind::kAtReplacing
                    : specific                                ? mm::Placement::Kind::kAt
                    : below                                   ? mm::Placement::Kind::kBelow
                                                              : mm::Placement::Kind::kAnywhere;
  placement->offset = mm::ByteSize(offset);
  placement->compact = (options & ZX_VM_COMPACT) != 0;
  const uint32_t align = (options & kAlignMask) >> ZX_VM_ALIGN_BASE;
  if (align != 0 && (align < 10 || align > 32)) return ZX_ERR_INVALID_ARGS;
  placement->align_log2 = std::max<uint32_t>(align, mm::kPageShift);
  if (specific && ((region.range().base.value() + offset) & ((uint64_t{1} << placement->align_log2) - 1)) != 0) {
    return ZX_ERR_INVALID_ARGS;
  }
  return ZX_OK;
}

// The vDSO's code: executable only as a whole, once in a process, and not writable by anybody.
zx_status_t CheckVdsoMapping(const Caller& caller, const ProcessDispatcher* target, const VmoDispatcher& vmo,
                             zx_vm_option_t options, uint64_t offset, uint64_t size, bool* is_code) {
  *is_code = false;
  const VdsoVmo& vdso = caller.kernel.vdso();
  if (!vdso.Is(*vmo.vmo()) || (options & ZX_VM_PERM_EXECUTE) == 0) return ZX_OK;
  // Of a slice, where it begins counts too.
  const uint64_t place = vmo.vmo()->first().offset().value() + offset;
  if (target == nullptr || offset > vmo.vmo()->size().value() || place != vdso.code_offset() ||
      size != vdso.code_size() || (options & ZX_VM_PERM_WRITE) != 0) {
    return ZX_ERR_ACCESS_DENIED;
  }
  *is_code = true;
  return ZX_OK;
}

// Where the result of an overwrite lies in what is replaced, it is written to what replaces that: so it must be known
// before that it can be. INVALID_ARGS: it can't; or what committing it says.
zx_status_t CheckResultInside(mm::VirtRange replaced, uint64_t result, const VmoDispatcher& vmo, zx_vm_option_t options,
                              uint64_t vmo_offset) {
  const mm::VirtRange both = mm::VirtRange{mm::VirtAddr(result), mm::ByteSize(sizeof(zx_vaddr_t))}.Intersect(replaced);
  if (both.empty()) return ZX_OK;
  const mm::ByteSize offset = mm::ByteSize(vmo_offset) + (both.base - replaced.base);
  if ((options & ZX_VM_PERM_WRITE) == 0 || offset + both.size > vmo.vmo()->size()) return ZX_ERR_INVALID_ARGS;
  return WithPages([&](mm::PageWait& wait) { return vmo.vmo()->Commit(offset, both.size, &wait); });
}

}  // namespace

namespace sys {

zx_status_t vmar_allocate(const Caller& caller, zx_handle_t parent, zx_vm_option_t options, size_t offset, size_t size,
                          UserPtr<zx_handle_t> out, UserPtr<zx_vaddr_t> out_address) {
  std::shared_ptr<VmarDispatcher> vmar;
  const zx_rights_t needed = RightsFor(options, ZX_VM_CAN_MAP_READ, ZX_VM_CAN_MAP_WRITE, ZX_VM_CAN_MAP_EXECUTE);
  if (const zx_status_t s = caller.handles().Get(parent, needed, &vmar); s != ZX_OK) return s;
  constexpr zx_vm_option_t kAllowed =
      ZX_VM_COMPACT | ZX_VM_SPECIFIC | ZX_VM_CAN_MAP_SPECIFIC | kCanMap | ZX_VM_OFFSET_IS_UPPER_LIMIT | kAlignMask;
  if ((options & ~kAllowed) != 0) return ZX_ERR_INVALID_ARGS;
  mm::VmAddressRegion::AllocateRequest request;
  if (!vmar->region().alive()) return ZX_ERR_BAD_STATE;
  if (size == 0 || (size & (mm::kPageSize - 1)) != 0) return ZX_ERR_INVALID_ARGS;
  if (const zx_status_t s = PlacementFrom(vmar->region(), options, offset, &request.placement); s != ZX_OK) return s;
  request.size = mm::ByteSize(size);
  request.caps.can_map = ProtectionFromRights(needed);
  request.caps.can_map_specific = (options & ZX_VM_CAN_MAP_SPECIFIC) != 0;
  auto made = vmar->region().Allocate(request);
  if (!made.ok()) return ToZxStatus(made.status());
  const zx_vaddr_t address = (*made)->range().base.value();
  zx_status_t status = out_address.Write(caller.memory, address);
  if (status == ZX_OK) {
    status = caller.GiveHandle(std::make_shared<VmarDispatcher>(caller.kernel.koids(), vmar->space(), *made), out);
  }
  if (status != ZX_OK) (*made)->Destroy().IgnoreError();
  return status;
}

zx_status_t vmar_map(const Caller& caller, zx_handle_t handle, zx_vm_option_t options, size_t offset,
                     zx_handle_t vmo_handle, uint64_t vmo_offset, size_t size, UserPtr<zx_vaddr_t> out_address) {
  std::shared_ptr<VmarDispatcher> vmar;
  options = ReadIfExecuteOnlyIsUnsupported(options);
  const zx_rights_t needed = RightsForPermissions(options);
  if (const zx_status_t s = caller.handles().Get(handle, needed, &vmar); s != ZX_OK) return s;
  std::shared_ptr<VmoDispatcher> vmo;
  zx_rights_t vmo_rights = 0;
  if (const zx_status_t s = caller.handles().Get(vmo_handle, ZX_RIGHT_MAP | needed, &vmo, &vmo_rights); s != ZX_OK)
    return s;

  constexpr zx_vm_option_t kAllowed = kPermissions | ZX_VM_SPECIFIC | ZX_VM_SPECIFIC_OVERWRITE | ZX_VM_MAP_RANGE |
                                      ZX_VM_REQUIRE_NON_RESIZABLE | ZX_VM_ALLOW_FAULTS | ZX_VM_OFFSET_IS_UPPER_LIMIT |
                                      kAlignMask;
  if ((options & ~kAllowed) != 0 || !PermissionsAreValid(options)) return ZX_ERR_INVALID_ARGS;
  if ((options & ZX_VM_MAP_RANGE) != 0 && (options & ZX_VM_SPECIFIC_OVERWRITE) != 0) return ZX_ERR_INVALID_ARGS;
  if ((options & ZX_VM_REQUIRE_NON_RESIZABLE) != 0 && vmo->vmo()->resizable()) return ZX_ERR_NOT_SUPPORTED;
  if ((options & ZX_VM_ALLOW_FAULTS) == 0 && vmo->vmo()->discardable()) return ZX_ERR_NOT_SUPPORTED;
  if (!vmar->region().alive()) return ZX_ERR_BAD_STATE;
  mm::VmAddressRegion::MapRequest request;
  if (const zx_status_t s = PlacementFrom(vmar->region(), options, offset, &request.placement); s != ZX_OK) return s;
  const auto rounded = mm::ByteSize(size).RoundUpToPage();
  if (size == 0 || !rounded.has_value() || (vmo_offset & (mm::kPageSize - 1)) != 0) return ZX_ERR_INVALID_ARGS;
  if (vmo_offset + rounded->value() < vmo_offset) return ZX_ERR_OUT_OF_RANGE;

  ProcessDispatcher* target = caller.process.space() == vmar->space() ? &caller.process : nullptr;
  std::shared_ptr<ProcessDispatcher> other;
  if (target == nullptr) {
    for (const auto& p : caller.kernel.root_job()->processes()) {
      if (p->space() == vmar->space()) other = p;
    }
    target = other.get();
  }
  bool is_vdso_code = false;
  if (const zx_status_t s =
          CheckVdsoMapping(caller, target, *vmo, options, vmo_offset, rounded->value(), &is_vdso_code);
      s != ZX_OK) {
    return s;
  }
  bool claimed = false;
  const absl::Cleanup release = [&] {
    if (claimed) target->ReleaseVdso();
  };
  if (is_vdso_code) {
    // What can't be unmapped can't be undone either: the out pointer is tried first.
    if (const zx_status_t s = out_address.Write(caller.memory, 0); s != ZX_OK) return s;
    claimed = target->ClaimVdso();
    if (!claimed) return ZX_ERR_ACCESS_DENIED;
  }

  if (request.placement.kind == mm::Placement::Kind::kAtReplacing) {
    // What is replaced can't be brought back either; where it will stand is known.
    const uint64_t place = vmar->region().range().base.value() + offset;
    if (vmar->space() == caller.process.space()) {
      const mm::VirtRange replaced{mm::VirtAddr(place), *rounded};
      if (const zx_status_t s = CheckResultInside(replaced, out_address.address(), *vmo, options, vmo_offset);
          s != ZX_OK) {
        return s;
      }
    }
    if (const zx_status_t s = out_address.Write(caller.memory, place); s != ZX_OK) return s;
  }

  request.vmo = vmo->vmo();
  request.vmo_offset = mm::ByteSize(vmo_offset);
  request.size = *rounded;
  request.protection = ProtectionFrom(options);
  request.max_protection = is_vdso_code ? request.protection : ProtectionFromRights(vmo_rights);
  // The vDSO's code may become executable only by the way above.
  if (caller.kernel.vdso().Is(*vmo->vmo()) && !is_vdso_code) {
    request.max_protection = mm::Protection(request.max_protection.read(), false, false);
  }
  request.populate = (options & ZX_VM_MAP_RANGE) != 0;
  request.immutable = is_vdso_code;
  const auto mapped = vmar->region().Map(request);
  if (!mapped.ok()) return ToZxStatus(mapped.status());
  claimed = false;
  if (is_vdso_code) target->set_vdso_base(mapped->value() - caller.kernel.vdso().code_offset());
  if (const zx_status_t s = out_address.Write(caller.memory, mapped->value()); s != ZX_OK) {
    // What was made is undone.
    vmar->region().Unmap({*mapped, *rounded}).IgnoreError();
    return s;
  }
  vmar->space()->Show({*mapped, *rounded});
  return ZX_OK;
}

zx_status_t vmar_unmap(const Caller& caller, zx_handle_t handle, zx_vaddr_t address, size_t size) {
  std::shared_ptr<VmarDispatcher> vmar;
  if (const zx_status_t s = caller.handles().Get(handle, 0, &vmar); s != ZX_OK) return s;
  const auto rounded = mm::ByteSize(size).RoundUpToPage();
  if (size == 0 || !rounded.has_value()) return ZX_ERR_INVALID_ARGS;
  return ToZxStatus(vmar->region().Unmap({mm::VirtAddr(address), *rounded}));
}

zx_status_t vmar_protect(const Caller& caller, zx_handle_t handle, zx_vm_option_t options, zx_vaddr_t address,
                         size_t size) {
  std::shared_ptr<VmarDispatcher> vmar;
  options = ReadIfExecuteOnlyIsUnsupported(options);
  if (const zx_status_t s = caller.handles().Get(handle, RightsForPermissions(options), &vmar); s != ZX_OK) return s;
  if ((options & ~kPermissions) != 0 || !PermissionsAreValid(options)) return ZX_ERR_INVALID_ARGS;
  const auto rounded = mm::ByteSize(size).RoundUpToPage();
  if (size == 0 || !rounded.has_value()) return ZX_ERR_INVALID_ARGS;
  const mm::VirtRange range{mm::VirtAddr(address), *rounded};
  const zx_status_t status = ToZxStatus(vmar->region().Protect(range, ProtectionFrom(options)));
  if (status == ZX_OK) vmar->space()->Show(range);
  return status;
}

zx_status_t vmar_destroy(const Caller& caller, zx_handle_t handle) {
  std::shared_ptr<VmarDispatcher> vmar;
  if (const zx_status_t s = caller.handles().Get(handle, 0, &vmar); s != ZX_OK) return s;
  if (&vmar->region() == vmar->space()->aspace()->root().get()) return ZX_ERR_NOT_SUPPORTED;
  return ToZxStatus(vmar->region().Destroy());
}

zx_status_t vmar_op_range(const Caller& caller, zx_handle_t handle, uint32_t op, zx_vaddr_t address, size_t size,
                          UserPtr<void> buffer, size_t buffer_size) {
  std::shared_ptr<VmarDispatcher> vmar;
  zx_rights_t rights = 0;
  if (const zx_status_t s = caller.handles().Get(handle, 0, &vmar, &rights); s != ZX_OK) return s;
  if (buffer || buffer_size != 0 || size == 0) return ZX_ERR_INVALID_ARGS;
  using RangeOp = mm::VmAddressRegion::RangeOp;
  RangeOp range_op = RangeOp::kHint;
  switch (op) {
    case ZX_VMAR_OP_COMMIT:
      range_op = RangeOp::kCommit;
      break;
    case ZX_VMAR_OP_DECOMMIT:
      range_op = RangeOp::kDecommit;
      break;
    case ZX_VMAR_OP_MAP_RANGE:
      range_op = RangeOp::kMapRange;
      break;
    case ZX_VMAR_OP_DONT_NEED:
    case ZX_VMAR_OP_ALWAYS_NEED:
      break;  // advice: nothing is done but to see that it is mapped, and to bring in what is a pager's
    default:
      return ZX_ERR_INVALID_ARGS;
  }
  const bool changes = range_op != RangeOp::kMapRange && range_op != RangeOp::kHint;
  if (changes && (rights & ZX_RIGHT_WRITE) == 0) return ZX_ERR_ACCESS_DENIED;
  if (!vmar->region().alive()) return ZX_ERR_BAD_STATE;
  const auto rounded = mm::ByteSize(size).RoundUpToPage();
  if ((address & (mm::kPageSize - 1)) != 0 || !rounded.has_value()) return ZX_ERR_INVALID_ARGS;
  if (op == ZX_VMAR_OP_DECOMMIT && !mm::ByteSize(size).IsPageAligned()) return ZX_ERR_INVALID_ARGS;
  const mm::VirtRange range{mm::VirtAddr(address), *rounded};
  if (!range.IsValid() || !vmar->region().range().Contains(range)) return ZX_ERR_OUT_OF_RANGE;
  const auto carry_out = [&](RangeOp what) {
    return WithPages([&](mm::PageWait& wait) { return vmar->region().OpRange(what, range, &wait); });
  };
  const zx_status_t status = carry_out(range_op);
  // As far as that can be done.
  if (status == ZX_OK && op == ZX_VMAR_OP_ALWAYS_NEED) carry_out(RangeOp::kPrefetch);
  return status;
}

}  // namespace sys
}  // namespace zirconia::kernel
