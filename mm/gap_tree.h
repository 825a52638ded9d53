// The free ranges of a VMAR.
#ifndef ZIRCONIA_MM_GAP_TREE_H_
#define ZIRCONIA_MM_GAP_TREE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "mm/units.h"

namespace zirconia::mm {

// A set of addresses, kept as disjoint ranges that never touch one another, in a balanced tree (a treap) ordered by
// address in which each node knows the largest range below it. So the lowest range that is large enough is found
// without looking at the others. Every operation is O(log n) in the number of ranges. Not thread-safe.
class GapTree {
 public:
  // Adds a range none of which is in it; joins it with its neighbours.
  void Insert(VirtRange range);
  // Takes a range out all of which is in it.
  void Remove(VirtRange range);

  bool Contains(VirtRange range) const;
  // The lowest range whose part from `from` on has at least `size` bytes; the whole range is returned.
  std::optional<VirtRange> FindFirst(ByteSize size, VirtAddr from) const;
  // The range that holds `address`.
  std::optional<VirtRange> At(VirtAddr address) const;

  size_t size() const { return nodes_.size() - 1 - unused_.size(); }
  void Clear();
  // Calls `visit` for each range in order.
  void ForEach(absl::FunctionRef<void(VirtRange)> visit) const;
  absl::Status Verify() const;

 private:
  using Index = uint32_t;
  static constexpr Index kNil = 0;
  struct Node {
    VirtRange range;
    ByteSize largest;  // of this node and all below
    Index left = kNil;
    Index right = kNil;
    uint32_t priority = 0;  // never less than that of a node below
  };

  Index NewNode(VirtRange range);
  void Update(Index i);
  // Divides a tree into what begins below `at` and the rest.
  void Split(Index tree, VirtAddr at, Index& below, Index& rest);
  // Joins two trees, all of `low` being below all of `high`.
  Index Join(Index low, Index high);
  Index FindFirstIn(Index tree, ByteSize size, VirtAddr from) const;
  // The last range that begins at or below `address`; kNil where there is none.
  Index LastFrom(VirtAddr address) const;
  // Each goes down one path, and returns what is then the root of `tree`.
  Index AddTo(Index tree, Index node);
  Index DropFrom(Index tree, VirtAddr base);
  // Gives the range that begins at `base` another extent, between its neighbours.
  void ChangeIn(Index tree, VirtAddr base, VirtRange range);

  std::vector<Node> nodes_ = std::vector<Node>(1);  // the first stands for no node
  std::vector<Index> unused_;
  Index root_ = kNil;
  uint64_t random_ = 1;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_GAP_TREE_H_
