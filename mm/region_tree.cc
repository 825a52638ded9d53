#include "mm/region_tree.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <utility>

#include "absl/strings/str_format.h"
#include "mm/check.h"

namespace zirconia::mm {

// The first slot of the first leaf is the region's beginning: an entry without size, which is never removed, so that
// each gap has an entry before it.
struct RegionTree::Node {
  Node() { first_words.fill(kNowhere); }

  VirtAddr BaseOf(uint32_t at) const { return VirtAddr(first_words[at] >> kLowBits << kPageShift); }
  uint64_t PagesOf(uint32_t at) const {
    return (first_words[at] & kLow) | second_words[at] >> kPointerBits << kLowBits;
  }
  ByteSize SizeOf(uint32_t at) const { return PageCount(PagesOf(at)).bytes(); }
  VirtAddr EndOf(uint32_t at) const { return BaseOf(at) + SizeOf(at); }
  // In a leaf.
  RegionChild ChildOf(uint32_t at) const { return std::bit_cast<RegionChild>(second_words[at] & kPointer); }
  // In an inner node.
  Node* Below(uint32_t at) const {
    return reinterpret_cast<Node*>(second_words[at] & kPointer);  // NOLINT(performance-no-int-to-ptr)
  }
  void SetBase(uint32_t at, VirtAddr base) {
    first_words[at] = base.value() >> kPageShift << kLowBits | (first_words[at] & kLow);
  }
  void SetSize(uint32_t at, ByteSize size) {
    const uint64_t pages = PageCount::Of(size).value();
    first_words[at] = (first_words[at] & ~kLow) | (pages & kLow);
    second_words[at] = (second_words[at] & kPointer) | pages >> kLowBits << kPointerBits;
  }

  // The last slot that begins at or below `address`; the first one does. Nothing here is guessed.
  uint32_t LastTo(VirtAddr address) const {
    const uint64_t word = address.value() >> kPageShift << kLowBits | kLow;
    uint32_t at = 0;
    for (uint32_t step = kMost / 2; step != 0; step /= 2) at += first_words[at + step] <= word ? step : 0;
    return at;
  }
  // In a leaf.
  VirtRange GapAfter(uint32_t at) const {
    return VirtRange::FromTo(EndOf(at), at + 1 < count ? BaseOf(at + 1) : bound);
  }
  ByteSize LargestGap(uint32_t height) const {
    uint64_t largest = 0;  // in pages
    if (height > 0) {
      for (uint32_t i = 0; i < count; ++i) largest = std::max(largest, PagesOf(i));
    } else {
      uint64_t end = (first_words[0] >> kLowBits) + PagesOf(0);
      for (uint32_t i = 1; i < count; ++i) {
        const uint64_t base = first_words[i] >> kLowBits;
        largest = std::max(largest, base - end);
        end = base + PagesOf(i);
      }
      largest = std::max(largest, (bound.value() >> kPageShift) - end);
    }
    return PageCount(largest).bytes();
  }

  void Add(uint32_t at, VirtRange range, uintptr_t pointer) {
    const auto make_room = [&](auto& words) {
      std::copy_backward(words.begin() + at, words.begin() + count, words.begin() + count + 1);
    };
    make_room(first_words);
    make_room(second_words);
    ++count;
    second_words[at] = pointer;
    SetBase(at, range.base);
    SetSize(at, range.size);
  }
  void Drop(uint32_t at) {
    const auto drop = [&](auto& words) {
      std::copy(words.begin() + at + 1, words.begin() + count, words.begin() + at);
    };
    drop(first_words);
    drop(second_words);
    first_words[--count] = kNowhere;
  }
  // Appends what `from`, the next one on this level, has from `begin` on.
  void TakeFrom(Node& from, uint32_t begin) {
    const auto take = [&](auto& to, const auto& words) {
      std::copy(words.begin() + begin, words.begin() + from.count, to.begin() + count);
    };
    take(first_words, from.first_words);
    take(second_words, from.second_words);
    count += from.count - begin;
    std::fill(from.first_words.begin() + begin, from.first_words.begin() + from.count, kNowhere);
    from.count = begin;
    bound = from.bound;
  }
  // In an inner node.
  void AddNode(uint32_t at, Node* node, uint32_t height_below) {
    Add(at, {node->BaseOf(0), node->LargestGap(height_below)}, reinterpret_cast<uintptr_t>(node));
  }

