// VMARs: the tree that says what a guest address means.
#ifndef ZIRCONIA_MM_VM_ADDRESS_REGION_H_
#define ZIRCONIA_MM_VM_ADDRESS_REGION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mm/address_space.h"
#include "mm/region_tree.h"
#include "mm/units.h"
#include "mm/vm_object.h"

namespace zirconia::mm {

// Where a new child of a VMAR goes.
struct Placement {
  enum class Kind : uint8_t {
    kAnywhere,     // where there is room: random by the layout seed, or lowest-first
    kAt,           // at `offset` in the parent; RESOURCE_EXHAUSTED where that is occupied
    kAtReplacing,  // at `offset`, replacing the mappings it covers in one step (mappings only)
    kBelow,        // anywhere, its end at most at `offset` in the parent
  };
  Kind kind = Kind::kAnywhere;
  ByteSize offset;
  unsigned align_log2 = 12;  // of the address; 12 to 32
  bool compact =
      false;  // Map: next to what is there, rather than at random. Allocate: so for all children of the new region
};

// What may be mapped in a VMAR, and whether its children's places may be chosen.
struct RegionCaps {
  Protection can_map;
  bool can_map_specific = false;  // a child may have it where its parent doesn't
};

// A region of addresses that holds mappings and sub-regions. All calls take the address space's lock; each that fails
// leaves everything as it was. Errors, unless said otherwise: FAILED_PRECONDITION: destroyed (or its address space is).
// INVALID_ARGUMENT: not aligned, empty, or outside of the parent. PERMISSION_DENIED: more than this region's caps, or
// an immutable mapping would change. RESOURCE_EXHAUSTED: no room. OUT_OF_RANGE: a VMO offset overflows.
class VmAddressRegion : public std::enable_shared_from_this<VmAddressRegion> {
 public:
  struct AllocateRequest {
    Placement placement;
    ByteSize size;    // a multiple of the page size
    RegionCaps caps;  // PERMISSION_DENIED where they pass the parent's
    std::string name;
  };
  struct MapRequest {
    Placement placement;
    std::shared_ptr<VmObject> vmo;
    ByteSize vmo_offset;  // page-aligned
    ByteSize size;        // rounded up to pages; may reach beyond the VMO's end (touching it there is a fault)
    Protection protection;
    Protection max_protection;  // what `Protect` may ever give; less the region's caps
    bool populate = false;      // ZX_VM_MAP_RANGE: realize what is committed, now
    bool immutable = false;     // the vDSO's code: unmap, protect and overwrite are PERMISSION_DENIED
  };
  // kHint changes nothing: it is there for the checks.
  enum class RangeOp : uint8_t { kCommit, kDecommit, kMapRange, kPrefetch, kHint };

  VmAddressRegion(const VmAddressRegion&) = delete;
  VmAddressRegion& operator=(const VmAddressRegion&) = delete;

  VirtRange range() const { return range_; }
  const RegionCaps& caps() const { return caps_; }
  const std::string& name() const { return name_; }
  bool alive() const { return alive_; }

  // zx_vmar_allocate.
  absl::StatusOr<std::shared_ptr<VmAddressRegion>> Allocate(const AllocateRequest& request);
  // zx_vmar_map. Returns where it stands.
  absl::StatusOr<VirtAddr> Map(const MapRequest& request);
  // zx_vmar_unmap: gaps are fine; sub-regions that are covered whole are destroyed; one that would be cut is
  // INVALID_ARGUMENT.
  absl::Status Unmap(VirtRange range);
  // zx_vmar_protect: a gap is NOT_FOUND, a sub-region INVALID_ARGUMENT, more than a mapping's max_protection
  // PERMISSION_DENIED.
  absl::Status Protect(VirtRange range, Protection protection);
  // zx_vmar_destroy: unmaps everything below, and takes this region out of its parent. For the root: as
  // AddressSpace::Destroy, but an immutable mapping is PERMISSION_DENIED here too.
  absl::Status Destroy();
  // zx_vmar_op_range. A gap is FAILED_PRECONDITION (ZX_ERR_BAD_STATE). OUT_OF_RANGE: outside of this region, or beyond
  // the end of a VMO. All but kMapRange, kPrefetch and kHint: PERMISSION_DENIED where a mapping isn't
  // writable.
  // RESOURCE_EXHAUSTED: no frame is left, or no room to map. Where pages are a pager's: VmPages::Bring.
  absl::Status OpRange(RangeOp op, VirtRange range, PageWait* wait = nullptr);

 private:
  friend class AddressSpace;

  VmAddressRegion(std::weak_ptr<AddressSpace> space, RegionTree::Nodes& nodes, VmAddressRegion* parent, VirtRange range,
                  RegionCaps caps, bool compact, std::string name);

  // All that follows is guarded by the address space's lock.

  // Where a child goes. It is not taken yet. `random`: the generator's state, null for lowest-first.
  absl::StatusOr<VirtAddr> Place(const Placement& placement, ByteSize size, uint64_t* random) const;
  // The lowest gap with an aligned place for `size` bytes at or above `from` that ends at `limit` or below.
  std::optional<VirtRange> LowestGap(ByteSize size, ByteSize align, VirtAddr from, VirtAddr limit) const;
  std::optional<VirtAddr> CompactPlace(ByteSize size, ByteSize align, VirtAddr limit) const;
  std::optional<VirtAddr> RandomPlace(ByteSize size, ByteSize align, VirtAddr limit, uint64_t& random) const;

  const std::weak_ptr<AddressSpace> space_;
  VmAddressRegion* parent_;  // null: the root, or dead
  const VirtRange range_;
  const RegionCaps caps_;
  const bool compact_;
  const std::string name_;
  const int depth_;
  std::atomic<bool> alive_ = true;         // read without the lock, too
  RegionTree tree_;                        // owns the mappings in it
  std::shared_ptr<VmAddressRegion> self_;  // while its parent has it
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_VM_ADDRESS_REGION_H_
