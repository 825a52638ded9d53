// Which frames hold the pages of a VMO.
#ifndef ZIRCONIA_MM_PAGE_LIST_H_
#define ZIRCONIA_MM_PAGE_LIST_H_

#include <cstddef>
#include <optional>

#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
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

// The committed pages of a VMO, as runs in order of pages. Runs never overlap, and neighbours whose pages and frames
// both continue are one. Every operation is O(log n) in the number of runs, and O(1) for each run that it touches. Not
// thread-safe.
class PageList {
 public:
  // The whole run that holds `page`; nullopt: it isn't committed.
  std::optional<PageRun> Find(PageIndex page) const;
  // The first run that ends after `page`, and the last one that begins before it.
  std::optional<PageRun> FindFrom(PageIndex page) const;
  std::optional<PageRun> FindBefore(PageIndex page) const;

  // Requires that none of the pages is in it.
  void Insert(PageRun run);

  // Takes out the pages in [begin, end), and calls `removed` for each run of them.
  void Remove(PageIndex begin, PageIndex end, absl::FunctionRef<void(PageRun)> removed);

  // Calls `visit` for the part of each run in [begin, end), in order.
  void ForEach(PageIndex begin, PageIndex end, absl::FunctionRef<void(PageRun)> visit) const;
  // Calls `visit` for each stretch of [begin, end) that isn't in it, in order.
  void ForEachGap(PageIndex begin, PageIndex end, absl::FunctionRef<void(PageIndex, PageIndex)> visit) const;

  // How many pages there are in all, and in [begin, end).
  PageCount size() const { return size_; }
  PageCount CountIn(PageIndex begin, PageIndex end) const;
  size_t run_count() const { return runs_.size(); }

  absl::Status Verify() const;

 private:
  using Runs = absl::btree_map<PageIndex, FrameRun>;
  Runs::const_iterator From(PageIndex page) const;
  // Cuts the run that straddles `page`, if one does.
  void SplitAt(PageIndex page);

  Runs runs_;
  PageCount size_;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_PAGE_LIST_H_
