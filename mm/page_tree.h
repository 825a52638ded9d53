// Which frames hold the pages of a VMO, where VMOs share frames: an ordered, persistent tree of runs.
#ifndef ZIRCONIA_MM_PAGE_TREE_H_
#define ZIRCONIA_MM_PAGE_TREE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "mm/units.h"

namespace zirconia::mm {

// Consecutive pages of a VMO that are held by consecutive frames.
struct PageRun {
  PageIndex first;
  FrameRun frames;

  PageCount count() const { return frames.count; }
  PageIndex end() const { return first + frames.count; }
  // The frame of a page in it.
  FrameNumber FrameOf(PageIndex page) const { return frames.first + (page - first); }
  // The part in [begin, end), which must overlap it.
  PageRun Cut(PageIndex begin, PageIndex end) const {
    const PageIndex b = begin > first ? begin : first;
    const PageIndex e = end < this->end() ? end : this->end();
    return {b, {FrameOf(b), e - b}};
  }
  friend bool operator==(PageRun, PageRun) = default;
};

// The committed pages of one VMO, as runs in order of pages, and the frames that hold them. Trees share what they have
// in common: `Snapshot` of everything is O(1), of a window O(log n), however large, scattered or shared the tree is; a
// change copies the path to it, O(log n), and shares the rest. A frame is freed when no tree has it any more, page by
// page, whoever was the last.
//
// Inside, it is a treap whose nodes are counted by the nodes and trees that point to them, and whose runs point to
// counted blocks of frames (page_tree.cc). Trees that share must be guarded by one lock, for reading too.
class PageTree {
 public:
  // A stretch of pages in consecutive frames. Shared: another tree has these frames too, so that who wants to write
  // takes a copy first.
  struct Run {
    PageRun pages;
    bool shared = false;
  };
  using FreeFrames = absl::FunctionRef<void(FrameRun)>;

  PageTree() = default;
  PageTree(PageTree&& other) noexcept : root_(std::exchange(other.root_, nullptr)), shift_(other.shift_) {}
  PageTree& operator=(PageTree&& other) = delete;
  // Requires that it is empty: `Clear` says what becomes of the frames.
  ~PageTree();

  bool empty() const { return root_ == nullptr; }
  // How many pages there are in all, and in [begin, end): O(1) and O(log n).
  PageCount size() const;
  PageCount CountIn(PageIndex begin, PageIndex end) const;

  // The longest run around `page`; nullopt: it isn't committed.
  std::optional<Run> Find(PageIndex page) const;
  // The same, but no more of the run than is found at once: from `page` on.
  std::optional<Run> FindPart(PageIndex page) const;
  // The first run that ends after `page`, whole; and the last one that begins before it.
  std::optional<Run> FindFrom(PageIndex page) const;
  std::optional<Run> FindBefore(PageIndex page) const;

  // Calls `visit` for the part of each run in [begin, end), in order, until it returns false.
  void ForEach(PageIndex begin, PageIndex end, absl::FunctionRef<bool(const Run&)> visit) const;
  // Requires that none of the pages is in it, and that nobody else has the frames.
  void Insert(PageRun run);
  // Takes out the pages in [begin, end); `free` gets the frames that nobody has any more.
  void Remove(PageIndex begin, PageIndex end, FreeFrames free);
  void Clear(FreeFrames free) { Remove(PageIndex(0), PageIndex(~uint64_t{0}), free); }

  // Another tree with what is in [begin, end) now, where `begin` is its page 0. Both go their own ways from then on.
  PageTree Snapshot(PageIndex begin, PageIndex end) const;

  // Whether trees that begin at `begin` may be made of this one: places add up along chains of such trees, and end.
  bool MayBeginAt(PageIndex begin) const { return KeyOf(begin) < PageIndex(uint64_t{1} << 62); }
  // An empty tree that may share with this one, where `begin` is its page 0.
  PageTree EmptyAt(PageIndex begin) const {
    PageTree tree;
    tree.shift_ = shift_ + (begin - PageIndex(0));
    return tree;
  }
  // Takes what `other` has in place of the pages of [begin, end) that this tree hasn't, and shares it. Requires that
  // the two may share.
  void TakeFrom(const PageTree& other, PageIndex begin, PageIndex end);

  // How many of the pages in [begin, end) stand in none of the `others`, which share with this tree.
  PageCount CountNotIn(PageIndex begin, PageIndex end, absl::Span<const PageTree* const> others) const;

  // Checks trees that share among themselves only: order, counts, and that each frame is counted as often as it is
  // there. An error names the first thing that is wrong.
  static absl::Status Verify(absl::Span<const PageTree* const> family);

 private:
  struct Block;
  struct Node;
  struct Checker;

  // Of the functions below, those that take a `Node*` take over the caller's count of it.

  // A node that nobody else points to, with what `node` says.
  static Node* Own(Node* node);
  // Makes the sums of a node right.
  static void Update(Node* node);
  // Cuts a tree in two: what lies before `at`, and what doesn't. The paths along the cut belong to nobody else then.
  static std::pair<Node*, Node*> Split(Node* node, PageIndex at);
  // The same, but the upper part of a run that is cut becomes `rest`, and is in neither.
  static std::pair<Node*, Node*> SplitAround(Node* node, PageIndex at, Node** rest);
  // Puts two trees together, of which all of the first lies before all of the second.
  static Node* Merge(Node* before, Node* after);
  static void Drop(Node* node, FreeFrames free);

  static PageCount CountBefore(const Node* node, PageIndex at);
  // A page of this tree as nodes have it.
  PageIndex KeyOf(PageIndex page) const {
    const PageIndex key = page + shift_;
    return key < page ? PageIndex(~uint64_t{0}) : key;
  }
  // Walk for pages of this tree.
  bool Visit(PageIndex begin, PageIndex end, bool backwards, absl::FunctionRef<bool(const Run&)> visit) const;
  // Calls `visit` for what lies in [begin, end), run by run as nodes have them, forwards or backwards, until it returns
  // false. `shared`: something above the node is.
  static bool Walk(const Node* node, bool shared, PageIndex begin, PageIndex end, bool backwards,
                   absl::FunctionRef<bool(const Run&)> visit);

  Node* root_ = nullptr;
  // Trees that share have the same page at the same key, which is `shift_` more than the page's number in this one.
  PageCount shift_;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_PAGE_TREE_H_
