#include "mm/frame_allocator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "mm/bitmap.h"
#include "mm/buddy.h"
#include "mm/check.h"

namespace zirconia::mm {
namespace {

using Runs = absl::InlinedVector<FrameRun, 4>;

// The most frames that are secured ahead of their use.
constexpr uint64_t kAhead = 64;
// Of a large owner's surroundings, no more than this part of the machine is sought in one piece.
constexpr uint64_t kPartOfMachine = 16;

absl::Status Exhausted() { return absl::ResourceExhaustedError(""); }

unsigned CeilLog2(uint64_t n) { return n <= 1 ? 0 : static_cast<unsigned>(std::bit_width(n - 1)); }

bool Overlap(FrameRun a, FrameRun b) { return a.first < b.end() && b.first < a.end(); }

FrameRun Common(FrameRun a, FrameRun b) {
  const FrameNumber first = std::max(a.first, b.first);
  return {first, std::min(a.end(), b.end()) - first};
}

}  // namespace

struct FrameAllocator::Impl {
  Impl(PhysicalMemory& physical, const Options& options)
      : memory(physical),
        frames(physical.size().value()),
        limit(std::min(options.limit.value_or(physical.size()), physical.size())),
        keep_free(options.keep_free.value()),
        free(physical.size()),
        allocated(frames),
        secured(frames),
        dirty(frames),
        fail_after(options.fail_after.value_or(0)) {
    free.Insert({FrameNumber(0), physical.size()});
  }

  // What a run needs before it can be handed out, found under the lock and done without it.
  struct Readying {
    Runs to_secure;
    Runs to_clear;
  };

  bool FailNow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return fail_after != 0 && --fail_after == 0; }

