// VMARs as kernel objects, and what carries a guest's address space.
#ifndef ZIRCONIA_KERNEL_SIM_VMAR_H_
#define ZIRCONIA_KERNEL_SIM_VMAR_H_

#include <memory>

#include "kernel_sim/dispatcher.h"
#include "mm/address_space.h"
#include "mm/page_table.h"
#include "mm/vm_address_region.h"

namespace zirconia::kernel {

// An address space with the machine's page table below it. Whoever can reach a VMAR of it keeps all of it alive.
class GuestSpace {
 public:
  // Made by a machine (see machine.h).
  virtual ~GuestSpace() = default;
  const std::shared_ptr<mm::AddressSpace>& aspace() const { return aspace_; }
  mm::PageTable& table() const { return *table_; }
  // Whether its memory may be given to the host's own system calls: those fail where a touch would fault.
  bool resident() const { return resident_; }

  // Shows a part of one mapping, or of alike neighbours, in the page table, as far as that costs no memory: committed
  // pages and zeros. In a space that isn't resident, does nothing: touches do it. Stops at the first address that can't
  // be read; where a pager has to bring it, only the zeros beyond are left out.
  void Show(mm::VirtRange range) const {
    if (resident_) ShowResident(range);
  }

 protected:
  GuestSpace(std::unique_ptr<mm::PageTable> table, mm::VirtRange range, mm::AddressSpace::Options options,
             bool resident = false)
      : resident_(resident), table_(std::move(table)), aspace_(mm::AddressSpace::Create(range, *table_, options)) {}

 private:
  void ShowResident(mm::VirtRange range) const;

  const bool resident_;
  const std::unique_ptr<mm::PageTable> table_;
  const std::shared_ptr<mm::AddressSpace> aspace_;
};

class VmarDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_VMAR;
  VmarDispatcher(KoidAllocator& koids, std::shared_ptr<GuestSpace> space, std::shared_ptr<mm::VmAddressRegion> region)
      : Dispatcher(koids), space_(std::move(space)), region_(std::move(region)) {}
  zx_obj_type_t type() const override { return kType; }
  // ZX_DEFAULT_VMAR_RIGHTS, and reading, writing and executing as far as the region may be mapped so.
  zx_rights_t default_rights() const override {
    const mm::Protection can = region_->caps().can_map;
    return ZX_DEFAULT_VMAR_RIGHTS | (can.read() ? ZX_RIGHT_READ : 0) | (can.write() ? ZX_RIGHT_WRITE : 0) |
           (can.execute() ? ZX_RIGHT_EXECUTE : 0);
  }
  mm::VmAddressRegion& region() const { return *region_; }
  const std::shared_ptr<GuestSpace>& space() const { return space_; }

 private:
  const std::shared_ptr<GuestSpace> space_;
  const std::shared_ptr<mm::VmAddressRegion> region_;
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_VMAR_H_
