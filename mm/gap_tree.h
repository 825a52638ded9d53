// The free ranges of a VMAR.
#ifndef ZIRCONIA_MM_GAP_TREE_H_
#define ZIRCONIA_MM_GAP_TREE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "mm/units.h"

namespace zirconia::mm {

// A set of addresses, kept as disjoint ranges that never touch one another (gaps), in a B-tree that knows the largest
// gap below each node. So the lowest one that is large enough is found without looking at the others. Every operation
// is O(log n) in the number of gaps, and touches few cache lines. Not thread-safe.
class GapTree {
 public:
  // Adds a range none of which is in it; joins it with its neighbours.
  void Insert(VirtRange range);
  // Takes a range out all of which is in it.
  void Remove(VirtRange range);

  bool Contains(VirtRange range) const;
  // The lowest gap whose part from `from` on has at least `size` bytes; the whole gap is returned.
  std::optional<VirtRange> FindFirst(ByteSize size, VirtAddr from) const;
  // The gap that holds `address`.
  std::optional<VirtRange> At(VirtAddr address) const;

  size_t size() const { return size_; }
  void Clear() { *this = GapTree(); }
  // Calls `visit` for each gap in order.
  void ForEach(absl::FunctionRef<void(VirtRange)> visit) const;
  absl::Status Verify() const;

 private:
  using Index = uint32_t;
  static constexpr uint32_t kMost = 25;        // makes a node eight cache lines
  static constexpr uint32_t kFew = kMost / 4;  // of two children side by side, one has at least as many

  struct alignas(64) Node {
    // How many begin at or below `address`.
    uint32_t CountTo(VirtAddr address) const;
    // Where the first begins, and the size of the largest.
    VirtRange Summary() const;
    // Puts `with` in the place of those from `begin` to `end`.
    void Replace(uint32_t begin, uint32_t end, absl::Span<const VirtRange> with);
    // The summary of a child that is added is for the caller to fill in.
    void AddChild(uint32_t at, Index child);
    void DropChild(uint32_t at);
    // Appends what `from`, the next one on this level, has from `begin` on.
    void TakeFrom(Node& from, uint32_t begin);

    uint32_t count = 0;                 // less than kMost, and not 0 but in a root that is a leaf
    std::array<VirtRange, kMost> gaps;  // in an inner node, the summaries of its children
    std::array<Index, kMost> below;     // the children of an inner node
  };

  Index NewNode();
  // Lets `edit` replace gaps in the leaf for `address`, which begins with the first of them or holds the one before,
  // by at most one more. `at` of them begin at or below `address`.
  using Edit = absl::FunctionRef<void(Node& leaf, uint32_t at)>;
  void Change(VirtAddr address, Edit edit);
  void ChangeIn(Index node, uint32_t height, VirtAddr address, Edit edit);
  // Cuts a child that is full, joins one that has few with another, and renews its summary.
  void Mend(Index node, uint32_t child);
  // The last gap that begins at or below `address`.
  std::optional<VirtRange> LastTo(VirtAddr address) const;
  std::optional<VirtRange> FindFirstIn(Index i, uint32_t height, ByteSize size, VirtAddr from) const;
  void ForEachIn(Index i, uint32_t height, absl::FunctionRef<void(VirtRange)> visit) const;
  absl::Status VerifyIn(Index i, uint32_t height, size_t& seen) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::vector<Index> unused_;
  Index root_ = 0;
  uint32_t height_ = 0;  // 0: the root is a leaf
  size_t size_ = 0;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_GAP_TREE_H_