  // A slot is two words, since a leaf is read and shifted whole, line by line. The first holds the page number of the
  // base and the low bits of the size in pages, so that slots are in order of first words; the second the high bits of
  // the size, and the pointer.
  static constexpr unsigned kLowBits = 28, kPointerBits = 55;
  static constexpr uint64_t kLow = (uint64_t{1} << kLowBits) - 1, kPointer = (uint64_t{1} << kPointerBits) - 1;
  static constexpr uint64_t kNowhere = ~uint64_t{0};
  // Bases fit below, and no address there is as high as kNowhere.
  static constexpr VirtAddr kLimit{((uint64_t{1} << (64 - kLowBits)) - 1) << kPageShift};

  uint32_t count = 0;                       // less than kMost, and not 0
  VirtAddr bound;                           // of a leaf: where the next one begins, or the region ends
  std::array<uint64_t, kMost> first_words;  // kNowhere from `count` on
  std::array<uint64_t, kMost> second_words;
};

RegionTree::Nodes::Nodes() : Slab(sizeof(Node)) {}

RegionTree::RegionTree(VirtRange range, Nodes& nodes) : range_(range), nodes_(nodes), root_(New()) {
  ZIRCONIA_CHECK(range.IsValid() && range.end() < Node::kLimit, "a region passes 2^48");
  root_->Add(0, {range_.base, ByteSize(0)}, 0);
  root_->bound = range_.end();
}

RegionTree::Node* RegionTree::New() { return new (nodes_.Allocate()) Node; }

void RegionTree::Delete(Node* node, uint32_t height) {
  for (uint32_t i = 0; height > 0 && i < node->count; ++i) Delete(node->Below(i), height - 1);
  nodes_.Free(node);
}

void RegionTree::Close() {
  if (root_ != nullptr) Delete(root_, height_);
  root_ = nullptr;
  size_ = 0;
}

RegionTree::Place RegionTree::PlaceOf(VirtAddr address) const {
  const Node* node = root_;
  for (uint32_t height = height_;; --height) {
    const uint32_t at = node->LastTo(address);
    if (height == 0) return {node, at};
    node = node->Below(at);
    Fetch(*node, height - 1);
  }
}

void RegionTree::Fetch(const Node& node, uint32_t height) {
  if (height > 1) return;  // it is in the cache
  const size_t size = height == 0 ? sizeof(Node) : offsetof(Node, second_words);
  for (size_t i = 0; i < size; i += Slab::kAlign) __builtin_prefetch(reinterpret_cast<const char*>(&node) + i);
}

void RegionTree::Prefetch(VirtAddr address) const {
  const Node* node = root_;
  for (uint32_t height = height_; height > 0; --height) node = node->Below(node->LastTo(address));
  if (height_ > 0) Fetch(*node, 0);
}

void RegionTree::SetBound(Node& node, uint32_t height, VirtAddr bound) {
  if (height == 0) {
    node.bound = bound;
    return;
  }
  const uint32_t last = node.count - 1;
  SetBound(*node.Below(last), height - 1, bound);
  node.SetSize(last, node.Below(last)->LargestGap(height - 1));
}

void RegionTree::Mend(Node& parent, uint32_t at, uint32_t height, bool appended) {
  Node* node = parent.Below(at);
  if (node->count == kMost) {
    // What grows at its end goes on doing so: full nodes stay behind.
    Node* const upper = New();
    upper->TakeFrom(*node, appended && at + 1 == parent.count ? kMost - 2 : kMost / 2);
    upper->bound = std::exchange(node->bound, upper->BaseOf(0));
    parent.AddNode(at + 1, upper, height);
  } else if (node->count < kFew) {
    for (uint32_t i = at == 0 ? 0 : at - 1; i <= at && i + 1 < parent.count; ++i) {
      Node* const low = parent.Below(i);
      Node* const high = parent.Below(i + 1);
      if (low->count + high->count > kMost / 2 && node->count != 0) continue;
      low->TakeFrom(*high, 0);
      nodes_.Free(high);
      parent.Drop(i + 1);
      at = i;
      node = low;
      break;
    }
  }
  if (node->count == 0) {  // it was the only one
    nodes_.Free(node);
    parent.Drop(at);
    return;
  }
  parent.SetBase(at, node->BaseOf(0));
  parent.SetSize(at, node->LargestGap(height));
}

void RegionTree::Change(VirtAddr address, Edit edit) {
  struct Step {
    Node* node;
    uint32_t at;
  };
  std::array<Step, kMaxHeight + 1> path;
  Node* node = root_;
  for (uint32_t height = height_;; --height) {
    const uint32_t at = node->LastTo(address);
    path[height] = {node, at};
    if (height == 0) break;
    node = node->Below(at);
  }
  const bool appended = path[0].at + 1 == node->count;
  Gaps gaps = edit(*node, path[0].at);
  std::optional<VirtAddr> moved;
  if (node->count == 0 || node->BaseOf(0) > address) moved = node->count == 0 ? node->bound : node->BaseOf(0);
  bool mended = false;
  for (uint32_t height = 0; height < height_; ++height) {
    node = path[height].node;
    Node& parent = *path[height + 1].node;
    const uint32_t at = path[height + 1].at;
    if (moved || mended || node->count < kFew || node->count == kMost) {
      mended = true;
      if (moved && at > 0) {
        SetBound(*parent.Below(at - 1), height, *moved);
        parent.SetSize(at - 1, parent.Below(at - 1)->LargestGap(height));
        moved.reset();
      }
      Mend(parent, at, height, appended);
      continue;
    }
    const ByteSize before = parent.SizeOf(at);
    const ByteSize now = gaps.made >= before ? gaps.made : gaps.gone < before ? before : node->LargestGap(height);
    if (now == before) return;
    parent.SetSize(at, now);
    gaps = {before, now};
  }
  if (root_->count == kMost) {
    Node* const root = New();
    root->AddNode(0, root_, height_);
    root_ = root;
    Mend(*root_, 0, height_++, appended);
  }
  while (height_ > 0 && root_->count == 1) {
    Node* const root = root_->Below(0);
    nodes_.Free(root_);
    root_ = root;
    --height_;
  }
}

void RegionTree::Insert(VirtRange range, RegionChild child) {
  Change(range.base, [&](Node& leaf, uint32_t at) -> Gaps {
    const ByteSize gone = leaf.GapAfter(at).size;
    leaf.Add(at + 1, range, std::bit_cast<uintptr_t>(child));
    return {gone, std::max(leaf.GapAfter(at).size, leaf.GapAfter(at + 1).size)};
  });
  ++size_;
}

void RegionTree::Erase(VirtAddr base) {
  Change(base, [&](Node& leaf, uint32_t at) -> Gaps {
    leaf.Drop(at);
    // The gap before the first is the last one of another leaf.
    return {ByteSize(0), at == 0 ? ByteSize(0) : leaf.GapAfter(at - 1).size};
  });
  --size_;
}

void RegionTree::SetEnd(VirtAddr base, VirtAddr end) {
  Change(base, [&](Node& leaf, uint32_t at) -> Gaps {
    const ByteSize gone = leaf.GapAfter(at).size;
    leaf.SetSize(at, end - base);
    return {gone, leaf.GapAfter(at).size};
  });
}

RegionTree::Entry RegionTree::EntryAt(const Node& leaf, uint32_t at) {
  return {{leaf.BaseOf(at), leaf.SizeOf(at)}, leaf.ChildOf(at)};
}

std::optional<RegionTree::Entry> RegionTree::Find(VirtAddr address) const {
  if (!range_.Contains(address)) return std::nullopt;
  const Place place = PlaceOf(address);
  if (address >= place.leaf->EndOf(place.at)) return std::nullopt;
  return EntryAt(*place.leaf, place.at);
}

bool RegionTree::ForEach(VirtRange range, absl::FunctionRef<bool(const Entry&)> visit) const {
  for (Place place = PlaceOf(range.base);; place = PlaceOf(place.leaf->bound)) {
    const Node& leaf = *place.leaf;
    for (uint32_t at = place.at; at < leaf.count; ++at) {
      if (leaf.BaseOf(at) >= range.end()) return true;
      if (leaf.EndOf(at) > range.base && !visit(EntryAt(leaf, at))) return false;
    }
    if (leaf.bound >= range.end()) return true;
  }
}

bool RegionTree::IsFree(VirtRange range) const {
  const Place place = PlaceOf(range.base);
  return place.leaf->GapAfter(place.at).Contains(range);
}

std::optional<VirtRange> RegionTree::GapAt(VirtAddr address) const {
  const Place place = PlaceOf(address);
  const VirtRange gap = place.leaf->GapAfter(place.at);
  if (!gap.Contains(address)) return std::nullopt;
  return gap;
}

std::optional<VirtRange> RegionTree::FindGapIn(const Node& node, uint32_t height, ByteSize size, VirtAddr from) const {
  for (uint32_t at = node.LastTo(from); at < node.count; ++at) {
    if (height > 0) {
      if (node.SizeOf(at) < size) continue;
      Fetch(*node.Below(at), height - 1);
      if (const auto found = FindGapIn(*node.Below(at), height - 1, size, from)) return found;
    } else {
      const VirtRange gap = node.GapAfter(at);
      if (gap.end() > from && gap.end() - std::max(gap.base, from) >= size) return gap;
    }
  }
  return std::nullopt;
}

std::optional<VirtRange> RegionTree::FindGap(ByteSize size, VirtAddr from) const {
  return FindGapIn(*root_, height_, size, from);
}

absl::Status RegionTree::VerifyIn(const Node& node, uint32_t height, VirtAddr bound, size_t& entries) const {
  if (node.count == 0 || node.count >= kMost || node.first_words[node.count] != Node::kNowhere) {
    return absl::InternalError("a node of a region is full, or empty");
  }
  for (uint32_t at = 0; at < node.count; ++at) {
    const VirtAddr base = node.BaseOf(at), next = at + 1 < node.count ? node.BaseOf(at + 1) : bound;
    if (height == 0) {
      const bool begins = base == range_.base && node.SizeOf(at) == ByteSize(0);
      if (node.EndOf(at) > next || node.EndOf(at) < base || begins != (entries++ == 0)) {
        return absl::InternalError(absl::StrFormat("%#x: an entry is empty, or overlaps the next", base.value()));
      }
      continue;
    }
    const Node& below = *node.Below(at);
    if (absl::Status status = VerifyIn(below, height - 1, next, entries); !status.ok()) return status;
    if (base != below.BaseOf(0) || node.SizeOf(at) != below.LargestGap(height - 1)) {
      return absl::InternalError(absl::StrFormat("%#x: largest gap or first entry is wrong", base.value()));
    }
    if (at > 0 && below.count < kFew && node.Below(at - 1)->count < kFew) {
      return absl::InternalError(absl::StrFormat("%#x: nodes side by side have few entries", base.value()));
    }
  }
  if (height == 0 && node.bound != bound) {
    return absl::InternalError(absl::StrFormat("%#x: a leaf doesn't end where the next begins", bound.value()));
  }
  return absl::OkStatus();
}

absl::Status RegionTree::Verify() const {
  size_t entries = 0;
  if (absl::Status status = VerifyIn(*root_, height_, range_.end(), entries); !status.ok()) return status;
  if (entries != size_ + 1) return absl::InternalError("count of a region's entries is wrong");
  return absl::OkStatus();
}

}  // namespace zirconia::mm
