// What a VMO holds: pages, and who shows them.
#ifndef ZIRCONIA_MM_VM_PAGES_H_
#define ZIRCONIA_MM_VM_PAGES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "mm/discard_list.h"
#include "mm/frame_allocator.h"
#include "mm/mapping_index.h"
#include "mm/page_source.h"
#include "mm/page_tree.h"
#include "mm/paging.h"
#include "mm/pool.h"
#include "mm/units.h"

namespace zirconia::mm {

class VmMapping;
class VmObject;
class VmPages;

// Frames that nobody uses any more. They are freed when this is destroyed: declare it before the locks, so that they
// are gone by then.
class FreedFrames {
 public:
  FreedFrames() = default;
  FreedFrames(const FreedFrames&) = delete;
  FreedFrames& operator=(const FreedFrames&) = delete;
  ~FreedFrames() {
    for (const auto& [frames, run] : runs_) frames->Free(run);
  }
  void Add(FrameAllocator& frames, FrameRun run) { runs_.emplace_back(&frames, run); }

 private:
  using Run = std::pair<FrameAllocator*, FrameRun>;
  absl::InlinedVector<Run, 4, PoolAllocator<Run>> runs_;
};

// What was made from one another by taking snapshots, or is overlays of the same pages. Pages are shared within a
// family, so that it has one lock.
struct VmFamily {
  absl::Mutex mutex;
  absl::btree_map<uint64_t, VmPages*> members ABSL_GUARDED_BY(mutex);  // those alive, oldest first
  uint64_t births ABSL_GUARDED_BY(mutex) = 0;
  // For constructors: the lock is held, or nobody else knows the family yet.
  uint64_t NextBirth() ABSL_NO_THREAD_SAFETY_ANALYSIS { return births++; }
};

// Says that the kernel is writing to pages without holding a lock. Dropping it takes the lock of the pages.
class WriteHold {
 public:
  WriteHold() = default;
  WriteHold(WriteHold&&) = default;
  WriteHold& operator=(WriteHold&& o) noexcept {
    std::swap(pages_, o.pages_);
    std::swap(begin_, o.begin_);
    std::swap(end_, o.end_);
    return *this;
  }
  ~WriteHold();

 private:
  friend class VmPages;
  std::shared_ptr<VmPages> pages_;
  PageIndex begin_, end_;
};

// A piece of a VMO that a copy works on: frames pinned, reached through the kernel's linear mapping. Dropping it takes
// the VMO's lock.
struct PinnedBytes {
  FramePin pin;
  std::byte* data = nullptr;  // null: these bytes are zeros and have no frame (only where the access is a read)
  ByteSize size;              // how many bytes from the wanted offset on; at least 1
  WriteHold hold;             // where the access is a write
};

// The pages of a VMO and of its slices. Those that are committed stand in a tree of runs, which shares what it has with
// the trees of snapshots: a page that is shared is copied when it is written. Costs are per run.
//
// A page that isn't committed reads as zeros. Contiguous memory is committed for good. Physical memory is shown, not
// owned: it is neither allocated nor freed here. Paged memory comes from a pager, or shows what such memory shows
// (Paging): its pages may be absent, so that an access has to wait (`Bring`).
//
// All of it is guarded by the lock of the family, which is taken after that of an address space and before that of a
// page table. Mappings are told of every change that takes pages away, in every address space, before the call returns.
class VmPages : public std::enable_shared_from_this<VmPages> {
 public:
  enum class Kind : uint8_t { kAnonymous, kContiguous, kPhysical, kPaged };