  // Takes frames out of the free ones: one run, empty where there is none.
  FrameRun Take(PageCount wanted, std::optional<FrameNumber> hint, Surroundings surroundings)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    wanted = std::min(wanted, limit - used);
    if (wanted == PageCount(0) || free.size() == PageCount(0)) return {};
    if (hint && free.BlockOf(*hint)) return TakeExactly({*hint, free.StretchFrom(*hint, wanted)});
    const unsigned wanted_order = CeilLog2(wanted.value());
    const unsigned most_order = std::max(wanted_order, CeilLog2(frames / kPartOfMachine + 1));
    const uint64_t span = surroundings.before.value() + wanted.value() + surroundings.after.value();
    const unsigned order = std::min(most_order, CeilLog2(span));
    auto block = free.SmallestBlock(order);
    if (!block) {
      block = free.LargestBlock();
      // What is free below it continues it, as what is above does.
      while (block->count < wanted && block->first.value() > 0) {
        const auto below = free.BlockOf(block->first - PageCount(1));
        if (!below) break;
        block->count += below->count;
        block->first = below->first;
      }
    }
    // Owners that are larger than the block take the place in it that their place in themselves has modulo its size.
    const uint64_t size = std::bit_floor(std::min(block->count.value(), uint64_t{1} << order));
    uint64_t lead = surroundings.before.value() & (size - 1);
    if (lead + wanted.value() > block->count.value()) {
      lead = block->count > wanted ? block->count.value() - wanted.value() : 0;
    }
    const FrameNumber first = block->first + PageCount(lead);
    return TakeExactly({first, free.StretchFrom(first, wanted)});
  }

  FrameRun TakeExactly(FrameRun run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    free.Remove(run);
    allocated.Assign(run.first.value(), run.count.value(), true);
    free_secured -= secured.Count(run.first.value(), run.count.value());
    used += run.count;
    peak = std::max(peak, used);
    return run;
  }

  // Secures what will soon be asked for, if `run` looks like the next step of what grows: as much again as lies
  // allocated beside it.
  void SecureAhead(FrameRun run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (run.count.value() > kAhead || secured.All(true, run.first.value(), run.count.value())) return;
    uint64_t below = run.first.value();
    while (below > 0 && run.first.value() - below < kAhead && allocated.Test(below - 1)) --below;
    uint64_t above = run.end().value();
    while (above < frames && above - run.end().value() < kAhead && allocated.Test(above)) ++above;
    const uint64_t behind_us = run.first.value() - below, before_us = above - run.end().value();
    uint64_t first = run.first.value(), end = run.end().value();
    if (behind_us > 1) {
      const uint64_t most = std::min(frames, end + behind_us);
      while (end < most && !allocated.Test(end) && !secured.Test(end)) ++end;
    } else if (before_us > 1) {
      const uint64_t least = first - std::min(first, before_us);
      while (first > least && !allocated.Test(first - 1) && !secured.Test(first - 1)) --first;
    }
    if (end - first == run.count.value() || secured.Find(true, first, end) != end) return;
    if (!memory.Secure({FrameNumber(first), PageCount(end - first)}).ok()) return;
    secured.Assign(first, end - first, true);
    free_secured += end - first - run.count.value();
  }

  // Marks a run that was just taken as handed out, and says what must be done to it first.
  void Plan(FrameRun run, Readying& readying) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    SecureAhead(run);
    const auto add = [&](const Bitmap& bits, bool value, Runs& to) {
      for (uint64_t at = run.first.value();;) {
        const uint64_t first = bits.Find(value, at, run.end().value());
        if (first == run.end().value()) return;
        at = bits.Find(!value, first, run.end().value());
        to.push_back({FrameNumber(first), PageCount(at - first)});
      }
    };
    for (const FrameRun other : exposed) {
      if (!Overlap(other, run)) continue;
      const FrameRun both = Common(other, run);
      dirty.Assign(both.first.value(), both.count.value(), true);
    }
    add(secured, false, readying.to_secure);
    add(dirty, true, readying.to_clear);
    secured.Assign(run.first.value(), run.count.value(), true);
    dirty.Assign(run.first.value(), run.count.value(), true);
  }

  // Does what was planned. On an error nothing of `to_secure` counts as secured.
  absl::Status Carry(Readying& readying) ABSL_LOCKS_EXCLUDED(mutex) {
    for (size_t i = 0; i < readying.to_secure.size(); ++i) {
      absl::Status status = memory.Secure(readying.to_secure[i]);
      if (!status.ok()) {
        TrimTo(0);
        status = memory.Secure(readying.to_secure[i]);
      }
      if (status.ok()) continue;
      absl::MutexLock lock(&mutex);
      for (size_t j = i; j < readying.to_secure.size(); ++j) {
        const FrameRun run = readying.to_secure[j];
        secured.Assign(run.first.value(), run.count.value(), false);
        dirty.Assign(run.first.value(), run.count.value(), false);
      }
      return Exhausted();
    }
    for (const FrameRun run : readying.to_clear) std::memset(memory.data(run.first), 0, run.count.bytes().value());
    return absl::OkStatus();
  }

  // Makes a run free that is handed out (or was in transit).
  void PutBack(FrameRun run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    free.Insert(run);
    allocated.Assign(run.first.value(), run.count.value(), false);
    free_secured += secured.Count(run.first.value(), run.count.value());
  }

  // Frees what isn't pinned, and keeps the rest for when it is no more.
  void FreeOrDefer(FrameRun run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    while (!run.empty()) {
      // The longest piece from the start that is wholly pinned, or wholly not.
      FrameRun piece = run;
      bool pinned = false;
      for (const FrameRun pin : pins) {
        if (!Overlap(pin, piece)) continue;
        if (pin.first <= piece.first) {
          pinned = true;
          piece = Common(pin, piece);
          break;
        }
        piece.count = pin.first - piece.first;
      }
      if (pinned) {
        deferred.push_back(piece);
      } else {
        used -= piece.count;
        PutBack(piece);
      }
      run = {piece.end(), run.end() - piece.end()};
    }
  }

  // Gives free memory back to the host until no more than `keep` frames of it are left. What is being given back is
  // neither free nor used meanwhile; who finds nothing waits for it.
  void TrimTo(uint64_t keep) ABSL_LOCKS_EXCLUDED(mutex) {
    Runs taken;
    {
      absl::MutexLock lock(&mutex);
      uint64_t at = 0;
      while (free_secured > keep) {
        at = secured.Find(true, at, frames);
        if (at == frames) break;
        const uint64_t first = allocated.Find(false, at, secured.Find(false, at, frames));
        const uint64_t end =
            allocated.Find(true, first, std::min(secured.Find(false, first, frames), first + (free_secured - keep)));
        at = std::max(end, at + 1);
        if (end == first || !secured.Test(first)) continue;
        const FrameRun run{FrameNumber(first), PageCount(end - first)};
        free.Remove(run);
        allocated.Assign(first, end - first, true);
        free_secured -= end - first;
        in_transit += end - first;
        taken.push_back(run);
      }
    }
    absl::InlinedVector<bool, 4> given(taken.size());
    for (size_t i = 0; i < taken.size(); ++i) given[i] = memory.Discard(taken[i]).ok();
    absl::MutexLock lock(&mutex);
    for (size_t i = 0; i < taken.size(); ++i) {
      const FrameRun run = taken[i];
      secured.Assign(run.first.value(), run.count.value(), !given[i]);
      dirty.Assign(run.first.value(), run.count.value(), !given[i]);
      PutBack(run);
      in_transit -= run.count.value();
    }
  }

  // For after freeing: gives back if the host is left providing too much.
  void TrimIfMuch() ABSL_LOCKS_EXCLUDED(mutex) {
    {
      absl::MutexLock lock(&mutex);
      if (free_secured <= keep_free) return;
    }
    TrimTo(keep_free / 2);
  }

  // Whether something is on its way to being free. Waits until nothing is.
  bool WaitForTransit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (in_transit == 0) return false;
    mutex.Await(absl::Condition(
        +[](const uint64_t* n) { return *n == 0; }, static_cast<const uint64_t*>(&in_transit)));
    return true;
  }

  PhysicalMemory& memory;
  const uint64_t frames;
  const PageCount limit;
  const uint64_t keep_free;

  mutable absl::Mutex mutex;
  Buddy free ABSL_GUARDED_BY(mutex);
  Bitmap allocated ABSL_GUARDED_BY(mutex);  // what isn't in `free`
  Bitmap secured ABSL_GUARDED_BY(mutex);    // the host provides it; true of all that is handed out
  Bitmap dirty ABSL_GUARDED_BY(mutex);      // may hold something else than zeros
  uint64_t free_secured ABSL_GUARDED_BY(mutex) = 0;
  uint64_t in_transit ABSL_GUARDED_BY(mutex) = 0;  // being given back to the host: allocated, but not used
  PageCount used ABSL_GUARDED_BY(mutex);
  PageCount peak ABSL_GUARDED_BY(mutex);
  uint64_t fail_after ABSL_GUARDED_BY(mutex);
  absl::InlinedVector<FrameRun, 16> pins ABSL_GUARDED_BY(mutex);
  std::vector<FrameRun> deferred ABSL_GUARDED_BY(mutex);  // freed while pinned
  std::vector<FrameRun> exposed ABSL_GUARDED_BY(mutex);
};

