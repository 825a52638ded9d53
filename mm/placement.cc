// Where the children of a VMAR go.
#include <algorithm>
#include <optional>

#include "mm/random.h"
#include "mm/vm_address_region.h"

namespace zirconia::mm {
namespace {

// How often a place is drawn at random over the whole region before the draw is narrowed to one gap.
constexpr int kDraws = 4;

constexpr unsigned kLeastAlign = 12, kMostAlign = 32;

// `address` rounded up; nullopt where that passes 2^64.
std::optional<VirtAddr> AlignUp(VirtAddr address, ByteSize align) {
  const uint64_t up = (address.value() + align.value() - 1) & ~(align.value() - 1);
  if (up < address.value()) return std::nullopt;
  return VirtAddr(up);
}

VirtAddr AlignDown(VirtAddr address, ByteSize align) { return VirtAddr(address.value() & ~(align.value() - 1)); }

// The aligned places for `size` bytes in a gap, from the lowest to the highest; nullopt where there is none.
struct Places {
  VirtAddr lowest;
  VirtAddr highest;
};
std::optional<Places> PlacesIn(VirtRange gap, VirtAddr from, VirtAddr limit, ByteSize size, ByteSize align) {
  const auto lowest = AlignUp(std::max(gap.base, from), align);
  const VirtAddr end = std::min(gap.end(), limit);
  if (!lowest || *lowest >= end || end - *lowest < size) return std::nullopt;
  return Places{*lowest, AlignDown(end - size, align)};
}

}  // namespace

std::optional<VirtRange> VmAddressRegion::LowestGap(ByteSize size, ByteSize align, VirtAddr from,
                                                    VirtAddr limit) const {
  // A gap with this much more holds an aligned place wherever it begins.
  const ByteSize slack = align - ByteSize(kPageSize);
  auto gap = tree_.FindGap(size + slack, from);
  if (gap && PlacesIn(*gap, from, limit, size, align)) return gap;
  if (slack == ByteSize(0)) return std::nullopt;
  // Only the gaps that are hardly larger are left: they are looked at one by one.
  while ((gap = tree_.FindGap(size, from)) && gap->base < limit) {
    if (PlacesIn(*gap, from, limit, size, align)) return gap;
    from = gap->end();
  }
  return std::nullopt;
}

absl::StatusOr<VirtAddr> VmAddressRegion::Place(const Placement& placement, ByteSize size, uint64_t* random) const {
  if (size > range_.size) return absl::InvalidArgumentError("larger than the region");
  if (placement.align_log2 < kLeastAlign || placement.align_log2 > kMostAlign) {
    return absl::InvalidArgumentError("alignment out of range");
  }
  if (!placement.offset.IsPageAligned()) return absl::InvalidArgumentError("the offset isn't page-aligned");
  const ByteSize align(uint64_t{1} << placement.align_log2);
  VirtAddr limit = range_.end();
  switch (placement.kind) {
    case Placement::Kind::kAt:
    case Placement::Kind::kAtReplacing: {
      if (placement.offset > range_.size - size) return absl::InvalidArgumentError("outside of the region");
      const VirtAddr base = range_.base + placement.offset;
      if (AlignDown(base, align) != base) return absl::InvalidArgumentError("the place isn't aligned as wanted");
      if (placement.kind == Placement::Kind::kAt && !tree_.IsFree({base, size})) {
        return absl::ResourceExhaustedError("occupied");
      }
      return base;
    }
    case Placement::Kind::kBelow:
      if (placement.offset > range_.size) return absl::InvalidArgumentError("outside of the region");
      limit = range_.base + placement.offset;
      break;
    case Placement::Kind::kAnywhere:
      break;
  }
  std::optional<VirtAddr> place;
  if (placement.compact) place = CompactPlace(size, align, limit);
  if (!place && random != nullptr) place = RandomPlace(size, align, limit, *random);
  if (!place) {
    if (const auto gap = LowestGap(size, align, range_.base, limit)) {
      place = PlacesIn(*gap, range_.base, limit, size, align)->lowest;
    }
  }
  if (!place) return absl::ResourceExhaustedError("no room for it");
  return *place;
}

std::optional<VirtAddr> VmAddressRegion::CompactPlace(ByteSize size, ByteSize align, VirtAddr limit) const {
  const auto first = tree_.GapAt(range_.base);
  if (first == range_) return std::nullopt;  // there is nothing yet to be next to
  const VirtAddr first_child = first ? first->end() : range_.base;
  if (const auto gap = LowestGap(size, align, first_child, limit)) {
    return PlacesIn(*gap, first_child, limit, size, align)->lowest;
  }
  if (!first) return std::nullopt;
  const auto places = PlacesIn(*first, range_.base, limit, size, align);
  return places ? std::optional(places->highest) : std::nullopt;
}

std::optional<VirtAddr> VmAddressRegion::RandomPlace(ByteSize size, ByteSize align, VirtAddr limit,
                                                     uint64_t& random) const {
  const auto draw_by = [&](uint64_t& state, Places places) {
    const uint64_t count = (places.highest - places.lowest).value() / align.value() + 1;
    return places.lowest + ByteSize(NextRandom(state) % count * align.value());
  };
  const auto draw = [&](Places places) { return draw_by(random, places); };
  const auto all = PlacesIn(range_, range_.base, limit, size, align);
  if (!all) return std::nullopt;
  VirtAddr drawn;
  for (int i = 0; i < kDraws; ++i) {
    drawn = draw(*all);
    if (!tree_.IsFree({drawn, size})) continue;
    // The next one is known already, if it is like this one.
    uint64_t next = random;
    tree_.Prefetch(draw_by(next, *all));
    return drawn;
  }
  auto gap = LowestGap(size, align, drawn, limit);
  if (!gap) gap = LowestGap(size, align, range_.base, limit);
  if (!gap) return std::nullopt;
  return draw(*PlacesIn(*gap, range_.base, limit, size, align));
}

}  // namespace zirconia::mm
