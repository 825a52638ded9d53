// zx_iommu_create, zx_bti_*, zx_pmt_unpin.
#include "kernel_sim/bti.h"

#include <zircon/syscalls/iommu.h>

#include <vector>

#include "absl/container/inlined_vector.h"
#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel::sys {

zx_status_t iommu_create(const Caller& caller, zx_handle_t resource, uint32_t type, UserPtr<const void> user_desc,
                         size_t desc_size, UserPtr<zx_handle_t> out) {
  if (const zx_status_t s = CheckSystemResource(caller.handles(), resource, ZX_RSRC_SYSTEM_IOMMU_BASE); s != ZX_OK)
    return s;
  if (type != ZX_IOMMU_TYPE_DUMMY) return ZX_ERR_NOT_SUPPORTED;
  zx_iommu_desc_dummy_t desc{};
  if (desc_size != sizeof(desc)) return ZX_ERR_INVALID_ARGS;
  if (user_desc.as<const zx_iommu_desc_dummy_t>().Read(caller.memory, &desc) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  return caller.GiveHandle(std::make_shared<IommuDispatcher>(caller.kernel.koids()), out);
}

zx_status_t bti_create(const Caller& caller, zx_handle_t iommu_handle, uint32_t options, uint64_t bti_id,
                       UserPtr<zx_handle_t> out) {
  std::shared_ptr<IommuDispatcher> iommu;
  if (const zx_status_t s = caller.handles().Get(iommu_handle, 0, &iommu); s != ZX_OK) return s;
  if (options != 0) return ZX_ERR_INVALID_ARGS;
  return caller.GiveHandle(std::make_shared<BtiDispatcher>(caller.kernel.koids(), caller.kernel.lost_pins(), bti_id),
                           out);
}

namespace {

constexpr uint32_t kPermissions = ZX_BTI_PERM_READ | ZX_BTI_PERM_WRITE | ZX_BTI_PERM_EXECUTE;

// How many addresses zx_bti_pin gives for this many bytes.
uint64_t AddressCount(uint32_t options, uint64_t size) {
  if ((options & ZX_BTI_CONTIGUOUS) != 0) return 1;
  const uint64_t unit = (options & ZX_BTI_COMPRESS) != 0 ? BtiDispatcher::kMinimumContiguity : mm::kPageSize;
  return size / unit + (size % unit != 0 ? 1 : 0);
}

// Writes the physical address of each `unit` of the pinned bytes: a frame's number times the page size, which is where
// it stands in the backing file.
zx_status_t WriteAddresses(const Caller& caller, const DmaPin& pin, bool first_only, UserPtr<zx_paddr_t> out) {
  constexpr size_t kPiece = 512;
  absl::InlinedVector<zx_paddr_t, kPiece> piece;
  uint64_t written = 0;
  const auto flush = [&]() -> zx_status_t {
    const UserPtr<zx_paddr_t> to(out.address() + written * sizeof(zx_paddr_t));
    const zx_status_t s = to.WriteArray(caller.memory, piece.data(), piece.size());
    written += piece.size();
    piece.clear();
    return s;
  };
  for (const mm::FrameRun& run : pin.runs()) {
    for (mm::FrameNumber frame = run.first; frame < run.end(); frame = frame + mm::PageCount(1)) {
      piece.push_back(frame.offset().value());
      if (first_only) return flush();
      if (piece.size() < kPiece) continue;
      if (const zx_status_t s = flush(); s != ZX_OK) return s;
    }
  }
  return flush();
}

}  // namespace

zx_status_t bti_pin(const Caller& caller, zx_handle_t handle, uint32_t options, zx_handle_t vmo_handle, uint64_t offset,
                    uint64_t size, UserPtr<zx_paddr_t> addresses, size_t address_count, UserPtr<zx_handle_t> out) {
  std::shared_ptr<BtiDispatcher> bti;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_MAP, &bti); s != ZX_OK) return s;
  // A device that executes reads.
  const zx_rights_t needed = ZX_RIGHT_MAP |
                             ((options & (ZX_BTI_PERM_READ | ZX_BTI_PERM_EXECUTE)) != 0 ? ZX_RIGHT_READ : 0) |
                             ((options & ZX_BTI_PERM_WRITE) != 0 ? ZX_RIGHT_WRITE : 0);
  std::shared_ptr<VmoDispatcher> vmo;
  if (const zx_status_t s = caller.handles().Get(vmo_handle, needed, &vmo); s != ZX_OK) return s;

  const bool contiguous = (options & ZX_BTI_CONTIGUOUS) != 0;
  if ((options & ~(kPermissions | ZX_BTI_COMPRESS | ZX_BTI_CONTIGUOUS)) != 0 || (options & kPermissions) == 0)
    return ZX_ERR_INVALID_ARGS;
  if (contiguous && (options & ZX_BTI_COMPRESS) != 0) return ZX_ERR_INVALID_ARGS;
  const mm::ByteSize at(offset);
  const mm::ByteSize length(size);
  if (!at.IsPageAligned() || !length.IsPageAligned() || size == 0) return ZX_ERR_INVALID_ARGS;
  if (address_count != AddressCount(options, size)) return ZX_ERR_INVALID_ARGS;
  if (contiguous && !DmaPin::IsContiguous(*vmo->vmo())) return ZX_ERR_INVALID_ARGS;

  DmaPin pin;
  const mm::Access access = (options & ZX_BTI_PERM_WRITE) != 0 ? mm::Access::kWrite : mm::Access::kRead;
  if (const zx_status_t s = DmaPin::Create(vmo->vmo(), at, length, access, &pin); s != ZX_OK) return s;
  if (WriteAddresses(caller, pin, contiguous, addresses) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  const auto pmt = std::make_shared<PmtDispatcher>(caller.kernel.koids(), std::move(bti), std::move(pin));
  // A handle that can't be given isn't one that was closed without unpinning.
  const Handle keep(pmt, 0);
  const zx_status_t status = caller.GiveHandle(pmt, out);
  if (status != ZX_OK) pmt->Unpin();
  return status;
}

zx_status_t bti_release_quarantine(const Caller& caller, zx_handle_t handle) {
  std::shared_ptr<BtiDispatcher> bti;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_WRITE, &bti); s != ZX_OK) return s;
  bti->ReleaseQuarantine();
  return ZX_OK;
}

zx_status_t pmt_unpin(const Caller& caller, zx_handle_t handle) {
  const Handle token = caller.handles().Remove(handle);
  if (!token) return ZX_ERR_BAD_HANDLE;
  const auto pmt = As<PmtDispatcher>(token.object());
  if (pmt == nullptr) return ZX_ERR_WRONG_TYPE;
  pmt->Unpin();
  return ZX_OK;
}

}  // namespace zirconia::kernel::sys
