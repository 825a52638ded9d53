#include "kernel_sim/vmar.h"

namespace zirconia::kernel {

void GuestSpace::ShowResident(mm::VirtRange range) const {
  for (mm::VirtAddr at = range.base; at < range.end();) {
    auto shown = table_->Query(at);
    if (!shown.has_value() || !shown->realized) {
      if (const absl::Status status = aspace_->HandleFault(at, mm::Access::kRead); !status.ok()) {
        // What a pager has yet to bring waits for a touch; beyond it, frames that are there can be shown.
        const mm::VirtRange rest = mm::VirtRange::FromTo(at.RoundDownToPage(), range.end());
        if (absl::IsUnavailable(status)) {
          aspace_->root()->OpRange(mm::VmAddressRegion::RangeOp::kMapRange, rest).IgnoreError();
        }
        return;
      }
      shown = table_->Query(at);
      if (!shown.has_value()) return;
    }
    at = shown->range.end();
  }
}

}  // namespace zirconia::kernel
