// Virtual memory objects: containers of pages.
#ifndef ZIRCONIA_MM_VM_OBJECT_H_
#define ZIRCONIA_MM_VM_OBJECT_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "mm/frame_allocator.h"
#include "mm/units.h"
#include "mm/vm_pages.h"

namespace zirconia::mm {

class AddressSpace;
class VmMapping;

// A VMO: all of its pages, or, for a slice, a part of another VMO's. What it holds is in VmPages, which slices have in
// common with what they are slices of; a VMO adds what is its own: children, mappings, a name.
//
// Children are what was made from it, snapshots and slices. A child that dies leaves its own children to its parent.
//
// Locking: `mutex()` is the lock of the family of its pages. Every method takes it, but for those that say otherwise.
class VmObject : public std::enable_shared_from_this<VmObject> {
 public:
  // The largest size of a VMO.
  static constexpr ByteSize kMaxSize = ByteSize(uint64_t{1} << 47);

  // Told when the first child comes and when the last one has gone, with the lock held.
  class ChildrenObserver {
   public:
    virtual void OnChildren(bool any) = 0;

   protected:
    ~ChildrenObserver() = default;
  };

  // A VMO of `size` bytes, rounded up to pages; nothing is committed. OUT_OF_RANGE: larger than kMaxSize.
  static absl::StatusOr<std::shared_ptr<VmObject>> Create(FrameAllocator& frames, ByteSize size, bool resizable);
  // In consecutive frames, the first a multiple of 2^`align_log2` bytes; all of it is committed, for good.
  // INVALID_ARGUMENT: empty. RESOURCE_EXHAUSTED: there are no such frames.
  static absl::StatusOr<std::shared_ptr<VmObject>> CreateContiguous(FrameAllocator& frames, ByteSize size,
                                                                    unsigned align_log2);
  // What stands in these frames, whoever has them. INVALID_ARGUMENT: empty. OUT_OF_RANGE: not part of the memory.
  // RESOURCE_EXHAUSTED: the host can't provide them.
  static absl::StatusOr<std::shared_ptr<VmObject>> CreatePhysical(FrameAllocator& frames, FrameRun run);

  // A VMO whose pages `source` provides, which hears of `Close` when the VMO, and what was made from it, is gone. It is
  // paged memory, as what is made from it: where pages are absent, an operation asks for them, changes nothing and is
  // ABORTED, with the request left in its PageWait (VmPages::Bring). `trap_dirty`: it also asks before it writes to a
  // page that isn't dirty. OUT_OF_RANGE: larger than kMaxSize.
  static absl::StatusOr<std::shared_ptr<VmObject>> CreatePaged(FrameAllocator& frames, ByteSize size, bool resizable,
                                                               std::shared_ptr<PageSource> source, bool trap_dirty);

  // A VMO that holds what this one holds now in the `size` bytes (rounded up) from `offset` on, zeros beyond its end;
  // then each goes its own way. INVALID_ARGUMENT: `offset` isn't page-aligned. OUT_OF_RANGE: too large. UNIMPLEMENTED:
  // contiguous, physical or paged memory. FAILED_PRECONDITION: pages are held for devices, or it isn't cached.
  // RESOURCE_EXHAUSTED: no frame for what is being written to just now.
  absl::StatusOr<std::shared_ptr<VmObject>> CreateSnapshot(ByteSize offset, ByteSize size, bool resizable);
  // The same of paged memory, but one-way: until one of its pages is written, zeroed or committed, it shows what this
  // one shows. Where this one is smaller, or ever was since, there are zeros. Errors as CreateSnapshot; UNIMPLEMENTED:
  // not paged.
  absl::StatusOr<std::shared_ptr<VmObject>> CreateOverlay(ByteSize offset, ByteSize size, bool resizable);
  // A VMO that is a part of this one. UNIMPLEMENTED: this one is resizable. INVALID_ARGUMENT: `offset` isn't
  // page-aligned, or the part isn't wholly inside. OUT_OF_RANGE: offset and size overflow.
  absl::StatusOr<std::shared_ptr<VmObject>> CreateSlice(ByteSize offset, ByteSize size);

  ~VmObject();

  bool resizable() const { return resizable_; }
  bool is_slice() const { return slice_size_.has_value(); }
  // Whether it was made from another VMO, which may be gone.
  bool is_child() const { return is_slice() || pages_->is_snapshot(); }
  VmPages::Kind kind() const { return pages_->kind(); }
  bool paged() const { return pages_->paged(); }

  // For whoever shows VMOs to people: a number and a name of the owner's choice, without meaning here.
  uint64_t user_id() const { return user_id_.load(std::memory_order_relaxed); }
  void set_user_id(uint64_t id) { user_id_.store(id, std::memory_order_relaxed); }
  std::string name() const;
  void set_name(std::string name);

  // For people too: nobody has the right to write to it.
  void set_immutable() { immutable_.store(true, std::memory_order_relaxed); }
  bool immutable() const { return immutable_.load(std::memory_order_relaxed); }