FramePin::FramePin(FramePin&& o) noexcept
    : allocator_(std::exchange(o.allocator_, nullptr)), run_(std::exchange(o.run_, FrameRun())) {}

FramePin& FramePin::operator=(FramePin&& o) noexcept {
  if (this == &o) return *this;
  if (allocator_ != nullptr) allocator_->Unpin(run_);
  allocator_ = std::exchange(o.allocator_, nullptr);
  run_ = std::exchange(o.run_, FrameRun());
  return *this;
}

FramePin::~FramePin() {
  if (allocator_ != nullptr) allocator_->Unpin(run_);
}

FrameAllocator::FrameAllocator(PhysicalMemory& memory, Options options)
    : memory_(memory), impl_(std::make_unique<Impl>(memory, options)) {}

FrameAllocator::~FrameAllocator() = default;

template <typename Attempt>
auto FrameAllocator::OrDiscard(Attempt attempt) -> decltype(attempt()) {
  for (;;) {
    auto made = attempt();
    if (!absl::IsResourceExhausted(made.status()) || !discardable_.DiscardOne()) return made;
  }
}

absl::StatusOr<FrameRun> FrameAllocator::AllocateRun(PageCount wanted, std::optional<FrameNumber> hint,
                                                     Surroundings surroundings) {
  return OrDiscard([&] { return TryAllocateRun(wanted, hint, surroundings); });
}

absl::StatusOr<std::vector<FrameRun>> FrameAllocator::Allocate(PageCount count, std::optional<FrameNumber> hint,
                                                               Surroundings surroundings) {
  return OrDiscard([&] { return TryAllocate(count, hint, surroundings); });
}

absl::StatusOr<FrameRun> FrameAllocator::AllocateContiguous(PageCount count, unsigned align_log2) {
  if (count == PageCount(0)) return absl::InvalidArgumentError("no frames wanted");
  return OrDiscard([&] { return TryAllocateContiguous(count, align_log2); });
}

