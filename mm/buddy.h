// The free frames of a machine, as a buddy system.
#ifndef ZIRCONIA_MM_BUDDY_H_
#define ZIRCONIA_MM_BUDDY_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "mm/bitmap.h"
#include "mm/units.h"

namespace zirconia::mm {

// A set of frames, kept as naturally aligned blocks of 2^order frames, each as large as can be. Every operation costs
// O(log n) for each block that it touches; a run of n frames is at most 2 log n blocks. Not thread-safe.
class Buddy {
 public:
  // Holds frames below `frames`; none is in it at first.
  explicit Buddy(PageCount frames);

  // How many frames are in it.
  PageCount size() const { return size_; }

  // Requires that none of them is in it.
  void Insert(FrameRun run);
  // Requires that all of them are in it.
  void Remove(FrameRun run);

  // The block that `frame` is part of.
  std::optional<FrameRun> BlockOf(FrameNumber frame) const;
  // The lowest of the smallest blocks that have at least 2^min_order frames.
  std::optional<FrameRun> SmallestBlock(unsigned min_order) const;
  // The lowest of the largest blocks.
  std::optional<FrameRun> LargestBlock() const;
  // How many frames from `frame` on are in it without a gap; at most `most`.
  PageCount StretchFrom(FrameNumber frame, PageCount most) const;

  absl::Status Verify() const;

 private:
  void InsertBlock(uint64_t index, unsigned order);

  uint64_t frames_;
  PageCount size_;
  std::vector<NumberSet> blocks_;  // by order; a block's number is its first frame >> order
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_BUDDY_H_
