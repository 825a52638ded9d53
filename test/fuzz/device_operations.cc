// Resources, IOMMUs, BTIs, pinned memory.
#include <zircon/syscalls/iommu.h>

#include <array>

#include "test/fuzz/program.h"

namespace zirconia::fuzz {
namespace {

void ResourceCreate(Program& p) {
  const zx_handle_t parent = p.Pick(ZX_OBJ_TYPE_RESOURCE);
  const auto kind = static_cast<uint32_t>(p.input().Below(8));
  const uint32_t options = kind | p.Bits(ZX_RSRC_FLAG_EXCLUSIVE);
  const uint64_t base = p.Offset();
  const uint64_t size = p.Size();
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, resource_create, parent, options, base, size, "made", 4, out.pointer()), out);
}

void IommuCreate(Program& p) {
  const zx_handle_t resource = p.Pick(ZX_OBJ_TYPE_RESOURCE);
  const auto type = static_cast<uint32_t>(p.input().Byte() < 0xe0 ? ZX_IOMMU_TYPE_DUMMY : 1);
  const zx_iommu_desc_dummy_t desc{};
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, iommu_create, resource, type, &desc, sizeof(desc), out.pointer()), out);
}

void BtiCreate(Program& p) {
  const zx_handle_t iommu = p.Pick(ZX_OBJ_TYPE_IOMMU);
  const uint64_t id = p.input().Below(3);
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, bti_create, iommu, 0, id, out.pointer()), out);
}

void Pin(Program& p) {
  const zx_handle_t bti = p.Pick(ZX_OBJ_TYPE_BTI);
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  const uint32_t options =
      p.Bits(ZX_BTI_PERM_READ | ZX_BTI_PERM_WRITE | ZX_BTI_PERM_EXECUTE | ZX_BTI_COMPRESS | ZX_BTI_CONTIGUOUS);
  const uint64_t offset = p.Offset();
  const uint64_t size = p.Size();
  const uint64_t right = (options & ZX_BTI_CONTIGUOUS) != 0 ? 1 : size / kPage;
  const uint64_t count = p.input().Byte() < 0xf0 ? right : p.input().Below(16);
  auto* const addresses = static_cast<zx_paddr_t*>(p.Buffer(count * sizeof(zx_paddr_t)));
  Program::Out<zx_handle_t> out(p);
  // Where the addresses or the handle can't be told, the pages stay committed.
  constexpr Effect kMayCommit{1, false};
  p.Made(ZX_CALL(kMayCommit, bti_pin, bti, options, vmo, offset, size, addresses, count, out.pointer()), out);
}

void ReleaseQuarantine(Program& p) {
  const zx_handle_t bti = p.Pick(ZX_OBJ_TYPE_BTI);
  ZX_CALL(kPlain, bti_release_quarantine, bti);
}

void Unpin(Program& p) {
  const zx_handle_t token = p.Pick(ZX_OBJ_TYPE_PMT);
  if (ZX_CALL(kConsumes, pmt_unpin, token) != ZX_ERR_BAD_HANDLE) p.Forget(token);
}

constexpr std::array<Operation, 6> kOperations = {{{"resource_create", ResourceCreate},
                                                   {"iommu_create", IommuCreate},
                                                   {"bti_create", BtiCreate},
                                                   {"bti_pin", Pin},
                                                   {"bti_release_quarantine", ReleaseQuarantine},
                                                   {"pmt_unpin", Unpin}}};

}  // namespace

std::span<const Operation> DeviceOperations() { return kOperations; }

}  // namespace zirconia::fuzz
