// Virtual memory objects: containers of pages.
#ifndef ZIRCONIA_MM_VM_OBJECT_H_
#define ZIRCONIA_MM_VM_OBJECT_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "mm/frame_allocator.h"
#include "mm/mapping_index.h"
#include "mm/page_list.h"
#include "mm/units.h"

namespace zirconia::mm {

class AddressSpace;
class VmMapping;

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
  std::vector<std::pair<FrameAllocator*, FrameRun>> runs_;
};

// A piece of a VMO that a copy works on: frames pinned, reached through the kernel's linear mapping.
struct PinnedBytes {
  FramePin pin;
  std::byte* data = nullptr;  // null: these bytes are zeros and have no frame (only where the access is a read)
  ByteSize size;              // how many bytes from the wanted offset on; at least 1
};

// An anonymous paged VMO. Pages are committed on the first write, by `Commit`, or by a write fault; a page that isn't
// committed reads as zeros. The page list holds runs, so that costs are per run.
//
// Locking: `mutex()` guards the size, the page list and the list of mappings. It is taken after the lock of an address
// space and before that of a page table. Mappings are told of every change that takes pages away, in every address
// space, before the call returns.
class VmObject : public std::enable_shared_from_this<VmObject> {
 public:
  // The largest size of a VMO.
  static constexpr ByteSize kMaxSize = ByteSize(uint64_t{1} << 47);

  // A VMO of `size` bytes, rounded up to pages; nothing is committed. OUT_OF_RANGE: larger than kMaxSize.
  static absl::StatusOr<std::shared_ptr<VmObject>> Create(FrameAllocator& frames, ByteSize size, bool resizable);
  ~VmObject();

  bool resizable() const { return resizable_; }

  // For whoever shows address spaces to people: a number and a name of the owner's choice, without meaning here.
  uint64_t user_id() const { return user_id_.load(std::memory_order_relaxed); }
  void set_user_id(uint64_t id) { user_id_.store(id, std::memory_order_relaxed); }
  std::string name() const ABSL_LOCKS_EXCLUDED(mutex_);
  void set_name(std::string name) ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on no address space writes to it, whatever its mappings permit (AddressSpace::PinIgnoringProtection): its
  // frames are shared by address spaces that don't trust one another.
  void MakeConstant() { constant_.store(true, std::memory_order_relaxed); }
  bool constant() const { return constant_.load(std::memory_order_relaxed); }

  // What it was last set to; takes no lock.
  ByteSize size() const { return PageIndex(size_.load(std::memory_order_acquire)).offset(); }
  PageCount committed_pages() const ABSL_LOCKS_EXCLUDED(mutex_);
  size_t mapping_count() const ABSL_LOCKS_EXCLUDED(mutex_);  // live mappings
  // Address spaces that hold at least one mapping of it (ZX_INFO_VMO's share_count).
  size_t share_count() const ABSL_LOCKS_EXCLUDED(mutex_);

  // zx_vmo_set_size. Shrinking gives the pages beyond the new end back and takes them out of every mapping, at once.
  // UNAVAILABLE: not resizable. OUT_OF_RANGE: too large.
  absl::Status Resize(ByteSize size) ABSL_LOCKS_EXCLUDED(mutex_);

  // Commits every page that the range touches, all or nothing. OUT_OF_RANGE: not wholly inside. RESOURCE_EXHAUSTED: no
  // frames.
  absl::Status Commit(ByteSize offset, ByteSize length) ABSL_LOCKS_EXCLUDED(mutex_);
  // Gives the pages of an aligned range back; they read as zeros, also through live mappings. INVALID_ARGUMENT: not
  // aligned. OUT_OF_RANGE: not wholly inside.
  absl::Status Decommit(ByteSize offset, ByteSize length) ABSL_LOCKS_EXCLUDED(mutex_);
  // Makes the range read as zeros; whole pages are given back. All or nothing. OUT_OF_RANGE: not wholly inside.
  absl::Status Zero(ByteSize offset, ByteSize length) ABSL_LOCKS_EXCLUDED(mutex_);

