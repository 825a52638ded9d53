#include "mm/gap_tree.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "mm/random.h"

namespace zirconia::mm {

GapTree::Index GapTree::NewNode(VirtRange range) {
  Index i;
  if (unused_.empty()) {
    i = static_cast<Index>(nodes_.size());
    nodes_.emplace_back();
  } else {
    i = unused_.back();
    unused_.pop_back();
  }
  nodes_[i] = {range, range.size, kNil, kNil, static_cast<uint32_t>(NextRandom(random_))};
  return i;
}

void GapTree::Update(Index i) {
  Node& node = nodes_[i];
  node.largest = std::max({node.range.size, nodes_[node.left].largest, nodes_[node.right].largest});
}

void GapTree::Split(Index tree, VirtAddr at, Index& below, Index& rest) {
  if (tree == kNil) {
    below = rest = kNil;
    return;
  }
  Index part = kNil;
  if (nodes_[tree].range.base < at) {
    Split(nodes_[tree].right, at, part, rest);
    nodes_[tree].right = part;
    below = tree;
  } else {
    Split(nodes_[tree].left, at, below, part);
    nodes_[tree].left = part;
    rest = tree;
  }
  Update(tree);
}

GapTree::Index GapTree::Join(Index low, Index high) {
  if (low == kNil) return high;
  if (high == kNil) return low;
  if (nodes_[low].priority >= nodes_[high].priority) {
    const Index right = Join(nodes_[low].right, high);
    nodes_[low].right = right;
    Update(low);
    return low;
  }
  const Index left = Join(low, nodes_[high].left);
  nodes_[high].left = left;
  Update(high);
  return high;
}

GapTree::Index GapTree::AddTo(Index tree, Index node) {
  if (tree == kNil || nodes_[node].priority > nodes_[tree].priority) {
    Index below = kNil, rest = kNil;
    Split(tree, nodes_[node].range.base, below, rest);
    nodes_[node].left = below;
    nodes_[node].right = rest;
    Update(node);
    return node;
  }
  if (nodes_[node].range.base < nodes_[tree].range.base) {
    nodes_[tree].left = AddTo(nodes_[tree].left, node);
  } else {
    nodes_[tree].right = AddTo(nodes_[tree].right, node);
  }
  Update(tree);
  return tree;
}

GapTree::Index GapTree::DropFrom(Index tree, VirtAddr base) {
  if (nodes_[tree].range.base == base) {
    unused_.push_back(tree);
    return Join(nodes_[tree].left, nodes_[tree].right);
  }
  if (base < nodes_[tree].range.base) {
    nodes_[tree].left = DropFrom(nodes_[tree].left, base);
  } else {
    nodes_[tree].right = DropFrom(nodes_[tree].right, base);
  }
  Update(tree);
  return tree;
}

void GapTree::ChangeIn(Index tree, VirtAddr base, VirtRange range) {
  if (nodes_[tree].range.base == base) {
    nodes_[tree].range = range;
  } else {
    ChangeIn(base < nodes_[tree].range.base ? nodes_[tree].left : nodes_[tree].right, base, range);
  }
  Update(tree);
}

GapTree::Index GapTree::LastFrom(VirtAddr address) const {
  Index best = kNil;
  for (Index i = root_; i != kNil;) {
    if (nodes_[i].range.base <= address) {
      best = i;
      i = nodes_[i].right;
    } else {
      i = nodes_[i].left;
    }
  }
  return best;
}

void GapTree::Insert(VirtRange range) {
  if (range.empty()) return;
  const Index below = LastFrom(range.base), above = LastFrom(range.end());
  const bool joins_below = below != kNil && nodes_[below].range.end() == range.base;
  const bool joins_above = above != kNil && nodes_[above].range.base == range.end();
  if (joins_below && joins_above) {
    const VirtRange low = nodes_[below].range, high = nodes_[above].range;
    root_ = DropFrom(root_, high.base);
    ChangeIn(root_, low.base, VirtRange::FromTo(low.base, high.end()));
  } else if (joins_below) {
    const VirtAddr base = nodes_[below].range.base;
    ChangeIn(root_, base, VirtRange::FromTo(base, range.end()));
  } else if (joins_above) {
    ChangeIn(root_, range.end(), VirtRange::FromTo(range.base, nodes_[above].range.end()));
  } else {
    root_ = AddTo(root_, NewNode(range));
  }
}

void GapTree::Remove(VirtRange range) {
  if (range.empty()) return;
  const VirtRange gap = *At(range.base);
  const VirtRange low = VirtRange::FromTo(gap.base, range.base), high = VirtRange::FromTo(range.end(), gap.end());
  if (low.empty() && high.empty()) {
    root_ = DropFrom(root_, gap.base);
  } else if (low.empty()) {
    ChangeIn(root_, gap.base, high);
  } else {
    ChangeIn(root_, gap.base, low);
    if (!high.empty()) root_ = AddTo(root_, NewNode(high));
  }
}

bool GapTree::Contains(VirtRange range) const {
  const Index i = LastFrom(range.base);
  return i != kNil && nodes_[i].range.Contains(range);
}

std::optional<VirtRange> GapTree::At(VirtAddr address) const {
  const Index i = LastFrom(address);
  if (i == kNil || !nodes_[i].range.Contains(address)) return std::nullopt;
  return nodes_[i].range;
}

GapTree::Index GapTree::FindFirstIn(Index tree, ByteSize size, VirtAddr from) const {
  if (tree == kNil || nodes_[tree].largest < size) return kNil;
  const Node& node = nodes_[tree];
  if (node.range.end() > from) {
    if (node.range.base > from) {
      if (const Index found = FindFirstIn(node.left, size, from); found != kNil) return found;
    }
    if (node.range.end() - std::max(node.range.base, from) >= size) return tree;
  }
  return FindFirstIn(node.right, size, from);
}

std::optional<VirtRange> GapTree::FindFirst(ByteSize size, VirtAddr from) const {
  const Index i = FindFirstIn(root_, size, from);
  if (i == kNil) return std::nullopt;
  return nodes_[i].range;
}

void GapTree::Clear() {
  nodes_.resize(1);
  unused_.clear();
  root_ = kNil;
}

void GapTree::ForEach(absl::FunctionRef<void(VirtRange)> visit) const {
  std::vector<Index> path;
  for (Index i = root_; i != kNil || !path.empty();) {
    for (; i != kNil; i = nodes_[i].left) path.push_back(i);
    i = path.back();
    path.pop_back();
    visit(nodes_[i].range);
    i = nodes_[i].right;
  }
}

absl::Status GapTree::Verify() const {
  absl::Status status;
  std::optional<VirtRange> before;
  size_t count = 0;
  ForEach([&](VirtRange range) {
    ++count;
    if (range.empty() || (before && before->end() >= range.base)) {
      status = absl::InternalError(
          absl::StrFormat("gap at %#x: empty, or not apart from the one below", range.base.value()));
    }
    before = range;
  });
  if (!status.ok()) return status;
  if (count != size()) return absl::InternalError("count of gaps is wrong");
  for (Index i = 1; i < nodes_.size(); ++i) {
    if (std::find(unused_.begin(), unused_.end(), i) != unused_.end()) continue;
    const Node& node = nodes_[i];
    if (node.largest != std::max({node.range.size, nodes_[node.left].largest, nodes_[node.right].largest})) {
      return absl::InternalError(absl::StrFormat("gap at %#x: largest below is wrong", node.range.base.value()));
    }
  }
  return absl::OkStatus();
}

}  // namespace zirconia::mm
