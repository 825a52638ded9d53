#include "kernel_sim/vmo_copy.h"

#include <algorithm>

#include "kernel_sim/pager_source.h"

namespace zirconia::kernel {
namespace {

template <typename Copy>
zx_status_t CopyPieces(mm::VmObject& vmo, uint64_t offset, size_t size, mm::Access access, size_t* done, Copy copy) {
  *done = 0;
  while (*done < size) {
    absl::StatusOr<mm::PinnedBytes> piece = absl::UnknownError("");
    const zx_status_t pinned = WithPages([&](mm::PageWait& wait) {
      piece = vmo.Pin(mm::ByteSize(offset + *done), mm::ByteSize(size - *done), access, &wait);
      return piece.status();
    });
    if (pinned != ZX_OK) return pinned;
    const size_t n = std::min<size_t>(piece->size.value(), size - *done);
    zx_status_t status = ZX_OK;
    mm::PageWait missing;
    {
      PostponedWait postponed;
      status = copy(piece->data, *done, n);
      missing = postponed.Take();
    }
    if (missing.request != nullptr) {
      // The buffer's own pages are missing. Nothing is pinned while they come, and the piece is looked up again: it may
      // have changed by then.
      piece = absl::UnknownError("");
      status = WaitForPages(*missing.request);
      if (status == ZX_OK) continue;
    }
    if (status != ZX_OK) return status;
    *done += n;
  }
  return ZX_OK;
}

}  // namespace

zx_status_t CopyVmoOut(mm::VmObject& vmo, uint64_t offset, size_t size, UserMemory& memory, uint64_t address,
                       size_t* done) {
  return CopyPieces(vmo, offset, size, mm::Access::kRead, done, [&](const std::byte* data, size_t at, size_t n) {
    return data != nullptr ? memory.CopyOut(address + at, data, n) : memory.FillZero(address + at, n);
  });
}

zx_status_t CopyVmoIn(mm::VmObject& vmo, uint64_t offset, size_t size, UserMemory& memory, uint64_t address,
                      size_t* done) {
  return CopyPieces(vmo, offset, size, mm::Access::kWrite, done,
                    [&](std::byte* data, size_t at, size_t n) { return memory.CopyIn(data, address + at, n); });
}

}  // namespace zirconia::kernel
