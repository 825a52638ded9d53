#include "kernel_sim/vmo_copy.h"

#include <algorithm>

#include "kernel_sim/pager_source.h"
#include "kernel_sim/thread.h"

namespace zirconia::kernel {
namespace {

// What is short enough goes at once, if it can; `copy` does the next piece of what is long, what has to be waited for,
// and what can't be copied: that says why.
template <typename Copy>
zx_status_t CopyPieces(mm::VmObject& vmo, uint64_t offset, size_t size, mm::Access access, UserMemory& memory,
                       uint64_t address, size_t* done, Copy copy) {
  *done = 0;
  while (*done < size) {
    if (ThreadDispatcher::CurrentIsKilled()) return ZX_ERR_CANCELED;
    if (size - *done <= mm::AddressSpace::kMostTransferred.value()) {
      const size_t n =
          memory.Transfer(vmo, offset + *done, address + *done, size - *done, access == mm::Access::kWrite);
      *done += n;
      if (n != 0) continue;
    }
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
  return CopyPieces(vmo, offset, size, mm::Access::kRead, memory, address, done,
                    [&](const std::byte* data, size_t at, size_t n) {
                      return data != nullptr ? memory.CopyOut(address + at, data, n) : memory.FillZero(address + at, n);
                    });
}

zx_status_t CopyVmoIn(mm::VmObject& vmo, uint64_t offset, size_t size, UserMemory& memory, uint64_t address,
                      size_t* done) {
  return CopyPieces(vmo, offset, size, mm::Access::kWrite, memory, address, done,
                    [&](std::byte* data, size_t at, size_t n) { return memory.CopyIn(data, address + at, n); });
}

}  // namespace zirconia::kernel
