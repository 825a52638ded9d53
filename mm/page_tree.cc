#include "mm/page_tree.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_format.h"
#include "mm/check.h"
#include "mm/pool.h"
#include "mm/random.h"

namespace zirconia::mm {
namespace {

// Shapes of trees need no secret: any sequence of priorities will do, in every thread.
uint32_t NextPriority() {
  static std::atomic<uint64_t> state{1};
  uint64_t mine = state.fetch_add(0x9e3779b97f4a7c15, std::memory_order_relaxed);
  return static_cast<uint32_t>(NextRandom(mine) >> 32);
}

constexpr PageIndex kNoEnd = PageIndex(~uint64_t{0});

}  // namespace

// Frames that were put in together. Each is counted by the nodes that cover it; as long as all counts are equal, which
// is while nobody has cut the run, one number says it for all.
struct PageTree::Block : FromPool {
  // From each key, counted in frames, to the next: how many nodes cover that.
  struct Cuts : absl::btree_map<uint64_t, uint32_t, std::less<>, PoolAllocator<std::pair<const uint64_t, uint32_t>>>,
                FromPool {};

  FrameRun frames;
  uint64_t nodes = 1;  // that point here
  uint32_t covers = 1;
  std::unique_ptr<Cuts> cuts;  // null: `covers`, everywhere

  void SplitAt(uint64_t at) const {
    const auto next = cuts->upper_bound(at);
    const auto it = std::prev(next);
    if (it->first != at && at < frames.count.value()) cuts->emplace_hint(next, at, it->second);
  }
  // Makes keys of both ends.
  void CutAround(uint64_t from, uint64_t count) {
    if (cuts == nullptr) {
      cuts = std::make_unique<Cuts>();
      cuts->emplace(0, covers);
    }
    SplitAt(from);
    SplitAt(from + count);
  }

  void Cover(uint64_t from, uint64_t count) {
    if (cuts == nullptr && count == frames.count.value()) {
      ++covers;
      return;
    }
    CutAround(from, count);
    for (auto it = cuts->find(from); it != cuts->end() && it->first < from + count; ++it) ++it->second;
  }

  void Uncover(uint64_t from, uint64_t count, FreeFrames free) {
    if (cuts == nullptr && count == frames.count.value()) {
      if (--covers == 0) free(frames);
      return;
    }
    CutAround(from, count);
    auto it = cuts->find(from);
    while (it != cuts->end() && it->first < from + count) {
      const uint64_t begin = it->first;
      const uint32_t left = --it->second;
      const uint64_t end = std::next(it) == cuts->end() ? frames.count.value() : std::next(it)->first;
      if (left == 0) free({frames.first + PageCount(begin), PageCount(end - begin)});
      ++it;
    }
    // Neighbours with equal counts are one again.
    it = cuts->lower_bound(from);
    while (it != cuts->end() && it->first <= from + count) {
      if (it != cuts->begin() && std::prev(it)->second == it->second) {
        it = cuts->erase(it);
      } else {
        ++it;
      }
    }
    if (cuts->size() == 1) {
      covers = cuts->begin()->second;
      cuts.reset();
    }
  }
};

struct PageTree::Node : FromPool {
  uint32_t points = 1;  // nodes and trees that point here
  uint32_t priority = NextPriority();
  PageIndex first;
  PageCount count;
  uint64_t offset = 0;  // in the block, in frames
  Block* block = nullptr;
  Node* left = nullptr;
  Node* right = nullptr;
  PageCount pages;  // of all that is below, this included

