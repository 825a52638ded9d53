// Hands out the frames of the physical memory.
#ifndef ZIRCONIA_MM_FRAME_ALLOCATOR_H_
#define ZIRCONIA_MM_FRAME_ALLOCATOR_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "mm/discard_list.h"
#include "mm/physical_memory.h"
#include "mm/units.h"

namespace zirconia::mm {

class FrameAllocator;

// A short-lived promise that the frames of a run are not handed to anybody else: a copy in progress holds one. What is
// freed meanwhile is handed out again only when the last pin on it is gone. Costs per run, not per page. Movable; drops
// it when destroyed.
class FramePin {
 public:
  FramePin() = default;
  FramePin(FramePin&& o) noexcept;
  FramePin& operator=(FramePin&& o) noexcept;
  ~FramePin();
  FrameRun run() const { return run_; }

 private:
  friend class FrameAllocator;
  FrameAllocator* allocator_ = nullptr;
  FrameRun run_;
};

// Buddy allocation of frames, contiguous runs first. What it hands out reads as zeros and is secured (the host has
// provided the memory): a frame that was never used, or was given back to the host, is known to be zero and isn't
// cleared again. Securing and giving back happen in batches: what grows frame by frame is secured ahead, up to 64
// frames; what is freed stays with us for reuse, until that is much. Costs per run, but for securing, clearing and
// giving back, which is done with the lock released (a batch ahead excepted). Thread-safe; its lock is the innermost of
// all.
class FrameAllocator {
 public:
  struct Options {
    // How many frames may be handed out at once: the size of the simulated machine. Nullopt: all of `memory`.
    std::optional<PageCount> limit;
    // For tests: the n-th next allocation fails (1 = the next).
    std::optional<uint64_t> fail_after;
    // How many free frames the host may be left providing. Where it is more, half of this many are kept and the others
    // given back.
    PageCount keep_free = PageCount(16384);
  };
  // How much belongs around what is allocated, for an owner that fills a range step by step in any order: room is
  // sought such that all of it could become one run.
  struct Surroundings {
    PageCount before;
    PageCount after;
  };
  struct Stats {
    PageCount total;  // the limit
    PageCount used;   // handed out, or freed but still pinned
    PageCount peak;   // the most that was ever used at once
  };

  explicit FrameAllocator(PhysicalMemory& memory) : FrameAllocator(memory, Options()) {}
  FrameAllocator(PhysicalMemory& memory, Options options);
  ~FrameAllocator();
  FrameAllocator(const FrameAllocator&) = delete;
  FrameAllocator& operator=(const FrameAllocator&) = delete;

  // One run of at least one and at most `wanted` > 0 frames, as long as can be had; at `hint` if that frame is free, so
  // that what grows step by step stays contiguous. RESOURCE_EXHAUSTED: no frame is left, or the host can't provide it.
  absl::StatusOr<FrameRun> AllocateRun(PageCount wanted, std::optional<FrameNumber> hint = std::nullopt,
                                       Surroundings surroundings = {});

  // What is discarded, VMO by VMO, before an allocation fails for want of frames.
  DiscardList& discardable() { return discardable_; }

  // Exactly `count` frames in as few runs as can be, or RESOURCE_EXHAUSTED and nothing.
  absl::StatusOr<std::vector<FrameRun>> Allocate(PageCount count, std::optional<FrameNumber> hint = std::nullopt,
                                                 Surroundings surroundings = {});

  // Exactly `count` frames in one run whose first frame is a multiple of 2^`align_log2` frames, or RESOURCE_EXHAUSTED.
  absl::StatusOr<FrameRun> AllocateContiguous(PageCount count, unsigned align_log2);

  // Takes frames back. Requires that they were handed out (part of a run may be freed).
  void Free(FrameRun run);

  // Requires that the frames are handed out. Costs O(1); freeing costs O(1) more for each live pin.
  FramePin Pin(FrameRun run);

  // From now on somebody may write to these frames whether they are handed out or not, until Conceal is called as often
  // for the same run. OUT_OF_RANGE: not part of the memory. RESOURCE_EXHAUSTED: the host can't provide them.
  absl::Status Expose(FrameRun run);
  void Conceal(FrameRun run);

  // Gives all free memory back to the host.
  void Trim();

  Stats stats() const;
  PhysicalMemory& memory() const { return memory_; }
  // Whether all frames of the run are handed out.
  bool IsAllocated(FrameRun run) const;

  // Makes the n-th allocation from now fail, once (1 = the next; 0: none); for tests.
  // Returns whether such a failure was still to come.
  bool FailAfter(uint64_t n);

  // Checks every internal invariant; an error names the first that is broken.
  absl::Status Verify() const;

 private:
  friend class FramePin;
  void Unpin(FrameRun run);
  absl::StatusOr<FrameRun> TryAllocateRun(PageCount wanted, std::optional<FrameNumber> hint, Surroundings surroundings);
  absl::StatusOr<std::vector<FrameRun>> TryAllocate(PageCount count, std::optional<FrameNumber> hint,
                                                    Surroundings surroundings);
  absl::StatusOr<FrameRun> TryAllocateContiguous(PageCount count, unsigned align_log2);
  // `attempt`, again and again as long as there is something to discard.
  template <typename Attempt>
  auto OrDiscard(Attempt attempt) -> decltype(attempt());

  struct Impl;
  PhysicalMemory& memory_;
  std::unique_ptr<Impl> impl_;
  DiscardList discardable_;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_FRAME_ALLOCATOR_H_