  // The user_id of what it was made from, also when that is gone; 0: it is no child.
  uint64_t parent_user_id() const { return parent_user_id_; }
  size_t child_count() const;
  // At most one, or null. It is told of changes from now on, and hears at once whether there are any.
  void ObserveChildren(ChildrenObserver* observer);

  void MakeConstant() { pages_->MakeConstant(); }
  bool constant() const { return pages_->constant(); }

  // The host has nothing but cached memory, so that a cache policy is no more than what is remembered, and forbids
  // snapshots and copies through the kernel. FAILED_PRECONDITION: it is mapped, has pages, children or device holds, or
  // is a child.
  absl::Status SetCachePolicy(uint32_t policy);
  uint32_t cache_policy() const { return pages_->cache_policy(); }
  uint64_t reclaims() const { return pages_->reclaims(); }

  // What it was last set to; takes no lock.
  ByteSize size() const { return end().offset() - first_.offset(); }
  // Pages that are charged to it. A page that several VMOs share is charged to one of them: the oldest that has it,
  // which is the one that committed it while that has it still. What slices show is charged to what they are slices of.
  PageCount committed_pages() const;
  PageCount CommittedIn(ByteSize offset, ByteSize length) const;
  size_t mapping_count() const;  // live mappings
  // Address spaces that hold at least one mapping of it (ZX_INFO_VMO's share_count).
  size_t share_count() const;
  // How many runs of committed pages there are, for experiments and tests.
  size_t run_count() const;

  // zx_vmo_create's ZX_VMO_DISCARDABLE; before anybody else knows it. See VmPages: what was discarded is NOT_FOUND to
  // everything below that looks at content, until it is locked. Discardable VMOs have no children.
  void MakeDiscardable() { pages_->MakeDiscardable(); }
  bool discardable() const { return pages_->discardable(); }
  // Returns whether it had been discarded.
  bool LockContent();
  // UNAVAILABLE: it was discarded, and isn't locked.
  absl::Status TryLockContent();
  // FAILED_PRECONDITION: it isn't locked.
  absl::Status UnlockContent();

  // What follows says what it does to a VMO whose pages are there. `wait`: see CreatePaged; null: UNAVAILABLE where it
  // would be needed.

  // zx_vmo_set_size. Shrinking gives the pages beyond the new end back and takes them out of every mapping, at once;
  // what the last page holds beyond `size` becomes zeros. UNAVAILABLE: not resizable. OUT_OF_RANGE: too large.
  // FAILED_PRECONDITION: a device holds pages beyond the new end. RESOURCE_EXHAUSTED: the last page is shared, and
  // there is no frame for a copy of it. Growing a paged VMO leaves zeros that are dirty.
  absl::Status Resize(ByteSize size, PageWait* wait = nullptr);

  // Commits every page that the range touches, to this VMO alone (what is shared is copied); all or nothing.
  // OUT_OF_RANGE: not wholly inside. RESOURCE_EXHAUSTED: no frames.
  absl::Status Commit(ByteSize offset, ByteSize length, PageWait* wait = nullptr);
  // Brings all of it in, and commits nothing else. OUT_OF_RANGE.
  absl::Status Prefetch(ByteSize offset, ByteSize length, PageWait* wait);
  // Gives the pages of an aligned range back; they read as zeros, also through live mappings. INVALID_ARGUMENT: not
  // aligned. OUT_OF_RANGE: not wholly inside. UNIMPLEMENTED: contiguous, physical or paged memory, a snapshot, or a
  // VMO of which there are snapshots. FAILED_PRECONDITION: a device holds some.
  absl::Status Decommit(ByteSize offset, ByteSize length);
  // Makes the range read as zeros; whole pages are given back where that is possible. All or nothing. OUT_OF_RANGE: not
  // wholly inside. RESOURCE_EXHAUSTED: no frame for a copy of a shared page of which only a part is cleared.
  absl::Status Zero(ByteSize offset, ByteSize length, PageWait* wait = nullptr);

  // Copies between the VMO and a buffer of the kernel's own. OUT_OF_RANGE: not wholly inside; nothing is transferred.
  absl::Status Read(ByteSize offset, absl::Span<std::byte> to, PageWait* wait = nullptr);
  absl::Status Write(ByteSize offset, absl::Span<const std::byte> from, PageWait* wait = nullptr);

  // Pins as many of the `length` > 0 bytes at `offset` as lie in one run of frames (or, for a read, of uncommitted
  // pages); a write commits what it needs. Holding the result keeps the frames from being reused, not the VMO from
  // changing. OUT_OF_RANGE: `offset` is beyond the end (a piece never reaches beyond it).
  absl::StatusOr<PinnedBytes> Pin(ByteSize offset, ByteSize length, Access access, PageWait* wait = nullptr);

