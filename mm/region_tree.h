// What stands in a VMAR, and what is free.
#ifndef ZIRCONIA_MM_REGION_TREE_H_
#define ZIRCONIA_MM_REGION_TREE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "mm/slab.h"
#include "mm/units.h"

namespace zirconia::mm {

class VmAddressRegion;
class VmMapping;

// A mapping or a sub-region.
class RegionChild {
 public:
  RegionChild() = default;
  explicit RegionChild(VmMapping* mapping) : bits_(reinterpret_cast<uintptr_t>(mapping)) {}
  explicit RegionChild(VmAddressRegion* region) : bits_(reinterpret_cast<uintptr_t>(region) | kRegion) {}
  // Null where it is the other.
  VmMapping* mapping() const {
    return (bits_ & kRegion) != 0 ? nullptr : reinterpret_cast<VmMapping*>(bits_);  // NOLINT(performance-no-int-to-ptr)
  }
  VmAddressRegion* region() const {
    return (bits_ & kRegion) == 0
               ? nullptr
               : reinterpret_cast<VmAddressRegion*>(bits_ & ~kRegion);  // NOLINT(performance-no-int-to-ptr)
  }

 private:
  static constexpr uintptr_t kRegion = 1;
  uintptr_t bits_ = 0;
};

// The children of a region by address, in a B-tree that knows the largest gap below each node: so one descent finds
// what stands at an address, whether a place is free, or the lowest gap that is large enough, and what it read is what
// an edit changes. Gaps are what is left between entries; they are not stored. Every operation is O(log n) in the
// number of entries, and misses the cache at most in the two lowest nodes of a million of them. It owns no child.
// Ranges are page-aligned, and below 2^48. Not thread-safe.
class RegionTree {
 public:
  struct Entry {
    VirtRange range;
    RegionChild child;
  };

  // Memory for the nodes of the trees of an address space.
  struct Nodes : Slab {
    Nodes();
  };

  // All of `range` is free. `nodes` isn't used any more once it is closed.
  RegionTree(VirtRange range, Nodes& nodes);
  RegionTree(const RegionTree&) = delete;
  RegionTree& operator=(const RegionTree&) = delete;
  ~RegionTree() { Close(); }

  // Adds an entry, not empty, where all is free.
  void Insert(VirtRange range, RegionChild child);
  // Removes the entry that begins at `base`.
  void Erase(VirtAddr base);
  // Gives the entry that begins at `base` another end, above `base`; what it gains is free.
  void SetEnd(VirtAddr base, VirtAddr end);
  // Gives its nodes back; then there is nothing in it, and nothing is done with it any more. Idempotent.
  void Close();

  // The entry that holds `address`.
  std::optional<Entry> Find(VirtAddr address) const;
  // Calls `visit` for each entry that overlaps `range`, which is inside, in order, until it returns false; returns
  // whether it never did. `visit` must not change the tree.
  bool ForEach(VirtRange range, absl::FunctionRef<bool(const Entry&)> visit) const;
  size_t size() const { return size_; }

  // Whether nothing stands in `range`, which is inside.
  bool IsFree(VirtRange range) const;
  // The gap that holds `address`.
  std::optional<VirtRange> GapAt(VirtAddr address) const;
  // Has the processor fetch what the next look at `address` reads.
  void Prefetch(VirtAddr address) const;
  // The lowest gap whose part from `from` on has at least `size` > 0 bytes; the whole gap is returned.
  std::optional<VirtRange> FindGap(ByteSize size, VirtAddr from) const;

  absl::Status Verify() const;

 private:
  static constexpr uint32_t kMost = 64;
  static constexpr uint32_t kFew = kMost / 4;  // of two children side by side, one has at least as many
  static constexpr uint32_t kMaxHeight = 24;   // no tree is as high, not even with an entry for each page

  struct Node;
  struct Place {
    const Node* leaf;
    uint32_t at;  // the last slot that begins at or below the address
  };
  // The largest gap that an edit took away, and the largest that it made.
  struct Gaps {
    ByteSize gone, made;
  };

  static void Fetch(const Node& node, uint32_t height);
  static Entry EntryAt(const Node& leaf, uint32_t at);
  Place PlaceOf(VirtAddr address) const;
  // Lets `edit` change the leaf for `address`, of which `at` is the last slot that begins at or below, by one slot more
  // or less.
  using Edit = absl::FunctionRef<Gaps(Node& leaf, uint32_t at)>;
  void Change(VirtAddr address, Edit edit);
  // Cuts a node that is full, joins one that has few with one next to it, and renews what its parent knows of it.
  // `appended`: an edit added the last slot of its leaf.
  void Mend(Node& parent, uint32_t at, uint32_t height, bool appended);
  // What follows the last leaf below `node` begins at `bound` from now on.
  static void SetBound(Node& node, uint32_t height, VirtAddr bound);
  std::optional<VirtRange> FindGapIn(const Node& node, uint32_t height, ByteSize size, VirtAddr from) const;
  Node* New();
  void Delete(Node* node, uint32_t height);
  absl::Status VerifyIn(const Node& node, uint32_t height, VirtAddr bound, size_t& entries) const;

  const VirtRange range_;
  Nodes& nodes_;
  Node* root_;
  uint32_t height_ = 0;  // 0: the root is a leaf
  size_t size_ = 0;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_REGION_TREE_H_
