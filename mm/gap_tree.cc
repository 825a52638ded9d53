#include "mm/gap_tree.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace zirconia::mm {
namespace {

// Puts `with` in the place of what is from `begin` to `end` of the first `count`.
template <typename T, size_t kSize>
void Splice(std::array<T, kSize>& array, uint32_t count, uint32_t begin, uint32_t end, absl::Span<const T> with) {
  const auto tail = array.begin() + end, last = array.begin() + count;
  if (with.size() > end - begin) {
    std::copy_backward(tail, last, last + (with.size() - (end - begin)));
  } else {
    std::copy(tail, last, array.begin() + begin + with.size());
  }
  std::copy(with.begin(), with.end(), array.begin() + begin);
}

}  // namespace

uint32_t GapTree::Node::CountTo(VirtAddr address) const {
  // Faster than a binary search: nothing to guess, and all cache lines are fetched at once.
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; ++i) n += gaps[i].base <= address ? 1 : 0;
  return n;
}

VirtRange GapTree::Node::Summary() const {
  ByteSize largest;
  for (uint32_t i = 0; i < count; ++i) largest = std::max(largest, gaps[i].size);
  return {gaps[0].base, largest};
}

void GapTree::Node::Replace(uint32_t begin, uint32_t end, absl::Span<const VirtRange> with) {
  Splice(gaps, count, begin, end, with);
  count = count - (end - begin) + static_cast<uint32_t>(with.size());
}

void GapTree::Node::AddChild(uint32_t at, Index child) {
  Splice<Index>(below, count, at, at, {&child, 1});
  Replace(at, at, {VirtRange()});
}

void GapTree::Node::DropChild(uint32_t at) {
  Splice<Index>(below, count, at, at + 1, {});
  Replace(at, at + 1, {});
}

void GapTree::Node::TakeFrom(Node& from, uint32_t begin) {
  std::copy(from.gaps.begin() + begin, from.gaps.begin() + from.count, gaps.begin() + count);
  std::copy(from.below.begin() + begin, from.below.begin() + from.count, below.begin() + count);
  count += from.count - begin;
  from.count = begin;
}

GapTree::Index GapTree::NewNode() {
  if (unused_.empty()) {
    nodes_.emplace_back();
    return static_cast<Index>(nodes_.size() - 1);
  }
  const Index i = unused_.back();
  unused_.pop_back();
  return i;
}

void GapTree::Mend(Index node, uint32_t child) {
  const Index below = nodes_[node].below[child];
  if (nodes_[below].count == kMost) {
    const Index upper = NewNode();
    nodes_[upper].TakeFrom(nodes_[below], kMost / 2);
    nodes_[node].AddChild(child + 1, upper);
    nodes_[node].gaps[child + 1] = nodes_[upper].Summary();
  }
  Node& parent = nodes_[node];
  if (nodes_[below].count < kFew) {
    for (uint32_t i = child == 0 ? 0 : child - 1; i <= child && i + 1 < parent.count; ++i) {
      Node& low = nodes_[parent.below[i]];
      Node& high = nodes_[parent.below[i + 1]];
      if (low.count + high.count > kMost / 2 && nodes_[below].count != 0) continue;
      low.TakeFrom(high, 0);
      unused_.push_back(parent.below[i + 1]);
      parent.DropChild(i + 1);
      child = i;
      break;
    }
  }
  if (nodes_[parent.below[child]].count == 0) {
    unused_.push_back(below);
    parent.DropChild(child);
  } else {
    parent.gaps[child] = nodes_[parent.below[child]].Summary();
  }
}

void GapTree::ChangeIn(Index node, uint32_t height, VirtAddr address, Edit edit) {
  const uint32_t at = nodes_[node].CountTo(address);
  if (height == 0) {
    size_ -= nodes_[node].count;
    edit(nodes_[node], at);
    size_ += nodes_[node].count;
  } else {
    const uint32_t child = at == 0 ? 0 : at - 1;
    ChangeIn(nodes_[node].below[child], height - 1, address, edit);
    Mend(node, child);
  }
}

void GapTree::Change(VirtAddr address, Edit edit) {
  ChangeIn(root_, height_, address, edit);
  if (nodes_[root_].count == kMost) {
    const Index root = NewNode();
    nodes_[root].AddChild(0, root_);
    root_ = root;
    ++height_;
    Mend(root_, 0);
  }
  while (height_ > 0 && nodes_[root_].count == 1) {
    nodes_[root_].count = 0;
    unused_.push_back(root_);
    root_ = nodes_[root_].below[0];
    --height_;
  }
}