absl::StatusOr<FrameRun> FrameAllocator::TryAllocateRun(PageCount wanted, std::optional<FrameNumber> hint,
                                                        Surroundings surroundings) {
  FrameRun run;
  Impl::Readying readying;
  {
    absl::MutexLock lock(&impl_->mutex);
    if (impl_->FailNow()) return Exhausted();
    do {
      run = impl_->Take(wanted, hint, surroundings);
    } while (run.empty() && impl_->WaitForTransit());
    if (run.empty()) return Exhausted();
    impl_->Plan(run, readying);
  }
  if (absl::Status status = impl_->Carry(readying); !status.ok()) {
    Free(run);
    // A host that can't provide the whole may still provide a part.
    if (run.count > PageCount(1)) return TryAllocateRun(PageCount(run.count.value() / 2), run.first, surroundings);
    return status;
  }
  return run;
}

absl::StatusOr<std::vector<FrameRun>> FrameAllocator::TryAllocate(PageCount count, std::optional<FrameNumber> hint,
                                                                  Surroundings surroundings) {
  std::vector<FrameRun> runs;
  if (count == PageCount(0)) return runs;
  Impl::Readying readying;
  {
    absl::MutexLock lock(&impl_->mutex);
    if (impl_->FailNow() || count > impl_->limit - impl_->used) return Exhausted();
    PageCount left = count;
    while (left > PageCount(0)) {
      const FrameRun run = impl_->Take(left, hint, surroundings);
      if (run.empty()) {
        if (impl_->WaitForTransit()) continue;
        for (const FrameRun r : runs) impl_->FreeOrDefer(r);
        return Exhausted();
      }
      left -= run.count;
      hint = run.end();
      if (!runs.empty() && runs.back().end() == run.first) {
        runs.back().count += run.count;
      } else {
        runs.push_back(run);
      }
    }
    for (const FrameRun run : runs) impl_->Plan(run, readying);
  }
  if (absl::Status status = impl_->Carry(readying); !status.ok()) {
    for (const FrameRun run : runs) Free(run);
    return status;
  }
  return runs;
}

absl::StatusOr<FrameRun> FrameAllocator::TryAllocateContiguous(PageCount count, unsigned align_log2) {
  FrameRun run;
  Impl::Readying readying;
  {
    absl::MutexLock lock(&impl_->mutex);
    if (impl_->FailNow() || count > impl_->limit - impl_->used || align_log2 >= 64) return Exhausted();
    do {
      if (const auto block = impl_->free.SmallestBlock(std::max(CeilLog2(count.value()), align_log2))) {
        run = {block->first, count};
        break;
      }
      // No block is large enough, but neighbouring ones may be.
      const uint64_t align = uint64_t{1} << align_log2;
      for (uint64_t at = 0; at < impl_->frames && run.empty();) {
        const uint64_t first = impl_->allocated.Find(false, at, impl_->frames);
        at = impl_->allocated.Find(true, first, impl_->frames);
        const uint64_t aligned = (first + align - 1) & ~(align - 1);
        if (aligned < at && at - aligned >= count.value()) run = {FrameNumber(aligned), count};
      }
    } while (run.empty() && impl_->WaitForTransit());
    if (run.empty()) return Exhausted();
    impl_->TakeExactly(run);
    impl_->Plan(run, readying);
  }
  if (absl::Status status = impl_->Carry(readying); !status.ok()) {
    Free(run);
    return status;
  }
  return run;
}

void FrameAllocator::Free(FrameRun run) {
  if (run.empty()) return;
  {
    absl::MutexLock lock(&impl_->mutex);
    ZIRCONIA_CHECK(
        run.end().value() <= impl_->frames && impl_->allocated.All(true, run.first.value(), run.count.value()),
        "frames are freed that are not handed out");
    impl_->FreeOrDefer(run);
  }
  impl_->TrimIfMuch();
}

FramePin FrameAllocator::Pin(FrameRun run) {
  FramePin pin;
  if (run.empty()) return pin;
  absl::MutexLock lock(&impl_->mutex);
  impl_->pins.push_back(run);
  pin.allocator_ = this;
  pin.run_ = run;
  return pin;
}

absl::Status FrameAllocator::Expose(FrameRun run) {
  if (run.first.value() > impl_->frames || run.count.value() > impl_->frames - run.first.value()) {
    return absl::OutOfRangeError("not part of the memory");
  }
  absl::MutexLock lock(&impl_->mutex);
  while (impl_->WaitForTransit()) {
  }
  if (!memory_.Secure(run).ok()) return Exhausted();
  impl_->free_secured += run.count.value() - impl_->secured.Count(run.first.value(), run.count.value());
  impl_->secured.Assign(run.first.value(), run.count.value(), true);
  impl_->exposed.push_back(run);
  return absl::OkStatus();
}