  static std::shared_ptr<VmPages> CreateAnonymous(FrameAllocator& frames, PageCount size);
  // RESOURCE_EXHAUSTED: there are no such frames in a row.
  static absl::StatusOr<std::shared_ptr<VmPages>> CreateContiguous(FrameAllocator& frames, PageCount size,
                                                                   unsigned align_log2);
  // OUT_OF_RANGE: not part of the memory. RESOURCE_EXHAUSTED: the host can't provide it.
  static absl::StatusOr<std::shared_ptr<VmPages>> CreatePhysical(FrameAllocator& frames, FrameRun run);
  // Pages that `source` provides; all of them are absent at first.
  static std::shared_ptr<VmPages> CreatePaged(FrameAllocator& frames, PageCount size,
                                              std::shared_ptr<PageSource> source, bool trap_dirty);
  ~VmPages();

  Kind kind() const { return kind_; }
  bool paged() const { return kind_ == Kind::kPaged; }
  bool is_snapshot() const { return is_snapshot_; }
  FrameAllocator& frames() const { return frames_; }
  absl::Mutex& mutex() const ABSL_LOCK_RETURNED(family_->mutex) { return family_->mutex; }

  // From now on no address space writes to it, whatever its mappings permit (AddressSpace::PinIgnoringProtection): its
  // frames are shared by address spaces that don't trust one another.
  void MakeConstant() { constant_.store(true, std::memory_order_relaxed); }
  bool constant() const { return constant_.load(std::memory_order_relaxed); }

