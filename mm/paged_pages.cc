// VmPages, where a pager provides them: what a page holds, requests, and what the pager is told and does.
#include <algorithm>
#include <utility>
#include <vector>

#include "mm/check.h"
#include "mm/vm_pages.h"

namespace zirconia::mm {

using Need = PageSource::Need;

VmPages::Stretch VmPages::PagedStretchAt(PageIndex page) const {
  Stretch stretch;
  stretch.first = page;
  // Down the chain of parents to who has something there; `here` and `end` are by the numbers of `at`.
  const VmPages* at = this;
  PageIndex here = page, end = this->end();
  while (true) {
    at->mutex().AssertHeld();
    const Paging& paging = *at->paging_;
    const bool is_root = paging.source != nullptr;
    const PageStates::Found known = paging.states.Find(here);
    const bool trapped = at == this && paging.trap_dirty && !(known.state && known.state->dirt == Dirt::kDirty);
    end = std::min(end, known.end);
    const auto run = at->tree_.FindFrom(here);
    if (run && run->pages.first <= here) {
      stretch.holds = Stretch::Holds::kFrames;
      stretch.trapped = trapped;
      stretch.in_root = is_root && at != this;
      end = std::min(end, run->pages.end());
      if (at == this) {
        stretch.first = std::max(run->pages.first, known.first);
        if (is_root) {
          const bool noted = paging.modified && known.state && known.state->dirt == Dirt::kDirty;
          stretch.write = noted ? Stretch::Write::kInPlace : Stretch::Write::kOnceNoted;
        } else if (!run->shared) {
          stretch.write = Stretch::Write::kInPlace;
        }
      }
      stretch.frame = run->pages.FrameOf(here - (page - stretch.first));
      break;
    }
    if (run) end = std::min(end, run->pages.first);
    if (known.state) {
      stretch.trapped = trapped;
      break;
    }
    if (is_root) {
      stretch.holds = Stretch::Holds::kNothing;
      stretch.from_pager = here;
      break;
    }
    if (here >= paging.limit) break;
    end = std::min(end, paging.limit) + paging.offset;
    here = here + paging.offset;
    at = paging.parent.get();
  }
  stretch.end = page + (end - here);
  return stretch;
}

absl::Status VmPages::BringPaged(PageIndex begin, PageIndex end, PageIndex wanted, Access access, PageWait* wait) {
  // What a stretch needs, if anything.
  const auto need_of = [&](const Stretch& stretch) -> std::optional<Need> {
    if (stretch.holds == Stretch::Holds::kNothing) return Need::kRead;
    if (access == Access::kWrite && stretch.trapped) return Need::kDirty;
    return std::nullopt;
  };
  std::optional<Need> need;
  PageRange range;
  for (PageIndex at = begin; at < (need ? wanted : end);) {
    const Stretch stretch = PagedStretchAt(at);
    const PageIndex stop = std::min(stretch.end, wanted);
    const auto needs = need_of(stretch);
    if (need && needs != need) break;
    if (needs && !need) {
      need = needs;
      // Only the root's own pages are trapped: their numbers are those that the pager knows.
      range.first = *needs == Need::kRead ? stretch.from_pager : at;
    }
    if (need) range.count += stop - at;
    at = stop;
  }
  if (!need) return absl::OkStatus();
  if (wait == nullptr) return absl::UnavailableError("");
  const VmPages* root = this;
  while (true) {
    root->mutex().AssertHeld();
    if (root->paging_->parent == nullptr) break;
    root = root->paging_->parent.get();
  }
  auto request = root->paging_->source->Request(*need, range);
  if (!request.ok()) return request.status();
  wait->request = *std::move(request);
  return absl::AbortedError("");
}

void VmPages::NoteWritePaged(PageIndex begin, PageIndex end) {
  if (paging_->source == nullptr) return;
  paging_->modified = true;
  paging_->states.Change(PageRange::FromTo(begin, end), [](PageRange, std::optional<PageState> state) {
    return PageState{state && state->zero, Dirt::kDirty};
  });
}

void VmPages::MarkFrames(PageIndex begin, PageIndex end) {
  paging_->states.Change(PageRange::FromTo(begin, end),
                         [](PageRange, std::optional<PageState> state) -> std::optional<PageState> {
                           if (!state || state->dirt == Dirt::kClean) return std::nullopt;
                           return PageState{false, state->dirt};
                         });
}

void VmPages::MarkZeros(PageIndex begin, PageIndex end) {
  const Dirt dirt = paging_->source != nullptr ? Dirt::kDirty : Dirt::kClean;
  paging_->states.Set(PageRange::FromTo(begin, end), PageState{true, dirt});
}

void VmPages::SetPagedEnd(PageIndex old_end, PageIndex new_end) {
  if (new_end == old_end) return;
  paging_->modified = true;
  if (new_end > old_end) {
    if (paging_->source != nullptr) MarkZeros(old_end, new_end);
    return;
  }
  const PageRange gone = PageRange::FromTo(new_end, old_end);
  paging_->states.Set(gone, std::nullopt);
  paging_->limit = std::min(paging_->limit, new_end);
  for (VmPages* overlay : paging_->overlays) {
    overlay->mutex().AssertHeld();
    Paging& over = *overlay->paging_;
    over.limit = std::min(over.limit, PageIndex(0) + (new_end - std::min(new_end, PageIndex(0) + over.offset)));
  }
  if (paging_->source != nullptr) {
    for (const Need need : {Need::kRead, Need::kDirty}) paging_->source->Resolve(need, gone);
  }
}

void VmPages::Supply(PageRange range, VmPages& from, PageIndex from_first, FreedFrames& freed) {
  if (range.empty()) return;
  std::vector<PageRange> absent;
  ForEachStretch(range.first, range.end(), [&](const Stretch& stretch) {
    if (stretch.holds == Stretch::Holds::kNothing) absent.push_back(PageRange::FromTo(stretch.first, stretch.end));
  });
  std::vector<PageRun> moved;
  for (const PageRange& part : absent) {
    const PageIndex begin = from_first + (part.first - range.first);
    moved.clear();
    from.tree_.ForEach(begin, begin + part.count, [&](const PageTree::Run& run) {
      moved.push_back({part.first + (run.pages.first - begin), run.pages.frames});
      return true;
    });
    from.tree_.Remove(begin, begin + part.count, [](FrameRun) {});
    // What wasn't committed there is zeros here.
    paging_->states.Set(part, PageState{true, Dirt::kClean});
    for (const PageRun& run : moved) {
      tree_.Insert(run);
      MarkFrames(run.first, run.end());
    }
  }
  from.Decommit(from_first, from_first + range.count, freed);
  paging_->source->Resolve(Need::kRead, range);
}

absl::Status VmPages::MarkDirty(PageRange range) {
  if (!paging_->trap_dirty) return absl::UnimplementedError("writes aren't trapped");
  bool missing = false;
  ForEachStretch(range.first, range.end(),
                 [&](const Stretch& stretch) { missing |= stretch.holds == Stretch::Holds::kNothing; });
  if (missing) return absl::NotFoundError("not all pages are there");
  paging_->states.Change(range, [](PageRange, std::optional<PageState> state) {
    return PageState{state && state->zero, Dirt::kDirty};
  });
  if (!range.empty()) paging_->source->Resolve(Need::kDirty, range);
  return absl::OkStatus();
}

void VmPages::BeginWriteback(PageRange range, bool only_zeros) {
  paging_->states.Change(range, [&](PageRange, std::optional<PageState> state) {
    if (state && state->dirt == Dirt::kDirty && (state->zero || !only_zeros)) state->dirt = Dirt::kAwaitingClean;
    return state;
  });
  // What is being written to while this is called, by the kernel or a device, must be written back later.
  const auto stays_dirty = [&](std::pair<PageIndex, PageIndex> held) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const PageIndex begin = std::max(held.first, range.first), end = std::min(held.second, range.end());
    if (begin >= end) return;
    paging_->states.Change(PageRange::FromTo(begin, end), [](PageRange, std::optional<PageState> state) {
      if (state && state->dirt == Dirt::kAwaitingClean) state->dirt = Dirt::kDirty;
      return state;
    });
  };
  for (const auto& write : writes_) stays_dirty(write);
  for (const auto& hold : device_holds_) stays_dirty(hold);
  WriteProtect(range.first, range.end());
}

