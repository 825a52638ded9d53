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
#include "mm/frame_allocator.h"
#include "mm/mapping_index.h"
#include "mm/page_tree.h"
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
  absl::InlinedVector<std::pair<FrameAllocator*, FrameRun>, 4> runs_;
};

// What was made from one another by taking snapshots. Pages are shared within a family, so that it has one lock.
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
// owned: it is neither allocated nor freed here.
//
// All of it is guarded by the lock of the family, which is taken after that of an address space and before that of a
// page table. Mappings are told of every change that takes pages away, in every address space, before the call returns.
class VmPages : public std::enable_shared_from_this<VmPages> {
 public:
  enum class Kind : uint8_t { kAnonymous, kContiguous, kPhysical };

  static std::shared_ptr<VmPages> CreateAnonymous(FrameAllocator& frames, PageCount size);
  // RESOURCE_EXHAUSTED: there are no such frames in a row.
  static absl::StatusOr<std::shared_ptr<VmPages>> CreateContiguous(FrameAllocator& frames, PageCount size,
                                                                   unsigned align_log2);
  // OUT_OF_RANGE: not part of the memory. RESOURCE_EXHAUSTED: the host can't provide it.
  static absl::StatusOr<std::shared_ptr<VmPages>> CreatePhysical(FrameAllocator& frames, FrameRun run);
  ~VmPages();

  Kind kind() const { return kind_; }
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

  // ZX_CACHE_POLICY_*, remembered; 0: cached.
  uint32_t cache_policy() const { return cache_policy_.load(std::memory_order_relaxed); }
  void set_cache_policy(uint32_t policy) { cache_policy_.store(policy, std::memory_order_relaxed); }

  // One past the last page; without the lock, what it was last set to.
  PageIndex end() const { return PageIndex(end_.load(std::memory_order_acquire)); }
  const PageTree& tree() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return tree_; }

  // A page that is shared may be shown for reading only.
  static Protection ShownAs(const PageTree::Run& run, Protection protection) {
    return run.shared ? protection.WithoutWrite() : protection;
  }
  // Whether any page may be shared, so that what is shown must be looked at run by run.
  bool MayShare() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return family_->members.size() > 1; }

  // How many committed pages of [begin, end) are charged to these: those that nobody older has.
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
  // For at least one and at most `wanted` pages from `first` on, which are all uncommitted, or all shared in one run.
  // RESOURCE_EXHAUSTED: no frame is left.
  absl::StatusOr<NewPages> MakeSome(PageIndex first, PageCount wanted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // For all pages of [begin, end), which is inside, that are shared, and for those that aren't committed where `fill`.
  // RESOURCE_EXHAUSTED: there are not enough frames.
  absl::StatusOr<NewPages> MakeAll(PageIndex begin, PageIndex end, bool fill) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Puts them in. What was shown in their place is taken out of all mappings but `except`. Requires that nothing has
  // changed since they were made.
  void Install(NewPages pages, const VmMapping* except, FreedFrames& freed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // Takes the pages of [begin, end) out, here and in every mapping.
  void Decommit(PageIndex begin, PageIndex end, FreedFrames& freed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void SetEnd(PageIndex end, FreedFrames& freed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Makes bytes read as zeros; all or nothing. RESOURCE_EXHAUSTED: a page that is shared must be copied first.
  absl::Status Zero(ByteSize offset, ByteSize length, FreedFrames& freed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // The first piece of a range of bytes, as `Pin` pins it: the frames from the one that holds its first byte on, none
  // where it is zeros. A write commits what it needs. Requires that the range isn't empty and lies inside.
  struct Piece {
    FrameRun frames;
    ByteSize in_frame;  // where in the first frame it begins
    ByteSize size;
  };
  absl::StatusOr<Piece> PieceAt(ByteSize offset, ByteSize length, Access access, FreedFrames& freed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  std::byte* DataOf(const Piece& piece) const {
    return frames_.memory().data(piece.frames.first) + piece.in_frame.value();
  }
  // A piece that is written to holds at most kMostWritten.
  static constexpr PageCount kMostWritten = PageCount(256);
  absl::StatusOr<PinnedBytes> Pin(ByteSize offset, ByteSize length, Access access, FreedFrames& freed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // Pages that devices reach: as long as one is held, nothing takes it away. FAILED_PRECONDITION where something would.
  void HoldForDevice(PageIndex begin, PageIndex end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void DropForDevice(PageIndex begin, PageIndex end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  bool IsHeldForDevice(PageIndex begin, PageIndex end) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // What [begin, begin + size) holds now, up to `limit`, as other pages of that size; beyond there are zeros. Both
  // sides go their own ways from then on. Costs neither size nor runs nor depth, but the write-protection of live
  // mappings. RESOURCE_EXHAUSTED: what the kernel is writing to right now is copied at once, and there is no frame for
  // that.
  absl::StatusOr<std::shared_ptr<VmPages>> Snapshot(PageIndex begin, PageCount size, PageIndex limit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // A mapping is listed exactly as long as it lives; it is taken out before its range changes, and put back.
  void AddMapping(VmMapping& mapping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void RemoveMapping(VmMapping& mapping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  bool HasMapping(const VmMapping& mapping) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  bool IsMapped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex()) { return mappings_.size() != 0; }
  // Notes that zeros were mapped through it.
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
  VmPages(FrameAllocator& frames, PageCount size, Kind kind);
  VmPages(FrameAllocator& frames, PageCount size, std::shared_ptr<VmFamily> family, PageTree tree);
  void Release(FrameRun run, FreedFrames& freed) const {
    if (kind_ != Kind::kPhysical) freed.Add(frames_, run);
  }
  void Copy(FrameRun from, FrameRun to) const;

  // The frame at which `page` would continue the nearest run.
  std::optional<FrameNumber> Hint(PageIndex page) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Removes all translations of [begin, end) from the mappings but `except`.
  void TakeOut(PageIndex begin, PageIndex end, const VmMapping* except) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // The same from those mappings only that may show zeros there.
  void TakeOutZeros(PageIndex begin, PageIndex end, const VmMapping* except) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  FrameAllocator& frames_;
  const Kind kind_;
  const bool is_snapshot_;
  const std::shared_ptr<VmFamily> family_;
  std::atomic<bool> constant_{false};
  std::atomic<uint32_t> cache_policy_{0};
  std::atomic<bool> discardable_{false};
  uint64_t content_locks_ ABSL_GUARDED_BY(family_->mutex) = 0;
  bool discarded_ ABSL_GUARDED_BY(family_->mutex) = false;
  std::atomic<uint64_t> end_;  // written under the lock
  uint64_t birth_ ABSL_GUARDED_BY(family_->mutex);
  PageTree tree_ ABSL_GUARDED_BY(family_->mutex);
  std::vector<VmObject*> views_ ABSL_GUARDED_BY(family_->mutex);
  MappingIndex mappings_ ABSL_GUARDED_BY(family_->mutex);
  size_t zero_mappings_ ABSL_GUARDED_BY(family_->mutex) = 0;  // of those, the ones that may show zeros
  // Pages that the kernel is writing to, and pages that devices reach.
  absl::InlinedVector<std::pair<PageIndex, PageIndex>, 2> writes_ ABSL_GUARDED_BY(family_->mutex);
  std::vector<std::pair<PageIndex, PageIndex>> device_holds_ ABSL_GUARDED_BY(family_->mutex);
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_VM_PAGES_H_
