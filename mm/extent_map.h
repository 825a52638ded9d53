// The bookkeeping of a page table: which runs of addresses are translated to which runs of frames.
#ifndef ZIRCONIA_MM_EXTENT_MAP_H_
#define ZIRCONIA_MM_EXTENT_MAP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "mm/page_table.h"
#include "mm/pool.h"
#include "mm/units.h"

namespace zirconia::mm {

// An ordered map from address ranges to translations, kept in as few extents as can be.
//
// Invariants (`Verify`): extents are page-aligned, not empty, don't overlap, and no two neighbours could be one: where
// one ends and the next begins at the same address, they differ in protection or `realized`, or the frames don't
// continue. Zero extents never permit writing.
//
// Costs: finding is O(log n) in the number of extents; an edit is O(log n) and O(1) for each extent that it covers,
// whatever their sizes. One edit makes at most two extents more than there were. Nothing here can fail. Not
// thread-safe: its owner's lock guards it.
//
// Effects: where `effects` isn't null, an edit appends what it did, piece by piece in address order, with `realized` as
// it was (removed, before) and as it is (added, after). `Map` and `MapZero` report everything that stood there as
// removed, and one piece as added, also where the two are alike; `Protect` reports as changed only what had another
// protection. `SetRealized` reports nothing.
class ExtentMap {
 public:
  // Translates `range` (not empty) to consecutive frames from `first_frame`, in place of whatever is there.
  void Map(VirtRange range, FrameNumber first_frame, Protection protection, bool realized,
           PageTableEffects* effects = nullptr);

  // Lets `range` (not empty) read as zeros, in place of whatever is there. `protection` doesn't permit writing.
  void MapZero(VirtRange range, Protection protection, bool realized, PageTableEffects* effects = nullptr);

  // Removes all translations in `range`; gaps are fine.
  void Unmap(VirtRange range, PageTableEffects* effects = nullptr);

  // Gives all translations in `range` this protection; gaps are fine. They stay as realized as they were. Zero extents
  // are removed instead where `protection` permits writing.
  void Protect(VirtRange range, Protection protection, PageTableEffects* effects = nullptr);

  // Marks all translations in `range` realized or not; gaps are fine.
  void SetRealized(VirtRange range, bool realized);

  // Carries out one edit. `realized` is what a new translation is (kMap and kMapZero).
  void Apply(const PageTableEdit& edit, bool realized, PageTableEffects* effects = nullptr);

  void Clear();

  // The whole extent that holds `address`.
  std::optional<Translation> Find(VirtAddr address) const;

  // The first extent that ends after `address`: the one that holds it, else the next one above.
  std::optional<Translation> FindFrom(VirtAddr address) const;

  // Calls `visit` for each extent that overlaps `range`, in address order, cut to `range`; stops early when it returns
  // false. `visit` must not change the map.
  void ForEach(VirtRange range, absl::FunctionRef<bool(const Translation&)> visit) const;

  std::vector<Translation> Snapshot() const;

  // How many extents there are, and how many of them are realized. O(1).
  size_t size() const { return extents_.size(); }
  size_t realized_size() const { return realized_size_; }

  absl::Status Verify() const;

 private:
  static constexpr uint64_t kZero = ~uint64_t{0};  // in place of a frame number

  struct Extent {
    ByteSize size;
    uint64_t first_frame = kZero;
    Protection protection;
    bool realized = false;
  };
  using Tree = absl::btree_map<VirtAddr, Extent, std::less<>, PoolAllocator<std::pair<const VirtAddr, Extent>>>;

  static Translation ToTranslation(VirtAddr base, const Extent& extent);
  // Whether `next`, which begins where `extent` ends, can be one with it.
  static bool Continues(const Extent& extent, const Extent& next);
  // The first extent that ends after `address`.
  Tree::const_iterator LowerBound(VirtAddr address) const;
  Tree::iterator LowerBound(VirtAddr address);

  // Cuts the extent that straddles `address`, if one does.
  void SplitAt(VirtAddr address);
  // Joins neighbours that can be one, from the one before `range` to the one after it.
  void Coalesce(VirtRange range);
  void Replace(VirtRange range, const Extent& extent, PageTableEffects* effects);
  // Removes what lies in `range`, at whose ends no extent is cut.
  void Erase(VirtRange range, PageTableEffects* effects);

  Tree extents_;
  size_t realized_size_ = 0;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_EXTENT_MAP_H_