  // Commits the range, which must be aligned, and holds it for a device until it is dropped: its frames don't change.
  // Returns them in order of pages. `access`: what the device does. OUT_OF_RANGE: not wholly inside.
  // RESOURCE_EXHAUSTED: no frames.
  absl::StatusOr<std::vector<FrameRun>> HoldForDevice(ByteSize offset, ByteSize length, Access access = Access::kWrite,
                                                      PageWait* wait = nullptr);
  void DropForDevice(ByteSize offset, ByteSize length);

  // What its pager does to a VMO that CreatePaged made. OUT_OF_RANGE: the range isn't wholly inside.

  // zx_pager_supply_pages: moves pages of `from`, from `from_first` on, to where this one has none; the others are
  // freed, and `from` has none of them any more. Takes no frame. FAILED_PRECONDITION: `from` isn't a VMO of its own, or
  // has mappings, children, or pages there that a device or a copy is using. UNIMPLEMENTED: it is physical.
  absl::Status Supply(PageRange range, VmObject& from, PageIndex from_first);
  // ZX_PAGER_OP_DIRTY. NOT_FOUND: some pages aren't there. UNIMPLEMENTED: writes aren't trapped.
  absl::Status MarkDirty(PageRange range);
  // ZX_PAGER_OP_WRITEBACK_BEGIN: what is dirty will be clean when the writeback ends, unless it is written to before.
  // `only_zeros`: of that, what has no frame.
  absl::Status BeginWriteback(PageRange range, bool only_zeros);
  absl::Status EndWriteback(PageRange range);
  // Those that overlap `range`, cut to it, in order; a writeback that hasn't ended counts for nothing.
  absl::StatusOr<std::vector<VmPages::DirtyRange>> DirtyRanges(PageRange range) const;
  // Whether it was written to or resized since it was made, or this was last reset.
  bool Modified(bool reset);
  // Takes all pages away that are clean and that no device reaches.
  void EvictClean();

  // Checks its pages and mappings; an error names the first thing that is wrong.
  absl::Status Verify() const;

  // What follows is for address spaces, which hold the lock already (and their own, outside of it). Pages are counted
  // as VmPages counts them: the first one of a slice isn't 0.

  absl::Mutex& mutex() const ABSL_LOCK_RETURNED(pages_->mutex()) { return pages_->mutex(); }
  VmPages& pages() const { return *pages_; }
  PageIndex first() const { return first_; }
  // One past the last page; takes no lock.
  PageIndex end() const { return slice_size_ ? first_ + *slice_size_ : pages_->end(); }

  void AddMapping(VmMapping& mapping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void RemoveMapping(VmMapping& mapping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  bool HasMapping(const VmMapping& mapping) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Why the pages can't be given back one by one: UNIMPLEMENTED or FAILED_PRECONDITION.
  absl::Status MayDecommit(PageIndex begin, PageIndex end) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // CommittedIn for pages.
  PageCount ChargedIn(PageIndex begin, PageIndex end) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

 private:
  VmObject(std::shared_ptr<VmPages> pages, bool resizable, PageIndex first, std::optional<PageCount> slice_size)
      : pages_(std::move(pages)), resizable_(resizable), first_(first), slice_size_(slice_size) {}
  static std::shared_ptr<VmObject> Make(std::shared_ptr<VmPages> pages, bool resizable);
  void Adopt(VmObject& child) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  void Lose(VmObject& child) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());

  // Calls `visit` for what of [begin, end) no older view of its pages shows.
  void ForEachOwn(PageIndex begin, PageIndex end, absl::FunctionRef<void(PageIndex, PageIndex)> visit) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  bool IsInside(ByteSize offset, ByteSize length) const;
  bool IsInside(PageRange range) const { return range.first <= end() && range.count <= end() - range.first; }
  absl::StatusOr<std::shared_ptr<VmObject>> CreateClone(ByteSize offset, ByteSize size, bool resizable);
  // Where a byte of it is in its pages.
  ByteSize InPages(ByteSize offset) const { return first_.offset() + offset; }

  const std::shared_ptr<VmPages> pages_;
  const bool resizable_;
  const PageIndex first_;  // of its pages
  const std::optional<PageCount> slice_size_;
  std::atomic<uint64_t> user_id_{0};
  std::atomic<bool> immutable_{false};
  uint64_t parent_user_id_ = 0;  // written before anybody else knows it
  std::string name_ ABSL_GUARDED_BY(pages_->mutex());
  VmObject* parent_ ABSL_GUARDED_BY(pages_->mutex()) = nullptr;
  absl::flat_hash_set<VmObject*> children_ ABSL_GUARDED_BY(pages_->mutex());
  size_t snapshots_ ABSL_GUARDED_BY(pages_->mutex()) = 0;  // children that show other pages
  ChildrenObserver* observer_ ABSL_GUARDED_BY(pages_->mutex()) = nullptr;
  size_t mapping_count_ ABSL_GUARDED_BY(pages_->mutex()) = 0;
  absl::flat_hash_map<const AddressSpace*, size_t> spaces_ ABSL_GUARDED_BY(pages_->mutex());  // mappings of each
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_VM_OBJECT_H_
