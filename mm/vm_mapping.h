// A mapping: a range of addresses that shows a part of a VMO.
#ifndef ZIRCONIA_MM_VM_MAPPING_H_
#define ZIRCONIA_MM_VM_MAPPING_H_

#include <algorithm>
#include <cstdint>
#include <memory>

#include "mm/page_table.h"
#include "mm/units.h"
#include "mm/vm_object.h"

namespace zirconia::mm {

class AddressSpace;
class VmAddressRegion;

// Made in its address space's slab, and given back when it is taken out of its region; known to its VMO as long as it
// is there.
//
// Locking: what is written under two locks may be read under either. `range`, `first_page` and `protection` are written
// under the address space's and the VMO's lock. The `may_show...` flags are the VMO's. All else is the address space's.
class VmMapping {
 public:
  VmMapping(const AddressSpace* in_space, PageTable& in_table, std::shared_ptr<VmObject> of_vmo)
      : space(in_space), vmo(std::move(of_vmo)), pages(vmo->pages()), table(in_table) {}
  // The same but for the range: for the upper part of one that is cut.
  VmMapping(const VmMapping&) = default;
  VmMapping& operator=(const VmMapping&) = delete;

  PageIndex end_page() const { return first_page + PageCount::Of(range.size); }
  PageIndex PageAt(VirtAddr address) const { return first_page + PageCount::Of(address - range.base); }
  ByteSize OffsetOf(VirtAddr address) const { return first_page.offset() + (address - range.base); }
  // Where in the VMO it begins.
  ByteSize OffsetInVmo() const { return (first_page - vmo->first()).bytes(); }
  // Where the pages of [begin, end) that it shows stand.
  VirtRange RangeOf(PageIndex begin, PageIndex end) const {
    begin = std::max(begin, first_page);
    end = std::min(end, end_page());
    if (begin >= end) return {range.base, ByteSize(0)};
    return {range.base + (begin - first_page).bytes(), (end - begin).bytes()};
  }

  // What mapping and unmapping look at stands in one cache line.
  const AddressSpace* const space;
  const std::shared_ptr<VmObject> vmo;
  VmAddressRegion* region = nullptr;  // that it stands in
  VirtRange range;
  Protection protection;
  Protection max_protection;
  bool immutable = false;
  // The page table may translate some of it, to frames or to zeros; its VMO lists it exactly then.
  bool may_show_frames = false;
  bool may_show_zeros = false;
  PageIndex first_page;
  VmPages& pages;  // the VMO's, which count pages as `first_page` does
  PageTable& table;
  uint64_t origin = 0;  // which call of Map made it: only parts of one mapping are joined again
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_VM_MAPPING_H_
