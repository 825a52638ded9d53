// zx_vmar_*.
#include <zircon/process.h>
#include <zircon/syscalls/object.h>

#include <array>

#include "test/fuzz/program.h"

namespace zirconia::fuzz {
namespace {

constexpr zx_vm_option_t kPermissions = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_PERM_EXECUTE;
constexpr zx_vm_option_t kCanMap = ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_EXECUTE;

zx_handle_t PickVmar(Program& p) { return p.input().Byte() < 0x20 ? zx_vmar_root_self() : p.Pick(ZX_OBJ_TYPE_VMAR); }

// Where in a VMAR something goes, and which options say so.
uint64_t Placement(Program& p, zx_vm_option_t* options) {
  const uint8_t choice = p.input().Byte();
  if (choice < 0x60) return choice < 0x58 ? 0 : p.Offset();
  if (choice < 0xa0) {
    *options |= ZX_VM_SPECIFIC;
  } else if (choice < 0xd0) {
    *options |= ZX_VM_SPECIFIC_OVERWRITE;
  } else if (choice < 0xf0) {
    *options |= ZX_VM_OFFSET_IS_UPPER_LIMIT;
  } else {
    *options |= zx_vm_option_t{p.input().Byte()} << ZX_VM_ALIGN_BASE;
    return 0;
  }
  return p.Offset();
}

void Allocate(Program& p) {
  const zx_handle_t vmar = PickVmar(p);
  zx_vm_option_t options = p.Bits(kCanMap | ZX_VM_CAN_MAP_SPECIFIC | ZX_VM_COMPACT);
  const uint64_t offset = Placement(p, &options);
  const uint64_t size = p.Size();
  Program::Out<zx_handle_t> out(p);
  Program::Out<zx_vaddr_t> address(p);
  const zx_status_t status =
      ZX_CALL(kMakesOne, vmar_allocate, vmar, options, offset, size, out.pointer(), address.pointer());
  if (status != ZX_OK) return;
  p.Keep(out.value());
  p.AddAddress(address.value());
}

void Map(Program& p) {
  const zx_handle_t vmar = PickVmar(p);
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  zx_vm_option_t options = p.Bits(kPermissions | ZX_VM_MAP_RANGE | ZX_VM_ALLOW_FAULTS | ZX_VM_REQUIRE_NON_RESIZABLE |
                                  ZX_VM_COMPACT | ZX_VM_PERM_READ_IF_XOM_UNSUPPORTED);
  // Most mappings are to be written to.
  if (p.input().Byte() < 0x90) options |= ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;
  const uint64_t offset = Placement(p, &options);
  const uint64_t vmo_offset = p.Offset();
  const uint64_t size = p.Size();
  Program::Out<zx_vaddr_t> address(p);
  const zx_status_t status = ZX_CALL(kPlain, vmar_map, vmar, options, offset, vmo, vmo_offset, size, address.pointer());
  if (status == ZX_OK) p.AddAddress(address.value());
}

void Unmap(Program& p) {
  const zx_handle_t vmar = PickVmar(p);
  const uint64_t address = p.Address();
  const uint64_t size = p.Size();
  ZX_CALL(kPlain, vmar_unmap, vmar, address, size);
}

void Protect(Program& p) {
  const zx_handle_t vmar = PickVmar(p);
  const zx_vm_option_t options = p.Bits(kPermissions | ZX_VM_PERM_READ_IF_XOM_UNSUPPORTED);
  const uint64_t address = p.Address();
  const uint64_t size = p.Size();
  ZX_CALL(kPlain, vmar_protect, vmar, options, address, size);
}

void Destroy(Program& p) {
  const zx_handle_t vmar = PickVmar(p);
  ZX_CALL(kPlain, vmar_destroy, vmar);
}

void OpRange(Program& p) {
  constexpr std::array<uint32_t, 8> kOps = {
      ZX_VMAR_OP_COMMIT,    ZX_VMAR_OP_DECOMMIT,    ZX_VMAR_OP_MAP_RANGE, ZX_VMO_OP_ZERO,
      ZX_VMAR_OP_DONT_NEED, ZX_VMAR_OP_ALWAYS_NEED, ZX_VMO_OP_LOCK,       99};
  const zx_handle_t vmar = PickVmar(p);
  const uint32_t op = kOps[p.input().Below(kOps.size())];
  const uint64_t address = p.Address();
  const uint64_t size = p.Size();
  ZX_CALL(kPlain, vmar_op_range, vmar, op, address, size, nullptr, 0);
}

// The thread that makes this call ends: one is made for it.
void UnmapHandleCloseThreadExit(Program& p) {
  const zx_handle_t vmar = PickVmar(p);
  const uint64_t address = p.Address();
  const uint64_t size = p.Size();
  // Where the handle is none, the process ends in an exception.
  zx_handle_t handle = p.PickAny();
  if (zx_object_get_info(handle, ZX_INFO_HANDLE_VALID, nullptr, 0, nullptr, nullptr) != ZX_OK)
    handle = ZX_HANDLE_INVALID;
  {
    const testing::Kernel::Use thread(p.kernel());
    p.Touched();
    try {
      ZX_CALL(kConsumes, vmar_unmap_handle_close_thread_exit, vmar, address, size, handle);
    } catch (const testing::ThreadExited&) {
      p.TraceResult(ZX_OK);
      p.Forget(handle);
    }
  }
  p.Touched();
}

constexpr std::array<Operation, 7> kOperations = {
    {{"vmar_allocate", Allocate},
     {"vmar_map", Map},
     {"vmar_unmap", Unmap},
     {"vmar_protect", Protect},
     {"vmar_destroy", Destroy},
     {"vmar_op_range", OpRange},
     {"vmar_unmap_handle_close_thread_exit", UnmapHandleCloseThreadExit}}};

}  // namespace

std::span<const Operation> VmarOperations() { return kOperations; }

}  // namespace zirconia::fuzz
