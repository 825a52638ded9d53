#include "mm/buddy.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_format.h"

namespace zirconia::mm {

Buddy::Buddy(PageCount frames) : frames_(frames.value()) {
  for (uint64_t blocks = frames_; blocks > 0; blocks /= 2) blocks_.emplace_back(blocks);
}

void Buddy::InsertBlock(uint64_t index, unsigned order) {
  while (order + 1 < blocks_.size() && blocks_[order].Contains(index ^ 1)) {
    blocks_[order].Erase(index ^ 1);
    index /= 2;
    ++order;
  }
  blocks_[order].Insert(index);
}

void Buddy::Insert(FrameRun run) {
  size_ += run.count;
  uint64_t first = run.first.value();
  uint64_t count = run.count.value();
  while (count > 0) {
    unsigned order = static_cast<unsigned>(std::bit_width(count)) - 1;
    if (first != 0) order = std::min(order, static_cast<unsigned>(std::countr_zero(first)));
    InsertBlock(first >> order, order);
    first += uint64_t{1} << order;
    count -= uint64_t{1} << order;
  }
}

void Buddy::Remove(FrameRun run) {
  while (!run.empty()) {
    const FrameRun block = *BlockOf(run.first);
    const unsigned order = static_cast<unsigned>(std::countr_zero(block.count.value()));
    blocks_[order].Erase(block.first.value() >> order);
    size_ -= block.count;
    const FrameNumber end = std::min(block.end(), run.end());
    Insert({block.first, run.first - block.first});
    Insert({end, block.end() - end});
    run = {end, run.end() - end};
  }
}

std::optional<FrameRun> Buddy::BlockOf(FrameNumber frame) const {
  for (unsigned order = 0; order < blocks_.size(); ++order) {
    const uint64_t index = frame.value() >> order;
    if (blocks_[order].Contains(index)) return FrameRun{FrameNumber(index << order), PageCount(uint64_t{1} << order)};
  }
  return std::nullopt;
}

std::optional<FrameRun> Buddy::SmallestBlock(unsigned min_order) const {
  for (unsigned order = min_order; order < blocks_.size(); ++order) {
    if (blocks_[order].empty()) continue;
    return FrameRun{FrameNumber(blocks_[order].Least() << order), PageCount(uint64_t{1} << order)};
  }
  return std::nullopt;
}

std::optional<FrameRun> Buddy::LargestBlock() const {
  for (unsigned order = static_cast<unsigned>(blocks_.size()); order-- > 0;) {
    if (!blocks_[order].empty()) return SmallestBlock(order);
  }
  return std::nullopt;
}

PageCount Buddy::StretchFrom(FrameNumber frame, PageCount most) const {
  FrameNumber end = frame;
  while (end - frame < most) {
    const auto block = BlockOf(end);
    if (!block) break;
    end = block->end();
  }
  return std::min(end - frame, most);
}

absl::Status Buddy::Verify() const {
  uint64_t total = 0;
  for (unsigned order = 0; order < blocks_.size(); ++order) {
    uint64_t seen = 0;
    for (uint64_t index = 0; seen < blocks_[order].size() && index < (frames_ >> order); ++index) {
      if (!blocks_[order].Contains(index)) continue;
      ++seen;
      total += uint64_t{1} << order;
      if (order + 1 < blocks_.size() && blocks_[order].Contains(index ^ 1)) {
        return absl::InternalError(absl::StrFormat("buddies of order %d at %d are not joined", order, index));
      }
      for (unsigned above = order + 1; above < blocks_.size(); ++above) {
        if (blocks_[above].Contains(index >> (above - order))) {
          return absl::InternalError(absl::StrFormat("block of order %d at %d lies in a larger one", order, index));
        }
      }
    }
    if (seen != blocks_[order].size()) return absl::InternalError("count of free blocks is wrong");
  }
  if (total != size_.value()) return absl::InternalError("count of free frames is wrong");
  return absl::OkStatus();
}

}  // namespace zirconia::mm
