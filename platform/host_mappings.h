// The bookkeeping of what the host really has mapped in a window.
#ifndef ZIRCONIA_PLATFORM_HOST_MAPPINGS_H_
#define ZIRCONIA_PLATFORM_HOST_MAPPINGS_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "mm/page_table.h"
#include "mm/pool.h"
#include "mm/units.h"

namespace zirconia::platform {

// What stands at a page: a frame of the backing file, or private anonymous memory (zeros, never written), with a
// protection. The default is the reservation: anonymous and inaccessible.
struct HostMapping {
  std::optional<mm::FrameNumber> first_frame;
  mm::Protection protection;

  // What `translation` asks for at `address`, which lies in its range.
  static HostMapping Of(const mm::Translation& translation, mm::VirtAddr address) {
    return HostMapping{translation.first_frame, translation.protection}.Advanced(address - translation.range.base);
  }

  bool accessible() const { return !protection.none(); }
  bool reserved() const { return !first_frame.has_value() && protection.none(); }
  // The mapping `distance` bytes further on.
  HostMapping Advanced(mm::ByteSize distance) const {
    if (!first_frame.has_value()) return *this;
    return {*first_frame + mm::PageCount::Of(distance), protection};
  }
  friend bool operator==(const HostMapping&, const HostMapping&) = default;
};

// A run of pages with consecutive frames, or all anonymous, and one protection: what the host keeps as one mapping.
struct HostExtent {
  mm::VirtRange range;
  HostMapping mapping;
  // The part of it within `part`, which it overlaps.
  HostExtent CutTo(mm::VirtRange part) const {
    const mm::VirtRange cut = range.Intersect(part);
    return {cut, mapping.Advanced(cut.base - range.base)};
  }
  friend bool operator==(const HostExtent&, const HostExtent&) = default;
};

// Covers the whole window, without gaps: at first by one reserved extent. Neighbours that can be one are one, as the
// host merges them, so that `count()` is the number of host mappings in the window. Not thread-safe.
class HostMappings {
 public:
  explicit HostMappings(mm::VirtRange window);

  mm::VirtRange window() const { return window_; }
  size_t count() const { return extents_.size(); }

  // Records that `mapping` now stands in `range` (not empty, in the window); its frames run on through the range.
  void Set(mm::VirtRange range, HostMapping mapping);

  // The whole extent that holds `address`, which lies in the window.
  HostExtent Find(mm::VirtAddr address) const;

  // Calls `visit` for each extent that overlaps `range`, cut to it, in address order; stops early when it returns
  // false. `visit` must not change the map.
  void ForEach(mm::VirtRange range, absl::FunctionRef<bool(const HostExtent&)> visit) const;

  // Whether nothing but the reservation stands in `range` (not empty).
  bool IsReserved(mm::VirtRange range) const;

  // The smallest range that holds everything in `range` that isn't reserved; empty where all is.
  mm::VirtRange HullOfMapped(mm::VirtRange range) const;

  // `range`, widened at both ends to whole extents.
  mm::VirtRange WidenToExtents(mm::VirtRange range) const;

  // How many host mappings more there can be at most once something else stands in `range`: 0 to 2.
  size_t GrowthBound(mm::VirtRange range) const;

  absl::Status Verify() const;

 private:
  using Tree = absl::btree_map<mm::VirtAddr, HostMapping, std::less<>,
                               mm::PoolAllocator<std::pair<const mm::VirtAddr, HostMapping>>>;

  HostExtent ToExtent(Tree::const_iterator it) const;
  Tree::const_iterator At(mm::VirtAddr address) const;
  // Makes an extent begin at `address`; returns it, or the end where `address` is the window's end.
  Tree::iterator SplitAt(mm::VirtAddr address);
  // Joins the extent at `it` to the one before it, if they can be one; returns the one that then holds it.
  Tree::iterator Join(Tree::iterator it);

  const mm::VirtRange window_;
  Tree extents_;  // by first address; each ends where the next begins
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_HOST_MAPPINGS_H_
