// zx_vmo_*.
#include <array>
#include <cstring>

#include "test/fuzz/program.h"

namespace zirconia::fuzz {
namespace {

void Create(Program& p) {
  const uint64_t size = p.Size();
  const uint32_t options = p.Bits(ZX_VMO_RESIZABLE | ZX_VMO_DISCARDABLE);
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, vmo_create, size, options, out.pointer()), out);
}

void Read(Program& p) {
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  const uint64_t offset = p.Offset();
  const size_t size = p.ShortSize();
  void* const buffer = p.Buffer(size);
  ZX_CALL(kPlain, vmo_read, vmo, buffer, offset, size);
}

void Write(Program& p) {
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  const uint64_t offset = p.Offset();
  const size_t size = p.ShortSize();
  const uint8_t fill = p.input().Byte();
  void* const buffer = p.Buffer(size);
  void* const own = p.OwnBuffer(size);
  if (buffer == own) std::memset(own, fill, std::min(size, Program::kOwnBytes));
  const uint64_t calls = p.calls();
  if (ZX_CALL(kCopies, vmo_write, vmo, buffer, offset, size) != ZX_OK || buffer != own || size == 0) return;
  std::array<uint8_t, 2> ends{};
  const bool alone = p.calls() == calls + 1;
  if (ZX_CALL(kPlain, vmo_read, vmo, ends.data(), offset, 1) != ZX_OK) return;
  if (ZX_CALL(kPlain, vmo_read, vmo, ends.data() + 1, offset + size - 1, 1) != ZX_OK) return;
  if (alone && p.calls() == calls + 3 && (ends[0] != fill || ends[1] != fill))
    p.Wrong("what was written to a VMO isn't what it holds");
}

void GetSize(Program& p) {
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  Program::Out<uint64_t> out(p);
  ZX_CALL(kPlain, vmo_get_size, vmo, out.pointer());
}

void SetSize(Program& p) {
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  const uint64_t size = p.Size();
  ZX_CALL(kPlain, vmo_set_size, vmo, size);
}

void OpRange(Program& p) {
  constexpr std::array<uint32_t, 14> kOps = {ZX_VMO_OP_COMMIT,
                                             ZX_VMO_OP_DECOMMIT,
                                             ZX_VMO_OP_ZERO,
                                             ZX_VMO_OP_LOCK,
                                             ZX_VMO_OP_TRY_LOCK,
                                             ZX_VMO_OP_UNLOCK,
                                             ZX_VMO_OP_CACHE_SYNC,
                                             ZX_VMO_OP_CACHE_INVALIDATE,
                                             ZX_VMO_OP_CACHE_CLEAN,
                                             ZX_VMO_OP_DONT_NEED,
                                             ZX_VMO_OP_ALWAYS_NEED,
                                             ZX_VMO_OP_CACHE_CLEAN_INVALIDATE,
                                             5,
                                             77};
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  const uint32_t op = kOps[p.input().Below(kOps.size())];
  uint64_t offset = p.Offset();
  uint64_t size = p.Size();
  const bool locks = op == ZX_VMO_OP_LOCK || op == ZX_VMO_OP_TRY_LOCK || op == ZX_VMO_OP_UNLOCK;
  // Locks want all of it.
  if (locks && p.input().Flag() && zx_vmo_get_size(vmo, &size) == ZX_OK) offset = 0;
  const size_t buffer_size = op == ZX_VMO_OP_LOCK ? sizeof(zx_vmo_lock_state_t) : 0;
  void* const buffer = op == ZX_VMO_OP_LOCK ? p.Buffer(buffer_size) : nullptr;
  ZX_CALL(kPlain, vmo_op_range, vmo, op, offset, size, buffer, buffer_size);
}

void CreateChild(Program& p) {
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  constexpr std::array<uint32_t, 3> kKinds = {ZX_VMO_CHILD_SNAPSHOT, ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE,
                                              ZX_VMO_CHILD_SLICE};
  uint32_t options = kKinds[p.input().Below(kKinds.size())];
  options |= p.Bits(ZX_VMO_CHILD_RESIZABLE | ZX_VMO_CHILD_NO_WRITE);
  const uint64_t offset = p.Offset();
  const uint64_t size = p.Size();
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, vmo_create_child, vmo, options, offset, size, out.pointer()), out);
}

void CreatePhysical(Program& p) {
  const zx_handle_t resource = p.Pick(ZX_OBJ_TYPE_RESOURCE);
  const uint64_t address = p.Offset();
  const uint64_t size = p.Size();
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, vmo_create_physical, resource, address, size, out.pointer()), out);
}

void CreateContiguous(Program& p) {
  const zx_handle_t bti = p.Pick(ZX_OBJ_TYPE_BTI);
  const uint64_t size = p.Size();
  const uint8_t alignment = p.input().Byte();
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, vmo_create_contiguous, bti, size, alignment < 0xf0 ? alignment % 20 : alignment,
                 out.pointer()),
         out);
}

void SetCachePolicy(Program& p) {
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  const uint32_t policy = p.Bits(ZX_CACHE_POLICY_MASK);
  ZX_CALL(kPlain, vmo_set_cache_policy, vmo, policy);
}

void ReplaceAsExecutable(Program& p) {
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  const zx_handle_t resource = p.input().Flag() ? p.Pick(ZX_OBJ_TYPE_RESOURCE) : ZX_HANDLE_INVALID;
  Program::Out<zx_handle_t> out(p);
  const zx_status_t status = ZX_CALL(kConsumes, vmo_replace_as_executable, vmo, resource, out.pointer());
  if (status != ZX_ERR_BAD_HANDLE) p.Forget(vmo);
  p.Made(status, out);
}

constexpr std::array<Operation, 11> kOperations = {{{"vmo_create", Create},
                                                    {"vmo_read", Read},
                                                    {"vmo_write", Write},
                                                    {"vmo_get_size", GetSize},
                                                    {"vmo_set_size", SetSize},
                                                    {"vmo_op_range", OpRange},
                                                    {"vmo_create_child", CreateChild},
                                                    {"vmo_create_physical", CreatePhysical},
                                                    {"vmo_create_contiguous", CreateContiguous},
                                                    {"vmo_set_cache_policy", SetCachePolicy},
                                                    {"vmo_replace_as_executable", ReplaceAsExecutable}}};

}  // namespace

std::span<const Operation> VmoOperations() { return kOperations; }

}  // namespace zirconia::fuzz