  PageIndex end() const { return first + count; }
  FrameNumber frame() const { return block->frames.first + PageCount(offset); }
  // Whether it is all of its block, and nobody else has any of that.
  bool OwnsBlock() const {
    return block->cuts == nullptr && block->covers == 1 && block->nodes == 1 && count == block->frames.count;
  }
};

PageTree::~PageTree() { ZIRCONIA_CHECK(root_ == nullptr, "a page tree dies with pages in it"); }

void PageTree::Update(Node* node) {
  node->pages = node->count;
  if (node->left != nullptr) node->pages += node->left->pages;
  if (node->right != nullptr) node->pages += node->right->pages;
}

PageTree::Node* PageTree::Own(Node* node) {
  if (node->points == 1) return node;
  Node* const copy = new Node(*node);
  copy->points = 1;
  if (copy->left != nullptr) ++copy->left->points;
  if (copy->right != nullptr) ++copy->right->points;
  ++copy->block->nodes;
  copy->block->Cover(copy->offset, copy->count.value());
  --node->points;
  return copy;
}

std::pair<PageTree::Node*, PageTree::Node*> PageTree::Split(Node* node, PageIndex at) {
  // The upper part of a run that is cut has a priority of its own, which may be higher than what stands above the run.
  Node* rest = nullptr;
  const auto [before, after] = SplitAround(node, at, &rest);
  return {before, Merge(rest, after)};
}

std::pair<PageTree::Node*, PageTree::Node*> PageTree::SplitAround(Node* node, PageIndex at, Node** rest) {
  if (node == nullptr) return {nullptr, nullptr};
  node = Own(node);
  if (node->end() <= at) {
    const auto [before, after] = SplitAround(node->right, at, rest);
    node->right = before;
    Update(node);
    return {node, after};
  }
  if (node->first >= at) {
    const auto [before, after] = SplitAround(node->left, at, rest);
    node->left = after;
    Update(node);
    return {before, node};
  }
  // The run is cut. Each of its frames is still covered by one node.
  Node* const upper = new Node();
  upper->first = at;
  upper->count = node->end() - at;
  upper->offset = node->offset + (at - node->first).value();
  upper->block = node->block;
  ++upper->block->nodes;
  Update(upper);
  *rest = upper;
  Node* const after = std::exchange(node->right, nullptr);
  node->count = at - node->first;
  Update(node);
  return {node, after};
}

PageTree::Node* PageTree::Merge(Node* before, Node* after) {
  if (before == nullptr) return after;
  if (after == nullptr) return before;
  if (before->priority >= after->priority) {
    before = Own(before);
    before->right = Merge(before->right, after);
    Update(before);
    return before;
  }
  after = Own(after);
  after->left = Merge(before, after->left);
  Update(after);
  return after;
}

void PageTree::Drop(Node* node, FreeFrames free) {
  if (node == nullptr || --node->points != 0) return;
  Drop(node->left, free);
  node->block->Uncover(node->offset, node->count.value(), free);
  if (--node->block->nodes == 0) delete node->block;
  Drop(node->right, free);
  delete node;
}

PageCount PageTree::size() const { return root_ == nullptr ? PageCount() : root_->pages; }

PageCount PageTree::CountBefore(const Node* node, PageIndex at) {
  PageCount count;
  while (node != nullptr) {
    if (at <= node->first) {
      node = node->left;
      continue;
    }
    if (node->left != nullptr) count += node->left->pages;
    count += std::min(at, node->end()) - node->first;
    node = node->right;
  }
  return count;
}

PageCount PageTree::CountIn(PageIndex begin, PageIndex end) const {
  if (begin >= end) return PageCount();
  return CountBefore(root_, KeyOf(end)) - CountBefore(root_, KeyOf(begin));
}

bool PageTree::Walk(const Node* node, bool shared, PageIndex begin, PageIndex end, bool backwards,
                    absl::FunctionRef<bool(const Run&)> visit) {
  if (node == nullptr) return true;
  shared = shared || node->points > 1;
  const Node* const nearer = backwards ? node->right : node->left;
  const Node* const further = backwards ? node->left : node->right;
  const bool go_left = begin < node->first, go_right = node->end() < end;
  if ((backwards ? go_right : go_left) && !Walk(nearer, shared, begin, end, backwards, visit)) return false;
  if (node->first < end && begin < node->end()) {
    const auto piece = [&](uint64_t from, uint64_t to, bool piece_shared) {
      const PageRun all{node->first, {node->frame(), node->count}};
      const PageIndex first = node->first + PageCount(from - node->offset);
      return visit({all.Cut(std::max(begin, first), std::min(end, first + PageCount(to - from))), piece_shared});
    };
    const uint64_t last = node->offset + node->count.value();
    if (shared || node->block->cuts == nullptr) {
      if (!piece(node->offset, last, shared || node->block->covers > 1)) return false;
    } else {
      // Some of its frames may be covered by others, some not.
      using Piece = std::pair<std::pair<uint64_t, uint64_t>, bool>;
      absl::InlinedVector<Piece, 4, PoolAllocator<Piece>> pieces;
      const auto& cuts = *node->block->cuts;
      for (auto it = std::prev(cuts.upper_bound(node->offset)); it != cuts.end() && it->first < last; ++it) {
        const uint64_t from = std::max(it->first, node->offset);
        const uint64_t to = std::next(it) == cuts.end() ? last : std::min(last, std::next(it)->first);
        const PageIndex first = node->first + PageCount(from - node->offset);
        if (first >= end || first + PageCount(to - from) <= begin) continue;
        if (!pieces.empty() && pieces.back().second == (it->second > 1)) {
          pieces.back().first.second = to;
        } else {
          pieces.push_back({{from, to}, it->second > 1});
        }
      }
      if (backwards) std::reverse(pieces.begin(), pieces.end());
      for (const auto& [range, piece_shared] : pieces) {
        if (!piece(range.first, range.second, piece_shared)) return false;
      }
    }
  }
  return (backwards ? !go_left : !go_right) || Walk(further, shared, begin, end, backwards, visit);
}

bool PageTree::Visit(PageIndex begin, PageIndex end, bool backwards, absl::FunctionRef<bool(const Run&)> visit) const {
  return Walk(root_, false, KeyOf(begin), KeyOf(end), backwards, [&](const Run& run) {
    return visit({{run.pages.first - shift_, run.pages.frames}, run.shared});
  });
}

void PageTree::ForEach(PageIndex begin, PageIndex end, absl::FunctionRef<bool(const Run&)> visit) const {
  // Nodes that continue each other are one run.
  std::optional<Run> run;
  const bool all = Visit(begin, end, /*backwards=*/false, [&](const Run& next) {
    if (run.has_value() && run->shared == next.shared && run->pages.end() == next.pages.first &&
        run->pages.frames.end() == next.pages.frames.first) {
      run->pages.frames.count += next.pages.count();
      return true;
    }
    const bool go_on = !run.has_value() || visit(*run);
    run = next;
    return go_on;
  });
  if (all && run.has_value()) visit(*run);
}

std::optional<PageTree::Run> PageTree::FindPart(PageIndex page) const {
  const PageIndex key = KeyOf(page);
  bool shared = false;
  for (const Node* node = root_; node != nullptr;) {
    shared = shared || node->points > 1;
    if (key < node->first) {
      node = node->left;
    } else if (key >= node->end()) {
      node = node->right;
    } else if (node->block->cuts != nullptr && !shared) {
      return Find(page);
    } else {
      const PageCount skipped = key - node->first;
      return Run{{page, {node->frame() + skipped, node->count - skipped}}, shared || node->block->covers > 1};
    }
  }
  return std::nullopt;
}

std::optional<PageTree::Run> PageTree::FindFrom(PageIndex page) const {
  std::optional<Run> found;
  ForEach(page, kNoEnd, [&](const Run& run) {
    found = run;
    return false;
  });
  if (!found.has_value() || found->pages.first != page) return found;
  // What lies before `page` belongs to it too, where it continues.
  Visit(PageIndex(0), page, /*backwards=*/true, [&](const Run& run) {
    if (run.shared != found->shared || run.pages.end() != found->pages.first ||
        run.pages.frames.end() != found->pages.frames.first) {
      return false;
    }
    found->pages.first = run.pages.first;
    found->pages.frames.first = run.pages.frames.first;
    found->pages.frames.count += run.pages.count();
    return true;
  });
  return found;
}

std::optional<PageTree::Run> PageTree::Find(PageIndex page) const {
  auto run = FindFrom(page);
  if (run.has_value() && run->pages.first > page) return std::nullopt;
  return run;
}

std::optional<PageTree::Run> PageTree::FindBefore(PageIndex page) const {
  std::optional<PageIndex> last;
  Visit(PageIndex(0), page, /*backwards=*/true, [&](const Run& run) {
    last = run.pages.end() - PageCount(1);
    return false;
  });
  return last.has_value() ? Find(*last) : std::nullopt;
}

void PageTree::Insert(PageRun run) {
  run.first = KeyOf(run.first);
  auto [before, after] = Split(root_, run.first);
  // The split has made the path to the last node before, and that to the first one after, our own.
  Node* last = before;
  while (last != nullptr && last->right != nullptr) last = last->right;
  if (last != nullptr && last->end() == run.first && last->OwnsBlock() &&
      last->block->frames.end() == run.frames.first) {
    last->block->frames.count += run.count();
    last->count += run.count();
    for (Node* node = before; node != nullptr; node = node->right) node->pages += run.count();
  } else {
    Node* const node = new Node();
    node->first = run.first;
    node->count = run.count();
    node->block = new Block();
    node->block->frames = run.frames;
    Update(node);
    before = Merge(before, node);
    last = node;
  }
  Node* next = after;
  while (next != nullptr && next->left != nullptr) next = next->left;
  if (next != nullptr && next->first == last->end() && next->OwnsBlock() && last->OwnsBlock() &&
      last->block->frames.end() == next->block->frames.first) {
    const PageCount more = next->count;
    after = Split(after, next->end()).second;
    delete next->block;
    delete next;
    last->block->frames.count += more;
    last->count += more;
    for (Node* node = before; node != nullptr; node = node->right) node->pages += more;
  }
  root_ = Merge(before, after);
}

void PageTree::Remove(PageIndex begin, PageIndex end, FreeFrames free) {
  if (begin >= end || root_ == nullptr) return;
  if (begin == PageIndex(0) && end == kNoEnd) {
    Drop(std::exchange(root_, nullptr), free);
    return;
  }
  if (CountIn(begin, end) == PageCount()) return;  // no path to copy
  const auto [before, rest] = Split(root_, KeyOf(begin));
  const auto [middle, after] = Split(rest, KeyOf(end));
  Drop(middle, free);
  root_ = Merge(before, after);
}

PageTree PageTree::Snapshot(PageIndex begin, PageIndex end) const {
  PageTree copy;
  copy.shift_ = shift_;
  if (root_ != nullptr) {
    copy.root_ = root_;
    ++root_->points;
    // Nothing is freed: this tree has it all.
    const auto nothing = [](FrameRun) {};
    copy.Remove(PageIndex(0), begin, nothing);
    copy.Remove(end, kNoEnd, nothing);
  }
  copy.shift_ += begin - PageIndex(0);
  return copy;
}

void PageTree::TakeFrom(const PageTree& other, PageIndex begin, PageIndex end) {
  std::vector<std::pair<PageIndex, PageIndex>> gaps;
  ForEach(begin, end, [&](const Run& run) {
    if (begin < run.pages.first) gaps.emplace_back(begin, run.pages.first);
    begin = run.pages.end();
    return true;
  });
  if (begin < end) gaps.emplace_back(begin, end);
  for (const auto& [from, to] : gaps) {
    PageTree piece = other.Snapshot(KeyOf(from) - other.shift_, KeyOf(to) - other.shift_);
    if (piece.root_ == nullptr) continue;
    const auto [before, after] = Split(root_, KeyOf(from));
    root_ = Merge(Merge(before, std::exchange(piece.root_, nullptr)), after);
  }
}

PageCount PageTree::CountNotIn(PageIndex begin, PageIndex end, absl::Span<const PageTree* const> others) const {
  PageCount count;
  std::vector<PageRun> left, still;  // by keys
  ForEach(begin, end, [&](const Run& run) {
    if (run.shared) {
      left.push_back({KeyOf(run.pages.first), run.pages.frames});
    } else {
      count += run.pages.count();
    }
    return true;
  });
  for (const PageTree* other : others) {
    if (left.empty()) break;
    still.clear();
    for (const PageRun& run : left) {
      PageIndex at = run.first;
      Walk(other->root_, false, run.first, run.end(), /*backwards=*/false, [&](const Run& there) {
        if (run.FrameOf(there.pages.first) != there.pages.frames.first) return true;
        if (there.pages.first > at) still.push_back(run.Cut(at, there.pages.first));
        at = there.pages.end();
        return true;
      });
      if (at < run.end()) still.push_back(run.Cut(at, run.end()));
    }
    left.swap(still);
  }
  for (const PageRun& run : left) count += run.count();
  return count;
}

struct PageTree::Checker {
  absl::flat_hash_map<const Node*, uint32_t> points;
  absl::flat_hash_map<const Block*, std::map<uint64_t, int64_t>> covers;  // changes of the count at each frame
  absl::flat_hash_map<const Block*, uint64_t> nodes;
  absl::Status status;