  // Makes it discardable: when memory runs out while nobody has it locked, all of its pages go, and until it is locked
  // again every access is refused. Unlocked at first.
  void MakeDiscardable();
  bool discardable() const { return discardable_.load(std::memory_order_relaxed); }
  // Locks nest. Returns whether it had been discarded since it was last unlocked; it isn't any more.
  bool LockContent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // FAILED_PRECONDITION: it isn't locked.
  absl::Status UnlockContent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  bool discarded() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return discarded_; }
  // NOT_FOUND: it was discarded.
  absl::Status CheckContent() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    return discarded_ ? absl::NotFoundError("the VMO was discarded") : absl::OkStatus();
  }
  // For DiscardList. Returns whether it held anything.
  bool Discard(FreedFrames& freed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // How often some were taken out because memory was short, not because somebody said so.
  uint64_t reclaims() const { return reclaims_.load(std::memory_order_relaxed); }

  // ZX_CACHE_POLICY_*, remembered; 0: cached.
  bool cached() const { return cache_policy() == 0; }
  uint32_t cache_policy() const { return cache_policy_.load(std::memory_order_relaxed); }
  void set_cache_policy(uint32_t policy) { cache_policy_.store(policy, std::memory_order_relaxed); }

  // One past the last page; without the lock, what it was last set to.
  PageIndex end() const { return PageIndex(end_.load(std::memory_order_acquire)); }
  const PageTree& tree() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return tree_; }

  // Pages that are alike: what they hold, and what a write to them takes.
  struct Stretch {
    enum class Holds : uint8_t {
      kFrames,   // consecutive ones
      kZeros,    // and no frames
      kNothing,  // only the pager knows
    };
    enum class Write : uint8_t {
      kInPlace,    // can be shown for writing
      kOnceNoted,  // in place, but only after `NoteWrite`, so that they are shown for reading until then
      kCopy,       // needs new frames: `MakeSome`
    };
    Holds holds = Holds::kZeros;
    Write write = Write::kCopy;
    bool trapped = false;  // a write asks the pager first
    PageIndex first, end;
    FrameNumber frame;     // kFrames: that of `first`
    PageIndex from_pager;  // kNothing: the number that `first` has to the pager
    bool in_root = false;  // kFrames: an overlay shows what the root has

    bool has_frames() const { return holds == Holds::kFrames; }
    FrameNumber FrameOf(PageIndex page) const { return frame + (page - first); }
    Protection ShownAs(Protection protection) const {
      return write == Write::kInPlace ? protection : protection.WithoutWrite();
    }
  };
  // The stretch around `page`, which is inside; where it isn't frames, it begins there. Not longer than it is alike,
  // nor always as long.
  Stretch StretchAt(PageIndex page) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Where the zeros begin that `page` is one of, at the earliest that is known.
  PageIndex ZerosBefore(PageIndex page) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Calls `visit` for the stretches of [begin, end), cut to it, in order.
  void ForEachStretch(PageIndex begin, PageIndex end, absl::FunctionRef<void(const Stretch&)> visit) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Whether a page may be such that it can't be shown for writing, so that what is shown must be looked at run by run.
  bool MayShare() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return paged() || family_->members.size() > 1; }

  // Sees to it that all of [begin, end), which is inside, can be accessed now. ABORTED: the pager was asked for the
  // first part that can't; nothing has changed, and who called waits for what is left in `wait`, with no lock held, and
  // starts over. UNAVAILABLE: so it would be, but `wait` is null. FAILED_PRECONDITION: the pager is gone.
  absl::Status Bring(PageIndex begin, PageIndex end, Access access, PageWait* wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    return paged() ? BringPaged(begin, end, end, access, wait) : absl::OkStatus();
  }
  // What was brought for writing is written to from now on.
  void NoteWrite(PageIndex begin, PageIndex end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    if (paged()) NoteWritePaged(begin, end);
  }

  // How many committed pages of [begin, end) are charged to these: those that nobody older has, and what of the root's
  // no VMO shows but clones of it, to the oldest of them.
  PageCount Charged(PageIndex begin, PageIndex end) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // New frames for pages that are not committed, or shared: allocated and filled with what the pages hold, but not put
  // in. Given back when it is destroyed, unless `Install` put it in.
  class NewPages {
   public:
    NewPages() = default;
    NewPages(NewPages&& o) noexcept
        : frames_(o.frames_), first_(std::exchange(o.first_, PageRun())), more_(std::move(o.more_)) {}
    NewPages& operator=(NewPages&& o) noexcept {
      std::swap(frames_, o.frames_);
      std::swap(first_, o.first_);
      std::swap(more_, o.more_);
      return *this;
    }
    ~NewPages() {
      ForEach([this](const PageRun& run) { frames_->Free(run.frames); });
    }
    const PageRun& first() const { return first_; }

   private:
    friend class VmPages;
    template <typename Visit>
    void ForEach(Visit visit) const {
      if (!first_.frames.empty()) visit(first_);
      for (const PageRun& run : more_) visit(run);
    }
    void Add(FrameAllocator& frames, PageRun run) {
      frames_ = &frames;
      if (first_.frames.empty()) {
        first_ = run;
      } else {
        more_.push_back(run);
      }
    }
    void Forget() {
      first_ = PageRun();
      more_.clear();
    }
    FrameAllocator* frames_ = nullptr;
    PageRun first_;  // empty: there are none
    std::vector<PageRun> more_;
  };
  // For at least one and at most `wanted` pages of `stretch` from `first` on. RESOURCE_EXHAUSTED: no frame is left.
  absl::StatusOr<NewPages> MakeSome(const Stretch& stretch, PageIndex first, PageCount wanted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // For all pages of [begin, end), which is inside and was brought, that a write would copy, and for those that are
  // zeros where `fill`. RESOURCE_EXHAUSTED: there are not enough frames.
  absl::StatusOr<NewPages> MakeAll(PageIndex begin, PageIndex end, bool fill) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Puts them in. What was shown in their place is taken out of all mappings but `except`. Requires that nothing has
  // changed since they were made.
  void Install(NewPages pages, const VmMapping* except, FreedFrames& freed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // Takes the pages of [begin, end) out, here and in every mapping.
  void Decommit(PageIndex begin, PageIndex end, FreedFrames& freed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void SetEnd(PageIndex end, FreedFrames& freed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Makes bytes, whose pages were brought for writing, read as zeros; all or nothing. RESOURCE_EXHAUSTED: a page that
  // is shared must be copied first.
  absl::Status Zero(ByteSize offset, ByteSize length, FreedFrames& freed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // The first piece of a range of bytes, as `Pin` pins it: the frames from the one that holds its first byte on, none
  // where it is zeros. A write commits what it needs. Requires that the range isn't empty and lies inside. Errors of
  // `Bring`.
  struct Piece {
    FrameRun frames;
    ByteSize in_frame;  // where in the first frame it begins
    ByteSize size;
  };
  absl::StatusOr<Piece> PieceAt(ByteSize offset, ByteSize length, Access access, FreedFrames& freed, PageWait* wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  std::byte* DataOf(const Piece& piece) const {
    return frames_.memory().data(piece.frames.first) + piece.in_frame.value();
  }
  // A piece that is written to holds at most kMostWritten.
  static constexpr PageCount kMostWritten = PageCount(256);
  absl::StatusOr<PinnedBytes> Pin(ByteSize offset, ByteSize length, Access access, FreedFrames& freed, PageWait* wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // Pages that devices reach: as long as one is held, nothing takes it away. FAILED_PRECONDITION where something would.
  void HoldForDevice(PageIndex begin, PageIndex end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void DropForDevice(PageIndex begin, PageIndex end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  bool IsHeldForDevice(PageIndex begin, PageIndex end) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Held for a device, or being written to by the kernel.
  bool IsInUse(PageIndex begin, PageIndex end) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // What [begin, begin + size) holds now, up to `limit`, as other pages of that size; beyond there are zeros. Both
  // sides go their own ways from then on. Costs neither size nor runs nor depth, but the write-protection of live
  // mappings. RESOURCE_EXHAUSTED: what the kernel is writing to right now is copied at once, and there is no frame for
  // that.
  absl::StatusOr<std::shared_ptr<VmPages>> Snapshot(PageIndex begin, PageCount size, PageIndex limit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // Requires that it is paged: pages of that size that show what these show from `begin` on, up to `limit`, and zeros
  // beyond.
  std::shared_ptr<VmPages> Overlay(PageIndex begin, PageCount size, PageIndex limit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Whether overlays show what these show.
  bool HasOverlays() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return paged() && !paging_->overlays.empty(); }
  // What an overlay shows where it has nothing of its own; null: it is none.
  const VmPages* parent() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) {
    return paged() ? paging_->parent.get() : nullptr;
  }

  // What follows is for the root of paged memory, on behalf of its pager; VmObject says what it does.
  struct DirtyRange {
    PageRange pages;
    bool zero = false;
  };
  // `from` isn't paged, and nobody else has its pages. Both locks are held.
  void Supply(PageRange range, VmPages& from, PageIndex from_first, FreedFrames& freed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex(), from.mutex());
  absl::Status MarkDirty(PageRange range) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void BeginWriteback(PageRange range, bool only_zeros) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void EndWriteback(PageRange range) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  std::vector<DirtyRange> DirtyRanges(PageRange range) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  bool Modified(bool reset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void EvictClean(FreedFrames& freed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // A mapping is known exactly as long as it lives; it is taken out before its range changes, and put back. What it may
  // show is listed from the first time on, so that one that nobody touches costs next to nothing.
  void AddMapping(VmMapping& mapping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void RemoveMapping(VmMapping& mapping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // For checks: whether it is listed if it has to be.
  bool HasMapping(const VmMapping& mapping) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  bool IsMapped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return mapping_count_ != 0; }
  // Notes, before it is so, that the page table may translate some of it; or some of it to zeros.
  void NoteShown(VmMapping& mapping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void NoteZeros(VmMapping& mapping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // The VMOs that show these, oldest first: slices, and the one that they are slices of, while it lives.
  const std::vector<VmObject*>& views() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return views_; }
  void AddView(VmObject* view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { views_.push_back(view); }
  void RemoveView(VmObject* view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // Checks the trees of the whole family, these frames and these mappings; an error names the first thing that is
  // wrong.
  absl::Status Verify() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

 private:
  friend class WriteHold;

  // The first of a family, or, where there is one already, whose lock is held, a snapshot.
  VmPages(FrameAllocator& frames, PageCount size, Kind kind, std::unique_ptr<Paging> paging = nullptr);
  VmPages(FrameAllocator& frames, PageCount size, std::shared_ptr<VmFamily> family, PageTree tree,
          std::unique_ptr<Paging> paging);
  void Release(FrameRun run, FreedFrames& freed) const {
    if (kind_ != Kind::kPhysical) freed.Add(frames_, run);
  }
  void Copy(FrameRun from, FrameRun to) const;

  // The frame at which `page` would continue the nearest run.
  std::optional<FrameNumber> Hint(PageIndex page) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Removes all translations of [begin, end) from the mappings but `except`, those of overlays included.
  void TakeOut(PageIndex begin, PageIndex end, const VmMapping* except) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void TakeOutOfMappings(PageIndex begin, PageIndex end, const VmMapping* except)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // The same from those mappings only that may show zeros there.
  void TakeOutZeros(PageIndex begin, PageIndex end, const VmMapping* except) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  static Stretch Of(const PageTree::Run& run);
  Stretch PagedStretchAt(PageIndex page) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Bring, which asks for what follows too, up to `wanted`.
  absl::Status BringPaged(PageIndex begin, PageIndex end, PageIndex wanted, Access access, PageWait* wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void NoteWritePaged(PageIndex begin, PageIndex end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // What they show must be looked at again before it is written to.
  void WriteProtect(PageIndex begin, PageIndex end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Pages of [begin, end) got frames, or became zeros.
  void MarkFrames(PageIndex begin, PageIndex end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void MarkZeros(PageIndex begin, PageIndex end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // SetEnd for states, overlays and the pager.
  void SetPagedEnd(PageIndex old_end, PageIndex new_end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // TakeOut for what overlays show of these.
  void TakeOutOfOverlays(PageIndex begin, PageIndex end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Leaves what an overlay has to its own overlays, and them to its parent, when nobody can change it any more.
  void CollapseIfUnused() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Of an overlay: the frames of the root that [begin, end) shows; and how many of them are charged to it.
  void ForEachOfRoot(PageIndex begin, PageIndex end, absl::FunctionRef<void(FrameRun)> visit) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  PageCount ChargedForRoot(PageIndex begin, PageIndex end) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  absl::Status VerifyPaging() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  FrameAllocator& frames_;
  const Kind kind_;
  const bool is_snapshot_;
  const std::shared_ptr<VmFamily> family_;
  const std::unique_ptr<Paging> paging_ ABSL_PT_GUARDED_BY(family_->mutex);  // null: it isn't paged
  std::atomic<bool> constant_{false};
  std::atomic<uint32_t> cache_policy_{0};
  std::atomic<uint64_t> reclaims_{0};
  std::atomic<bool> discardable_{false};
  DiscardList::Place discard_place_;  // the list's lock
  uint64_t content_locks_ ABSL_GUARDED_BY(family_->mutex) = 0;
  bool discarded_ ABSL_GUARDED_BY(family_->mutex) = false;
  std::atomic<uint64_t> end_;  // written under the lock
  uint64_t birth_ ABSL_GUARDED_BY(family_->mutex);
  PageTree tree_ ABSL_GUARDED_BY(family_->mutex);
  std::vector<VmObject*> views_ ABSL_GUARDED_BY(family_->mutex);
  size_t mapping_count_ ABSL_GUARDED_BY(family_->mutex) = 0;
  MappingIndex mappings_ ABSL_GUARDED_BY(family_->mutex);     // those that may show frames or zeros
  size_t zero_mappings_ ABSL_GUARDED_BY(family_->mutex) = 0;  // of those, the ones that may show zeros
  // Pages that the kernel is writing to, and pages that devices reach.
  absl::InlinedVector<std::pair<PageIndex, PageIndex>, 2> writes_ ABSL_GUARDED_BY(family_->mutex);
  std::vector<std::pair<PageIndex, PageIndex>> device_holds_ ABSL_GUARDED_BY(family_->mutex);
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_VM_PAGES_H_