void VmPages::EndWriteback(PageRange range) {
  paging_->states.Change(range, [](PageRange, std::optional<PageState> state) -> std::optional<PageState> {
    if (!state || state->dirt != Dirt::kAwaitingClean) return state;
    if (!state->zero) return std::nullopt;
    return PageState{true, Dirt::kClean};
  });
}

std::vector<VmPages::DirtyRange> VmPages::DirtyRanges(PageRange range) const {
  std::vector<DirtyRange> ranges;
  paging_->states.ForEach(range, [&](PageRange part, std::optional<PageState> state) {
    if (!state || state->dirt == Dirt::kClean) return;
    if (!ranges.empty() && ranges.back().pages.end() == part.first && ranges.back().zero == state->zero) {
      ranges.back().pages.count += part.count;
    } else {
      ranges.push_back({part, state->zero});
    }
  });
  return ranges;
}

bool VmPages::Modified(bool reset) {
  if (!reset) return paging_->modified;
  WriteProtect(PageIndex(0), end());  // so that the next write is noticed
  // What is being written to just now counts from now on.
  return std::exchange(paging_->modified, !writes_.empty() || !device_holds_.empty());
}

void VmPages::EvictClean(FreedFrames& freed) {
  const PageCount had = tree_.size();
  std::vector<PageRange> clean;
  paging_->states.ForEach({PageIndex(0), end() - PageIndex(0)}, [&](PageRange part, std::optional<PageState> state) {
    if (!state || state->dirt == Dirt::kClean) clean.push_back(part);
  });
  std::sort(device_holds_.begin(), device_holds_.end());
  for (const PageRange& part : clean) {
    PageIndex at = part.first;
    for (const auto& [begin, end] : device_holds_) {
      if (at < std::min(begin, part.end())) Decommit(at, std::min(begin, part.end()), freed);
      at = std::max(at, end);
    }
    if (at < part.end()) Decommit(at, part.end(), freed);
  }
  if (tree_.size() != had) reclaims_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace zirconia::mm
