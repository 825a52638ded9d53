#include "mm/page_states.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace zirconia::mm {

PageStates::Found PageStates::Find(PageIndex page) const {
  const auto next = runs_.upper_bound(page);
  const PageIndex next_first = next == runs_.end() ? PageIndex(~uint64_t{0}) : next->first;
  if (next == runs_.begin()) return {std::nullopt, PageIndex(0), next_first};
  const auto& [first, run] = *std::prev(next);
  if (run.end <= page) return {std::nullopt, run.end, next_first};
  return {run.state, first, run.end};
}

void PageStates::SplitAt(PageIndex page) {
  const auto next = runs_.upper_bound(page);
  if (next == runs_.begin()) return;
  const auto it = std::prev(next);
  if (it->first == page || it->second.end <= page) return;
  const Run upper = std::exchange(it->second, Run{page, it->second.state});
  runs_.emplace(page, upper);
}

void PageStates::JoinAt(PageIndex page) {
  const auto it = runs_.find(page);
  if (it == runs_.end() || it == runs_.begin()) return;
  const auto before = std::prev(it);
  if (before->second.end != page || before->second.state != it->second.state) return;
  before->second.end = it->second.end;
  runs_.erase(it);
}

void PageStates::Set(PageRange range, std::optional<PageState> state) {
  if (range.empty()) return;
  SplitAt(range.first);
  SplitAt(range.end());
  runs_.erase(runs_.lower_bound(range.first), runs_.lower_bound(range.end()));
  if (!state.has_value()) return;
  runs_.emplace(range.first, Run{range.end(), *state});
  JoinAt(range.end());
  JoinAt(range.first);
}

void PageStates::Change(PageRange range,
                        absl::FunctionRef<std::optional<PageState>(PageRange, std::optional<PageState>)> change) {
  PoolVector<std::pair<PageRange, std::optional<PageState>>> changed;
  ForEach(range, [&](PageRange part, std::optional<PageState> state) {
    if (const auto now = change(part, state); now != state) changed.emplace_back(part, now);
  });
  for (const auto& [part, state] : changed) Set(part, state);
}

void PageStates::ForEach(PageRange range, absl::FunctionRef<void(PageRange, std::optional<PageState>)> visit) const {
  for (PageIndex at = range.first; at < range.end();) {
    const Found found = Find(at);
    const PageIndex end = std::min(found.end, range.end());
    visit(PageRange::FromTo(at, end), found.state);
    at = end;
  }
}

absl::Status PageStates::Verify() const {
  for (auto it = runs_.begin(); it != runs_.end(); ++it) {
    if (it->second.end <= it->first) return absl::InternalError("a run of states is empty");
    const auto next = std::next(it);
    if (next == runs_.end()) break;
    if (next->first < it->second.end) return absl::InternalError("runs of states overlap");
    if (next->first == it->second.end && next->second.state == it->second.state) {
      return absl::InternalError("a run of states isn't as long as it could be");
    }
  }
  return absl::OkStatus();
}

}  // namespace zirconia::mm
