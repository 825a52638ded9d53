#include "platform/host_mappings.h"

#include <iterator>

#include "absl/strings/str_format.h"

namespace zirconia::platform {

using mm::ByteSize;
using mm::VirtAddr;
using mm::VirtRange;

HostMappings::HostMappings(VirtRange window) : window_(window) { extents_.emplace(window.base, HostMapping()); }

HostExtent HostMappings::ToExtent(Tree::const_iterator it) const {
  const auto next = std::next(it);
  return {VirtRange::FromTo(it->first, next == extents_.end() ? window_.end() : next->first), it->second};
}

HostMappings::Tree::const_iterator HostMappings::At(VirtAddr address) const {
  return std::prev(extents_.upper_bound(address));
}

HostMappings::Tree::iterator HostMappings::SplitAt(VirtAddr address) {
  if (address == window_.end()) return extents_.end();
  const auto it = std::prev(extents_.upper_bound(address));
  if (it->first == address) return it;
  return extents_.emplace_hint(std::next(it), address, it->second.Advanced(address - it->first));
}

HostMappings::Tree::iterator HostMappings::Join(Tree::iterator it) {
  if (it == extents_.end() || it == extents_.begin()) return it;
  const auto before = std::prev(it);
  if (before->second.Advanced(it->first - before->first) != it->second) return it;
  return std::prev(extents_.erase(it));
}

void HostMappings::Set(VirtRange range, HostMapping mapping) {
  SplitAt(range.end());
  auto it = SplitAt(range.base);
  it->second = mapping;
  auto next = std::next(it);
  if (next != extents_.end() && next->first < range.end())
    next = extents_.erase(next, extents_.lower_bound(range.end()));
  it = next == extents_.end() ? std::prev(extents_.end()) : std::prev(next);
  it = Join(it);
  if (std::next(it) != extents_.end()) Join(std::next(it));
}

HostExtent HostMappings::Find(VirtAddr address) const { return ToExtent(At(address)); }

void HostMappings::ForEach(VirtRange range, absl::FunctionRef<bool(const HostExtent&)> visit) const {
  if (range.empty()) return;
  for (auto it = At(range.base); it != extents_.end() && it->first < range.end(); ++it) {
    if (!visit(ToExtent(it).CutTo(range))) return;
  }
}

bool HostMappings::IsReserved(VirtRange range) const {
  const HostExtent e = Find(range.base);
  return e.mapping.reserved() && range.end() <= e.range.end();
}

VirtRange HostMappings::HullOfMapped(VirtRange range) const {
  if (range.empty()) return range;
  // No two neighbours are both reserved, so only the ends can be.
  const HostExtent first = Find(range.base);
  const VirtAddr begin = first.mapping.reserved() ? first.range.end() : range.base;
  if (begin >= range.end()) return {range.base, ByteSize(0)};
  const HostExtent last = Find(range.end() - ByteSize(1));
  return VirtRange::FromTo(begin, last.mapping.reserved() ? last.range.base : range.end());
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
