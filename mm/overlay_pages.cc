// VmPages that overlay others: clones of pager-backed memory.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "mm/pool.h"
#include "mm/vm_mapping.h"
#include "mm/vm_object.h"
#include "mm/vm_pages.h"

namespace zirconia::mm {

std::shared_ptr<VmPages> VmPages::Overlay(PageIndex begin, PageCount size, PageIndex limit) {
  auto paging = std::make_unique<Paging>();
  paging->parent = shared_from_this();
  paging->offset = begin - PageIndex(0);
  paging->limit = PageIndex(0) + std::min(size, limit - std::min(begin, limit));
  std::shared_ptr<VmPages> overlay(new VmPages(frames_, size, family_, tree_.EmptyAt(begin), std::move(paging)));
  paging_->overlays.insert(overlay.get());
  return overlay;
}

void VmPages::TakeOutOfOverlays(PageIndex begin, PageIndex end) {
  struct Part {
    VmPages* pages;
    PageRange range;
  };
  PoolVector<Part> parts;
  const auto add_overlays = [&](VmPages& of, PageRange range) {
    of.mutex().AssertHeld();
    for (VmPages* overlay : of.paging_->overlays) {
      overlay->mutex().AssertHeld();
      const PageRange shows = overlay->paging_->Shows(range.first, range.end());
      if (!shows.empty()) parts.push_back({overlay, shows});
    }
  };
  add_overlays(*this, PageRange::FromTo(begin, end));
  while (!parts.empty()) {
    const Part part = parts.back();
    parts.pop_back();
    part.pages->mutex().AssertHeld();
    part.pages->TakeOutOfMappings(part.range.first, part.range.end(), nullptr);
    add_overlays(*part.pages, part.range);
  }
}

void VmPages::ForEachOfRoot(PageIndex begin, PageIndex end, absl::FunctionRef<void(FrameRun)> visit) const {
  ForEachStretch(begin, end, [&](const Stretch& stretch) {
    if (stretch.in_root) visit({stretch.FrameOf(stretch.first), stretch.end - stretch.first});
  });
}

PageCount VmPages::ChargedForRoot(PageIndex begin, PageIndex end) const {
  const VmPages* at = this;
  while (true) {
    at->mutex().AssertHeld();
    if (at->parent() == nullptr) break;
    at = at->parent();
  }
  const VmPages& root = *at;
  root.mutex().AssertHeld();
  using Frames = std::pair<FrameNumber, FrameNumber>;  // first, end
  std::vector<Frames> others, mine;
  const auto add_to = [](std::vector<Frames>& list) {
    return [&list](FrameRun run) { list.emplace_back(run.first, run.end()); };
  };
  for (const VmObject* view : root.views_) {
    if (view->first() == PageIndex(0) && view->end() == root.end()) return PageCount();
    root.tree_.ForEach(view->first(), view->end(),
                       [&](const PageTree::Run& run) { return add_to(others)(run.pages.frames), true; });
  }
  ForEachOfRoot(begin, end, add_to(mine));
  if (mine.empty()) return PageCount();
  for (const auto& [birth, older] : family_->members) {
    if (older == this) break;
    older->mutex().AssertHeld();
    if (older->parent() == nullptr) continue;
    for (const VmObject* view : older->views_) older->ForEachOfRoot(view->first(), view->end(), add_to(others));
  }
  std::sort(mine.begin(), mine.end());
  std::sort(others.begin(), others.end());
  PageCount count;
  auto other = others.begin();
  for (auto [from, until] : mine) {
    while (from < until) {
      while (other != others.end() && other->second <= from) ++other;
      const FrameNumber next = other == others.end() ? until : std::min(until, std::max(from, other->first));
      count += next - from;
      from = other == others.end() ? until : std::min(until, std::max(next, other->second));
    }
  }
  return count;
}

void VmPages::CollapseIfUnused() {
  if (parent() == nullptr || !views_.empty() || !writes_.empty() || !HasOverlays()) return;
  VmPages& below = *paging_->parent;
  below.mutex().AssertHeld();
  for (VmPages* overlay : std::exchange(paging_->overlays, {})) {
    overlay->mutex().AssertHeld();
    Paging& over = *overlay->paging_;
    // What of these pages it shows: where it has neither a frame nor zeros of its own.
    std::vector<PageRange> shown, zeros;
    over.states.ForEach({PageIndex(0), over.limit - PageIndex(0)}, [&](PageRange part, std::optional<PageState> state) {
      if (!state) shown.push_back(part);
    });
    for (const PageRange& part : shown) {
      overlay->tree_.TakeFrom(tree_, part.first, part.end());
      paging_->states.ForEach({part.first + over.offset, part.count}, [&](PageRange r, std::optional<PageState> state) {
        if (state) zeros.push_back({r.first - over.offset, r.count});
      });
    }
    for (const PageRange& part : zeros) {
      PageIndex at = part.first;
      overlay->tree_.ForEach(part.first, part.end(), [&](const PageTree::Run& run) {
        over.states.Set(PageRange::FromTo(at, run.pages.first), PageState{true, Dirt::kClean});
        at = run.pages.end();
        return true;
      });
      over.states.Set(PageRange::FromTo(at, part.end()), PageState{true, Dirt::kClean});
    }
    over.limit =
        std::min(over.limit, PageIndex(0) + (paging_->limit - std::min(paging_->limit, PageIndex(0) + over.offset)));
    over.offset += paging_->offset;
    over.parent = paging_->parent;
    below.paging_->overlays.insert(overlay);
  }
}

absl::Status VmPages::VerifyPaging() const {
  const bool is_root = paging_->source != nullptr;
  if (is_root != (paging_->parent == nullptr)) return absl::InternalError("neither a pager's pages nor an overlay");
  if (absl::Status status = paging_->states.Verify(); !status.ok()) return status;
  absl::Status status;
  paging_->states.ForEach(
      {PageIndex(0), PageCount(~uint64_t{0})},
      [&](PageRange part, std::optional<PageState> state) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        if (!state) return;
        const PageCount frames = tree_.CountIn(part.first, part.end());
        const char* wrong = part.end() > end()                                   ? "is beyond the end"
                            : frames != (state->zero ? PageCount() : part.count) ? "is zeros and has frames, or neither"
                            : !is_root && *state != PageState{true, Dirt::kClean} ? "is no pager's, and dirty"
                            : *state == PageState{false, Dirt::kClean}            ? "is clean, and listed"
                                                                                  : nullptr;
        if (wrong != nullptr) {
          status = absl::InternalError(absl::StrFormat("page %d with a state %s", part.first.value(), wrong));
        }
      });
  for (const VmPages* overlay : paging_->overlays) {
    overlay->mutex().AssertHeld();
    if (overlay->paging_->parent.get() != this) return absl::InternalError("an overlay has another parent");
  }
  if (is_root) return status;
  const VmPages& below = *paging_->parent;
  below.mutex().AssertHeld();
  if (below.paging_->overlays.count(const_cast<VmPages*>(this)) == 0) {
    return absl::InternalError("an overlay isn't known to its parent");
  }
  if (paging_->limit > end() || (paging_->limit > PageIndex(0) && paging_->limit + paging_->offset > below.end())) {
    return absl::InternalError("an overlay shows more than its parent has");
  }
  return status;
}

}  // namespace zirconia::mm
