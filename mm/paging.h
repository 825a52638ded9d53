// What the pages of a pager-backed VMO, and of its clones, have more than others.
#ifndef ZIRCONIA_MM_PAGING_H_
#define ZIRCONIA_MM_PAGING_H_

#include <memory>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "mm/page_source.h"
#include "mm/page_states.h"
#include "mm/units.h"

namespace zirconia::mm {

class VmPages;

// Pages that a pager provides are the root of a tree of overlays. An overlay shows what its parent shows, until one of
// its pages is written, zeroed or committed: from then on that page is its own. Its parent never sees that. Guarded by
// the lock of the family.
struct Paging {
  Paging() = default;
  Paging(std::shared_ptr<PageSource> of, bool traps) : source(std::move(of)), trap_dirty(traps) {}

  // The root's.
  const std::shared_ptr<PageSource> source;  // null: an overlay
  const bool trap_dirty = false;             // a write to what isn't dirty asks the pager first
  bool modified = false;                     // since it was made, or this was last reset

  // Of an overlay, the parent (never null) and which of its pages the first one shows. Pages from `limit` on show
  // nothing of it: it has never had them, or not all of the time.
  std::shared_ptr<VmPages> parent;
  PageCount offset;
  PageIndex limit;

  absl::flat_hash_set<VmPages*> overlays;  // that have these pages for a parent
  // Of the root: what is dirty, and what is zeros without a frame. Of an overlay: which pages of its own are zeros.
  PageStates states;

  // The part of [begin, end) of the parent's pages that this overlay may show, by its own numbers.
  PageRange Shows(PageIndex begin, PageIndex end) const {
    const PageIndex zero = PageIndex(0) + offset;
    const PageIndex from = begin > zero ? begin : zero;
    const PageIndex to = end < limit + offset ? end : limit + offset;
    return from < to ? PageRange::FromTo(from - offset, to - offset) : PageRange{};
  }
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_PAGING_H_
