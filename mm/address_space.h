// One guest's address space: the root of a VMAR tree over a page table.
#ifndef ZIRCONIA_MM_ADDRESS_SPACE_H_
#define ZIRCONIA_MM_ADDRESS_SPACE_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "mm/page_table.h"
#include "mm/pool.h"
#include "mm/region_tree.h"
#include "mm/slab.h"
#include "mm/units.h"
#include "mm/vm_mapping.h"
#include "mm/vm_object.h"

namespace zirconia::mm {

class VmAddressRegion;

// What is mapped: a line of `Regions()`, parents before children, in address order.
struct RegionInfo {
  int depth = 0;  // 0: the root VMAR
  VirtRange range;
  bool is_mapping = false;
  std::string name;               // of the VMAR; of a mapping, its VMO.s
  Protection protection;          // mappings
  Protection max_protection;      // mappings
  ByteSize vmo_offset;            // mappings
  PageCount committed;            // mappings: pages of the VMO committed within the mapped part
  std::shared_ptr<VmObject> vmo;  // mappings
};

// Locking: one mutex guards the whole tree of the address space. It is taken before any VMO's. Faults and pins share
// it; what changes the tree has it alone. Who needs the locks of several VMOs takes them in order of their addresses
// (VmoLocks).
class AddressSpace : public std::enable_shared_from_this<AddressSpace> {
 public:
  enum class Realize : uint8_t {
    kOnTouch,  // a mapping costs no host call until it is touched
    kOnMap,    // what is committed is realized when it is mapped
  };
  struct Options {
    uint64_t layout_seed = 0;  // 0: no randomisation; placement is lowest-first
    Realize realize = Realize::kOnTouch;
  };

  // `table` must outlive the address space, and covers at least `range`.
  static std::shared_ptr<AddressSpace> Create(VirtRange range, PageTable& table, Options options);
  ~AddressSpace();

  VirtRange range() const { return range_; }
  const std::shared_ptr<VmAddressRegion>& root() const { return root_; }

  // Answers a fault: OK, and the access can be repeated; otherwise it is the guest's fault, and the status says why.
  // NOT_FOUND: nothing is mapped there. PERMISSION_DENIED: the mapping doesn't permit it. OUT_OF_RANGE: beyond the end
  // of the VMO. RESOURCE_EXHAUSTED: no frame is left, or the host refuses. ABORTED and so on where the page is a
  // pager's: VmPages::Bring.
  absl::Status HandleFault(VirtAddr address, Access access, PageWait* wait = nullptr) ABSL_LOCKS_EXCLUDED(mutex_);

  // Pins up to `length` > 0 bytes at `address` for a copy by the kernel, with the checks and errors of HandleFault.
  absl::StatusOr<PinnedBytes> Pin(VirtAddr address, ByteSize length, Access access, PageWait* wait = nullptr)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // As Pin for a read, but whatever the mapping permits: for zx_process_read_memory and crash reports. `access` kWrite:
  // likewise. FAILED_PRECONDITION: the memory isn't cached.
  absl::StatusOr<PinnedBytes> PinIgnoringProtection(VirtAddr address, ByteSize length, Access access,
                                                    PageWait* wait = nullptr) ABSL_LOCKS_EXCLUDED(mutex_);

  // Copies the first part of a short buffer at once, with the checks and errors of HandleFault: what lies in one run of
  // pages, up to kMostCopied bytes. Returns how much; at least 1 where the buffer isn't empty. Cheaper than a pin, and
  // as atomic as a page lookup.
  absl::StatusOr<ByteSize> CopyIn(VirtAddr address, absl::Span<std::byte> to, PageWait* wait = nullptr)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<ByteSize> CopyOut(VirtAddr address, absl::Span<const std::byte> from, PageWait* wait = nullptr)
      ABSL_LOCKS_EXCLUDED(mutex_);
  static constexpr ByteSize kMostCopied = ByteSize(512);

  // Copies between [offset, offset + length) of a VMO and the memory at `address`, as much as can be had at once and up
  // to kMostTransferred bytes, with both locks held: what a copy of medium size costs beside its bytes is then little.
  // `to_vmo`: the direction. Returns how much was copied (memory may have been committed for more). Where that is 0,
  // the next byte takes more, or can't be copied: who pins both sides of it waits for it, or learns why.
  ByteSize Transfer(VmObject& vmo, ByteSize offset, VirtAddr address, ByteSize length, bool to_vmo)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Long enough for what a pin costs to be little beside what is longer, and short enough that nobody waits long.
  static constexpr ByteSize kMostTransferred = ByteSize(128 << 10);

