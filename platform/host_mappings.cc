#include "platform/host_mappings.h"

#include <iterator>

#include "absl/strings/str_format.h"

namespace zirconia::platform {

using mm::ByteSize;
using mm::PageCount;
using mm::VirtAddr;
using mm::VirtRange;

HostMapping HostMapping::Of(const mm::Translation& translation, VirtAddr address) {
  return HostMapping{translation.first_frame, translation.protection}.Advanced(address - translation.range.base);
}

HostMapping HostMapping::Advanced(ByteSize distance) const {
  HostMapping further = *this;
  if (first_frame.has_value()) further.first_frame = *first_frame + PageCount::Of(distance);
  return further;
}

HostExtent HostExtent::CutTo(VirtRange part) const {
  const VirtRange cut = range.Intersect(part);
  return {cut, mapping.Advanced(cut.base - range.base)};
}

HostMappings::HostMappings(VirtRange window) : window_(window) { extents_.emplace(window.base, HostMapping()); }

HostExtent HostMappings::ToExtent(Tree::const_iterator it) const {
  const auto next = std::next(it);
  return {VirtRange::FromTo(it->first, next == extents_.end() ? window_.end() : next->first), it->second};
}

HostMappings::Tree::const_iterator HostMappings::At(VirtAddr address) const {
  return std::prev(extents_.upper_bound(address));
}

void HostMappings::SplitAt(VirtAddr address) {
  if (address == window_.end()) return;
  const auto it = At(address);
  if (it->first != address) extents_.emplace(address, it->second.Advanced(address - it->first));
}

void HostMappings::JoinAt(VirtAddr address) {
  const auto it = extents_.find(address);
  if (it == extents_.end() || it == extents_.begin()) return;
  const auto before = std::prev(it);
  if (before->second.Advanced(it->first - before->first) == it->second) extents_.erase(it);
}

void HostMappings::Set(VirtRange range, HostMapping mapping) {
  SplitAt(range.base);
  SplitAt(range.end());
  const auto first = extents_.find(range.base);
  first->second = mapping;
  extents_.erase(std::next(first), extents_.lower_bound(range.end()));
  JoinAt(range.end());
  JoinAt(range.base);
}

HostExtent HostMappings::Find(VirtAddr address) const { return ToExtent(At(address)); }

void HostMappings::ForEach(VirtRange range, absl::FunctionRef<bool(const HostExtent&)> visit) const {
  if (range.empty()) return;
  for (auto it = At(range.base); it != extents_.end() && it->first < range.end(); ++it) {
    if (!visit(ToExtent(it).CutTo(range))) return;
  }
}

VirtRange HostMappings::HullOfMapped(VirtRange range) const {
  VirtRange hull{range.base, ByteSize(0)};
  ForEach(range, [&hull](const HostExtent& e) {
    if (e.mapping.reserved()) return true;
    hull = VirtRange::FromTo(hull.empty() ? e.range.base : hull.base, e.range.end());
    return true;
  });
  return hull;
}

VirtRange HostMappings::WidenToExtents(VirtRange range) const {
  return VirtRange::FromTo(Find(range.base).range.base, Find(range.end() - ByteSize(1)).range.end());
}

size_t HostMappings::GrowthBound(VirtRange range) const {
  const VirtRange wide = WidenToExtents(range);
  return (wide.base < range.base ? 1 : 0) + (range.end() < wide.end() ? 1 : 0);
}

absl::Status HostMappings::Verify() const {
  if (extents_.empty() || extents_.begin()->first != window_.base) {
    return absl::InternalError("host mappings don't begin where the window does");
  }
  for (auto it = extents_.begin(); it != extents_.end(); ++it) {
    const HostExtent e = ToExtent(it);
    if (e.range.empty() || !e.range.base.IsPageAligned() || !window_.Contains(e.range)) {
      return absl::InternalError(absl::StrFormat("host mapping at %#x: bad range", e.range.base.value()));
    }
    const auto next = std::next(it);
    if (next != extents_.end() && e.mapping.Advanced(e.range.size) == next->second) {
      return absl::InternalError(absl::StrFormat("host mapping at %#x: not joined", next->first.value()));
    }
  }
  return absl::OkStatus();
}

}  // namespace zirconia::platform
