// What is known of the pages of a pager-backed VMO besides their frames.
#ifndef ZIRCONIA_MM_PAGE_STATES_H_
#define ZIRCONIA_MM_PAGE_STATES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "mm/page_source.h"
#include "mm/pool.h"
#include "mm/units.h"

namespace zirconia::mm {

// Whether what a page holds has yet to be written back by its pager.
enum class Dirt : uint8_t {
  kClean,
  kDirty,
  kAwaitingClean,  // writeback has begun; who writes to it makes it dirty again
};

struct PageState {
  bool zero = false;  // it reads as zeros and has no frame
  Dirt dirt = Dirt::kClean;
  friend constexpr bool operator==(PageState, PageState) = default;
};

// The states of pages, by runs of equal ones: costs are per run. A page that isn't listed is clean where it has a
// frame, and absent otherwise. Not thread-safe.
class PageStates {
 public:
  // What a page is, and how far it goes on like that at most; nullopt: it isn't listed.
  struct Found {
    std::optional<PageState> state;
    PageIndex first, end;  // end: the largest index where nothing follows
  };
  Found Find(PageIndex page) const;

  bool empty() const { return runs_.empty(); }
  // Nullopt: takes the pages off the list.
  void Set(PageRange range, std::optional<PageState> state);
  // Calls `change` for each run of equal pages in the range, those that aren't listed included, and gives it the state
  // that is returned.
  void Change(PageRange range, absl::FunctionRef<std::optional<PageState>(PageRange, std::optional<PageState>)> change);
  // Calls `visit` for each run of equal pages in the range, in order, those that aren't listed included.
  void ForEach(PageRange range, absl::FunctionRef<void(PageRange, std::optional<PageState>)> visit) const;

  // Runs are in order, apart, and as long as can be.
  absl::Status Verify() const;

 private:
  struct Run {
    PageIndex end;
    PageState state;
  };
  // By their first pages.
  using Runs = absl::btree_map<PageIndex, Run, std::less<>, PoolAllocator<std::pair<const PageIndex, Run>>>;
  void SplitAt(PageIndex page);
  void JoinAt(PageIndex page);

  Runs runs_;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_PAGE_STATES_H_