  std::vector<RegionInfo> Regions() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Where a VMO is mapped, in address order; O(n) in the number of mappings.
  std::vector<VirtRange> RangesOf(const VmObject& vmo) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Destroys everything in it; every later operation on any of its VMARs is FAILED_PRECONDITION. Idempotent.
  void Destroy() ABSL_LOCKS_EXCLUDED(mutex_);

  // Checks the tree, the page table (which looks at the host, where it caches that), and the page table against the
  // truth: every translation recorded is one that the tree and the VMOs would give. An error names the first thing that
  // is wrong. Nothing may change meanwhile.
  absl::Status Verify() const ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Mutex& mutex() const ABSL_LOCK_RETURNED(mutex_) { return mutex_; }
  PageTable& table() const { return table_; }

 private:
  friend class VmAddressRegion;

  // From each key to the next: the innermost region there. So what stands at an address is found without a descent
  // through regions, which may be nested however deep.
  using Owners = absl::btree_map<VirtAddr, VmAddressRegion*>;
  using MappingList = absl::InlinedVector<VmMapping*, 8>;
  using Edits = absl::InlinedVector<PageTableEdit, 4, PoolAllocator<PageTableEdit>>;

  // What was taken out of the tree, and may die with it. It is declared before the locks, so that it does when they are
  // dropped.
  struct Removed {
    std::vector<std::shared_ptr<VmAddressRegion>> regions;
    absl::InlinedVector<std::shared_ptr<VmObject>, 2> vmos;  // that were mapped
  };

  AddressSpace(VirtRange range, PageTable& table, Options options);

  VmMapping* FindMapping(VirtAddr address) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // The same for an access of a program, which is likely to be where the one before it was.
  VmMapping* FindAccessed(VirtAddr address) ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Calls `visit` for each mapping that overlaps `range`, in whatever region, in order; stops when it returns false.
  void ForEachMapping(VirtRange range, absl::FunctionRef<bool(VmMapping&)> visit) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  MappingList MappingsIn(VirtRange range) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  static bool AnyImmutable(const MappingList& mappings);

  // Gives a new region its addresses, or takes those of one that is gone, and of all below it, back for its parent.
  void Own(VmAddressRegion& region) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Disown(VirtRange range, VmAddressRegion& parent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The one split and the one join through which each edit goes; the locks of the VMOs are held. Neither changes what
  // an address means. `mapping` holds `address`, and begins below it; the upper part is returned.
  VmMapping* Split(VmMapping& mapping, VirtAddr address) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void JoinAround(VirtRange range) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Cuts those of `mappings`, which are all that overlap `range`, that pass its ends, so that they are what is in it.
  void CutTo(VirtRange range, MappingList& mappings) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes `mappings`, which are all that overlap `range`, out of it and out of their VMOs' lists, whose locks are held;
  // the page table is left alone. Those of dead regions stay in their trees.
  void TakeMappings(VirtRange range, MappingList mappings, Removed& removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same with their translations, and empties the regions in `removed`. Takes the locks of the VMOs.
  void Clear(VirtRange range, MappingList mappings, Removed& removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Marks a region dead, and everything below it, and takes it out of its parent.
  void Kill(VmAddressRegion& region, Removed& removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DestroyAll(Removed& removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void Delete(VmMapping* mapping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Adds what translates the committed pages of `range`, a part of `mapping`, whose VMO's lock is held.
  static void AddMapEdits(const VmMapping& mapping, VirtRange range, Edits& edits);

  // The state of the generator that places at random; null where places aren't.
  uint64_t* random_state() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return options_.layout_seed == 0 ? nullptr : &random_;
  }

  // Calls `copy` for the data of the first piece of the range (null: zeros) with the locks held. Returns the size of
  // the piece.
  absl::StatusOr<ByteSize> CopyPiece(VirtAddr address, ByteSize length, Access access, PageWait* wait,
                                     absl::FunctionRef<void(std::byte* data, size_t n)> copy)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<PinnedBytes> PinIf(bool check_protection, VirtAddr address, ByteSize length, Access access,
                                    PageWait* wait) ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Status VerifyRegion(const VmAddressRegion& region) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status VerifyRegions() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status VerifyMapping(const VmMapping& mapping) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status VerifyTranslation(Translation translation) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  // What FindAccessed found last; null, or one of mappings_. Readers write it too. It is beside the lock, in a line of
  // the cache that they have just taken.
  std::atomic<VmMapping*> accessed_ = nullptr;
  const VirtRange range_;
  PageTable& table_;
  const Options options_;
  std::shared_ptr<VmAddressRegion> root_;  // written once, by Create
  SlabOf<VmMapping> mappings_ ABSL_GUARDED_BY(mutex_);
  RegionTree::Nodes nodes_ ABSL_GUARDED_BY(mutex_);
  Owners owners_ ABSL_GUARDED_BY(mutex_);
  uint64_t random_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_origin_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_ADDRESS_SPACE_H_