  // Copies between the VMO and a buffer of the kernel's own. OUT_OF_RANGE: not wholly inside; nothing is transferred.
  absl::Status Read(ByteSize offset, absl::Span<std::byte> to) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Write(ByteSize offset, absl::Span<const std::byte> from) ABSL_LOCKS_EXCLUDED(mutex_);

  // Pins as many of the `length` > 0 bytes at `offset` as lie in one run of frames (or, for a read, of uncommitted
  // pages); a write commits what it needs. Holding the result keeps the frames from being reused, not the VMO from
  // changing. OUT_OF_RANGE: `offset` is beyond the end (a piece never reaches beyond it).
  absl::StatusOr<PinnedBytes> Pin(ByteSize offset, ByteSize length, Access access) ABSL_LOCKS_EXCLUDED(mutex_);

  // How many committed runs there are, for experiments and tests.
  size_t run_count() const ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Mutex& mutex() const ABSL_LOCK_RETURNED(mutex_) { return mutex_; }

  // Checks the page list, the frames and the list of mappings; an error names the first thing that is wrong.
  absl::Status Verify() const ABSL_LOCKS_EXCLUDED(mutex_);

  // What follows is for address spaces, which hold the lock already (and their own, outside of it).

  // One past the last page.
  PageIndex end() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return end_; }
  const PageList& pages() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return pages_; }

  // Commits at least one and at most `wanted` pages from `first` on, none of which is committed and all of which are
  // inside. Zero translations of them are taken out of all mappings but `except`. RESOURCE_EXHAUSTED: no frame is left.
  absl::StatusOr<PageRun> CommitStretch(PageIndex first, PageCount wanted, const VmMapping* except)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Commits all of [begin, end), which is inside, or nothing. What was committed by this very call is appended to
  // `added`, if not null.
  absl::Status CommitLocked(PageIndex begin, PageIndex end, std::vector<PageRun>* added)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the pages of [begin, end) out of the VMO and of every mapping. The caller frees `freed` when it has dropped
  // the lock.
  void DecommitLocked(PageIndex begin, PageIndex end, FreedFrames& freed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The first piece of a range of bytes, as `Pin` pins it: the frames from the one that holds its first byte on, none
  // where it is zeros.
  struct Piece {
    FrameRun frames;
    ByteSize in_frame;  // where in the first frame it begins
    ByteSize size;
  };
  absl::StatusOr<Piece> PieceAt(ByteSize offset, ByteSize length, Access access) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::byte* DataOf(const Piece& piece) const {
    return frames_.memory().data(piece.frames.first) + piece.in_frame.value();
  }
  absl::StatusOr<PinnedBytes> PinLocked(ByteSize offset, ByteSize length, Access access)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A mapping is in the list exactly as long as it lives; it is taken out before its range changes, and put back.
  void AddMapping(VmMapping& mapping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveMapping(VmMapping& mapping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasMapping(const VmMapping& mapping) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Notes that zeros were mapped through it.
  void NoteZeros(VmMapping& mapping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

 private:
  VmObject(FrameAllocator& frames, PageIndex end, bool resizable)
      : frames_(frames), resizable_(resizable), end_(end), size_(end.value()) {}

  bool IsInside(ByteSize offset, ByteSize length) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The frame at which `page` would continue the nearest run.
  std::optional<FrameNumber> Hint(PageIndex page) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Removes all translations of [begin, end) from the mappings.
  void TakeOut(PageIndex begin, PageIndex end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same from those mappings only that may show zeros there, and from `except` not at all.
  void TakeOutZeros(PageIndex begin, PageIndex end, const VmMapping* except) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  FrameAllocator& frames_;
  const bool resizable_;
  std::atomic<uint64_t> user_id_{0};
  std::atomic<bool> constant_{false};
  std::string name_ ABSL_GUARDED_BY(mutex_);
  PageIndex end_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> size_;  // end_, for readers without the lock; written with it
  PageList pages_ ABSL_GUARDED_BY(mutex_);
  MappingIndex mappings_ ABSL_GUARDED_BY(mutex_);
  size_t zero_mappings_ ABSL_GUARDED_BY(mutex_) = 0;  // of those, the ones that may show zeros
  absl::flat_hash_map<const AddressSpace*, size_t> spaces_ ABSL_GUARDED_BY(mutex_);  // how many mappings each has
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_VM_OBJECT_H_