void FrameAllocator::Conceal(FrameRun run) {
  absl::MutexLock lock(&impl_->mutex);
  const auto it = std::find(impl_->exposed.begin(), impl_->exposed.end(), run);
  ZIRCONIA_CHECK(it != impl_->exposed.end(), "frames are concealed that aren't exposed");
  *it = impl_->exposed.back();
  impl_->exposed.pop_back();
  impl_->dirty.Assign(run.first.value(), run.count.value(), true);
}

void FrameAllocator::Unpin(FrameRun run) {
  absl::MutexLock lock(&impl_->mutex);
  const auto it = std::find(impl_->pins.begin(), impl_->pins.end(), run);
  ZIRCONIA_CHECK(it != impl_->pins.end(), "a pin is dropped that isn't there");
  *it = impl_->pins.back();
  impl_->pins.pop_back();
  if (impl_->deferred.empty()) return;
  std::vector<FrameRun> waiting;
  std::swap(waiting, impl_->deferred);
  for (const FrameRun d : waiting) impl_->FreeOrDefer(d);
}

void FrameAllocator::Trim() { impl_->TrimTo(0); }

FrameAllocator::Stats FrameAllocator::stats() const {
  absl::MutexLock lock(&impl_->mutex);
  return {impl_->limit, impl_->used, impl_->peak};
}

bool FrameAllocator::IsAllocated(FrameRun run) const {
  absl::MutexLock lock(&impl_->mutex);
  return run.end().value() <= impl_->frames && impl_->allocated.All(true, run.first.value(), run.count.value());
}

bool FrameAllocator::FailAfter(uint64_t n) {
  absl::MutexLock lock(&impl_->mutex);
  return std::exchange(impl_->fail_after, n) != 0;
}

absl::Status FrameAllocator::Verify() const {
  Impl& impl = *impl_;
  absl::MutexLock lock(&impl.mutex);
  if (absl::Status status = impl.free.Verify(); !status.ok()) return status;
  const uint64_t allocated = impl.allocated.Count(0, impl.frames);
  if (allocated + impl.free.size().value() != impl.frames) return absl::InternalError("free and used don't add up");
  if (allocated != impl.used.value() + impl.in_transit) return absl::InternalError("count of used frames is wrong");
  if (impl.used > impl.limit) return absl::InternalError("more is used than the limit");
  uint64_t free_secured = 0;
  for (uint64_t frame = 0; frame < impl.frames; ++frame) {
    const auto broken = [&](const char* what) {
      return absl::InternalError(absl::StrFormat("frame %d: %s", frame, what));
    };
    const bool used = impl.allocated.Test(frame);
    const bool secured = impl.secured.Test(frame);
    if (used && !secured) return broken("handed out, but not secured");
    if (used && impl.free.BlockOf(FrameNumber(frame))) return broken("handed out and free");
    if (used || !secured) continue;
    ++free_secured;
    // What is exposed may be written to at any time, and is cleared when it is handed out.
    const auto has_it = [&](FrameRun run) { return run.first.value() <= frame && frame < run.end().value(); };
    if (impl.dirty.Test(frame) || std::any_of(impl.exposed.begin(), impl.exposed.end(), has_it)) continue;
    static constexpr std::array<std::byte, kPageSize> kZeros{};
    if (std::memcmp(impl.memory.data(FrameNumber(frame)), kZeros.data(), kPageSize) != 0) {
      return broken("is said to be zero and isn't");
    }
  }
  if (free_secured != impl.free_secured) return absl::InternalError("count of free secured frames is wrong");
  for (const FrameRun run : impl.pins) {
    if (!impl.allocated.All(true, run.first.value(), run.count.value())) {
      return absl::InternalError("a pinned frame is free");
    }
  }
  for (const FrameRun run : impl.deferred) {
    const auto pinned = [&](FrameRun pin) { return pin.first <= run.first && run.end() <= pin.end(); };
    if (std::none_of(impl.pins.begin(), impl.pins.end(), pinned)) {
      return absl::InternalError("a frame waits for a pin that is gone");
    }
  }
  return absl::OkStatus();
}

}  // namespace zirconia::mm