  void Fail(const Node* node, const char* what) {
    if (status.ok()) status = absl::InternalError(absl::StrFormat("page run at %d: %s", node->first.value(), what));
  }

  void Check(const Node* node, PageIndex begin, PageIndex end) {
    if (++points[node] > 1) return;
    if (node->count == PageCount() || node->first < begin || node->end() > end) Fail(node, "out of order");
    if (node->offset + node->count.value() > node->block->frames.count.value()) Fail(node, "beyond its block");
    PageCount pages = node->count;
    for (const Node* child : {node->left, node->right}) {
      if (child == nullptr) continue;
      if (child->priority > node->priority) Fail(node, "lighter than what is below it");
      pages += child->pages;
    }
    if (pages != node->pages) Fail(node, "its sum of pages is wrong");
    ++nodes[node->block];
    ++covers[node->block][node->offset];
    --covers[node->block][node->offset + node->count.value()];
    if (node->left != nullptr) Check(node->left, begin, node->first);
    if (node->right != nullptr) Check(node->right, node->end(), end);
  }
};

absl::Status PageTree::Verify(absl::Span<const PageTree* const> family) {
  Checker checker;
  for (const PageTree* tree : family) {
    if (tree->root_ != nullptr) checker.Check(tree->root_, PageIndex(0), kNoEnd);
  }
  for (const auto& [node, points] : checker.points) {
    if (points != node->points) checker.Fail(node, "counted by the wrong number of others");
  }
  for (const auto& [block, changes] : checker.covers) {
    const auto broken = [&, b = block](const char* what) {
      checker.status = absl::InternalError(absl::StrFormat("block of frames at %d: %s", b->frames.first.value(), what));
    };
    if (checker.nodes[block] != block->nodes) broken("counted by the wrong number of nodes");
    int64_t count = 0;
    for (uint64_t at = 0; at < block->frames.count.value(); ++at) {
      if (const auto change = changes.find(at); change != changes.end()) count += change->second;
      const uint32_t recorded =
          block->cuts == nullptr ? block->covers : std::prev(block->cuts->upper_bound(at))->second;
      if (count != recorded) broken("a frame is counted wrongly");
    }
  }
  return checker.status;
}

}  // namespace zirconia::mm
