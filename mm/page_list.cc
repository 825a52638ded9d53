#include "mm/page_list.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_format.h"

namespace zirconia::mm {

PageList::Runs::const_iterator PageList::From(PageIndex page) const {
  auto it = runs_.upper_bound(page);
  if (it != runs_.begin()) {
    const auto before = std::prev(it);
    if (before->first + before->second.count > page) return before;
  }
  return it;
}

std::optional<PageRun> PageList::Find(PageIndex page) const {
  const auto run = FindFrom(page);
  if (!run || run->first > page) return std::nullopt;
  return run;
}

std::optional<PageRun> PageList::FindFrom(PageIndex page) const {
  const auto it = From(page);
  if (it == runs_.end()) return std::nullopt;
  return PageRun{it->first, it->second};
}

std::optional<PageRun> PageList::FindBefore(PageIndex page) const {
  auto it = runs_.lower_bound(page);
  if (it == runs_.begin()) return std::nullopt;
  --it;
  return PageRun{it->first, it->second};
}

void PageList::Insert(PageRun run) {
  size_ += run.count();
  auto next = runs_.lower_bound(run.first);
  if (next != runs_.end() && next->first == run.end() && next->second.first == run.frames.end()) {
    run.frames.count += next->second.count;
    next = runs_.erase(next);
  }
  if (next != runs_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second.count == run.first && before->second.end() == run.frames.first) {
      before->second.count += run.count();
      return;
    }
  }
  runs_.emplace_hint(next, run.first, run.frames);
}

void PageList::SplitAt(PageIndex page) {
  const auto found = Find(page);
  if (!found || found->first == page) return;
  const PageRun upper = found->Cut(page, found->end());
  runs_.find(found->first)->second.count = page - found->first;
  runs_.emplace(upper.first, upper.frames);
}

void PageList::Remove(PageIndex begin, PageIndex end, absl::FunctionRef<void(PageRun)> removed) {
  if (begin >= end) return;
  SplitAt(begin);
  SplitAt(end);
  const auto first = runs_.lower_bound(begin);
  auto it = first;
  for (; it != runs_.end() && it->first < end; ++it) {
    size_ -= it->second.count;
    removed({it->first, it->second});
  }
  runs_.erase(first, it);
}

void PageList::ForEach(PageIndex begin, PageIndex end, absl::FunctionRef<void(PageRun)> visit) const {
  for (auto it = From(begin); it != runs_.end() && it->first < end; ++it) {
    visit(PageRun{it->first, it->second}.Cut(begin, end));
  }
}

void PageList::ForEachGap(PageIndex begin, PageIndex end, absl::FunctionRef<void(PageIndex, PageIndex)> visit) const {
  PageIndex at = begin;
  for (auto it = From(begin); it != runs_.end() && it->first < end; ++it) {
    if (it->first > at) visit(at, it->first);
    at = it->first + it->second.count;
  }
  if (at < end) visit(at, end);
}

PageCount PageList::CountIn(PageIndex begin, PageIndex end) const {
  PageCount count;
  ForEach(begin, end, [&](PageRun run) { count += run.count(); });
  return count;
}

absl::Status PageList::Verify() const {
  PageCount total;
  for (auto it = runs_.begin(); it != runs_.end(); ++it) {
    const auto broken = [&](const char* what) {
      return absl::InternalError(absl::StrFormat("page run at %d: %s", it->first.value(), what));
    };
    total += it->second.count;
    if (it->second.empty()) return broken("empty");
    const auto next = std::next(it);
    if (next == runs_.end()) continue;
    if (it->first + it->second.count > next->first) return broken("overlaps the next one");
    if (it->first + it->second.count == next->first && it->second.end() == next->second.first) {
      return broken("not joined with the next one");
    }
  }
  if (total != size_) return absl::InternalError("count of committed pages is wrong");
  return absl::OkStatus();
}

}  // namespace zirconia::mm