void GapTree::Insert(VirtRange range) {
  if (range.empty()) return;
  bool last = false;
  Change(range.base, [&](Node& leaf, uint32_t at) {
    const uint32_t begin = at > 0 && leaf.gaps[at - 1].end() == range.base ? at - 1 : at;
    const uint32_t end = at < leaf.count && leaf.gaps[at].base == range.end() ? at + 1 : at;
    const VirtRange joined = VirtRange::FromTo(begin < at ? leaf.gaps[begin].base : range.base,
                                               end > at ? leaf.gaps[at].end() : range.end());
    last = at == leaf.count;
    leaf.Replace(begin, end, {joined});
  });
  if (!last) return;
  // What it touches may stand in the next leaf.
  if (const auto above = At(range.end())) {
    Remove(*above);
    Insert(*above);
  }
}

void GapTree::Remove(VirtRange range) {
  if (range.empty()) return;
  Change(range.base, [&](Node& leaf, uint32_t at) {
    const VirtRange gap = leaf.gaps[at - 1];
    const std::array<VirtRange, 2> parts = {VirtRange::FromTo(gap.base, range.base),
                                            VirtRange::FromTo(range.end(), gap.end())};
    const size_t skip = parts[0].empty() ? 1 : 0, drop = parts[1].empty() ? 1 : 0;
    leaf.Replace(at - 1, at, absl::MakeConstSpan(parts).subspan(skip, 2 - skip - drop));
  });
}

std::optional<VirtRange> GapTree::LastTo(VirtAddr address) const {
  Index i = root_;
  for (uint32_t height = height_;; --height) {
    const Node& node = nodes_[i];
    const uint32_t at = node.CountTo(address);
    if (at == 0) return std::nullopt;
    if (height == 0) return node.gaps[at - 1];
    i = node.below[at - 1];
  }
}

bool GapTree::Contains(VirtRange range) const {
  const auto gap = LastTo(range.base);
  return gap && gap->Contains(range);
}

std::optional<VirtRange> GapTree::At(VirtAddr address) const {
  const auto gap = LastTo(address);
  return gap && gap->Contains(address) ? gap : std::nullopt;
}

std::optional<VirtRange> GapTree::FindFirstIn(Index i, uint32_t height, ByteSize size, VirtAddr from) const {
  const Node& node = nodes_[i];
  for (uint32_t at = std::max(node.CountTo(from), 1u) - 1; at < node.count; ++at) {
    const VirtRange gap = node.gaps[at];
    if (gap.size < size) continue;
    if (height > 0) {
      if (const auto found = FindFirstIn(node.below[at], height - 1, size, from)) return found;
    } else if (gap.end() > from && gap.end() - std::max(gap.base, from) >= size) {
      return gap;
    }
  }
  return std::nullopt;
}

std::optional<VirtRange> GapTree::FindFirst(ByteSize size, VirtAddr from) const {
  return FindFirstIn(root_, height_, size, from);
}

void GapTree::ForEachIn(Index i, uint32_t height, absl::FunctionRef<void(VirtRange)> visit) const {
  const Node& node = nodes_[i];
  for (uint32_t at = 0; at < node.count; ++at) {
    if (height == 0) {
      visit(node.gaps[at]);
    } else {
      ForEachIn(node.below[at], height - 1, visit);
    }
  }
}

void GapTree::ForEach(absl::FunctionRef<void(VirtRange)> visit) const { ForEachIn(root_, height_, visit); }

absl::Status GapTree::VerifyIn(Index i, uint32_t height, size_t& seen) const {
  const Node& node = nodes_[i];
  ++seen;
  if (node.count >= kMost || (node.count == 0 && height_ > 0)) return absl::InternalError("a node is full, or empty");
  if (height == 0) return absl::OkStatus();
  for (uint32_t at = 0; at < node.count; ++at) {
    const Node& child = nodes_[node.below[at]];
    if (absl::Status status = VerifyIn(node.below[at], height - 1, seen); !status.ok()) return status;
    if (node.gaps[at] != child.Summary()) {
      return absl::InternalError(
          absl::StrFormat("gaps from %#x: largest or first is wrong", child.gaps[0].base.value()));
    }
    if (at > 0 && child.count < kFew && nodes_[node.below[at - 1]].count < kFew) {
      return absl::InternalError("nodes side by side have few gaps");
    }
  }
  return absl::OkStatus();
}

absl::Status GapTree::Verify() const {
  absl::Status status;
  std::optional<VirtRange> before;
  size_t count = 0, nodes = 0;
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
  status = VerifyIn(root_, height_, nodes);
  if (status.ok() && nodes + unused_.size() != nodes_.size()) return absl::InternalError("a node is lost");
  return status;
}

}  // namespace zirconia::mm
