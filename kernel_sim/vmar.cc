#include "kernel_sim/vmar.h"

namespace zirconia::kernel {

void GuestSpace::ShowResident(mm::VirtRange range) const {
  for (mm::VirtAddr at = range.base; at < range.end();) {
    auto shown = table_->Query(at);
    if (!shown.has_value() || !shown->realized) {
      if (!aspace_->HandleFault(at, mm::Access::kRead).ok()) return;
      shown = table_->Query(at);
      if (!shown.has_value()) return;
    }
    at = shown->range.end();
  }
}

}  // namespace zirconia::kernel
