// The machine that a campaign works on.
#ifndef ZIRCONIA_TEST_CAMPAIGN_MACHINE_H_
#define ZIRCONIA_TEST_CAMPAIGN_MACHINE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "mm/address_space.h"
#include "mm/frame_allocator.h"
#include "mm/vm_address_region.h"
#include "mm/vm_object.h"
#include "platform/backing_file.h"
#include "platform/host_counting.h"
#include "platform/host_faulty.h"
#include "platform/host_linux.h"
#include "platform/host_page_table.h"
#include "platform/map_budget.h"
#include "platform/window.h"

namespace zirconia::campaign {

struct MachineOptions {
  size_t spaces = 2;
  uint64_t space_pages = 48;
  uint64_t frames = 1024;
  uint64_t budget = 1000;      // host mappings, over all spaces
  bool keep_unsealed = false;  // so that memory can be withheld
  mm::AddressSpace::Realize realize = mm::AddressSpace::Realize::kOnTouch;
  platform::HostPageTable::Options table = platform::HostPageTable::Options();
};

// Address spaces over host page tables over one backing file, on a host whose calls can be made to fail. Building it is
// never disturbed; the process ends with a message where this host can't.
class Machine {
 public:
  explicit Machine(const MachineOptions& options);
  ~Machine();

  struct Space {
    std::unique_ptr<platform::Window> window;
    std::unique_ptr<platform::HostPageTable> table;
    std::shared_ptr<mm::AddressSpace> space;

    mm::VirtAddr At(uint64_t page) const { return window->range().base + mm::PageCount(page).bytes(); }
    mm::VirtRange Range(uint64_t page, uint64_t count) const { return {At(page), mm::PageCount(count).bytes()}; }
  };

  const MachineOptions& options() const { return options_; }
  Space& space(size_t n) { return spaces_[n]; }
  size_t space_count() const { return spaces_.size(); }
  mm::FrameAllocator& frames() { return *frames_; }
  platform::BackingFile& file() { return *file_; }
  platform::MapBudget& budget() { return budget_; }

  platform::LinuxHost linux_host;
  platform::CountingHost counting{linux_host};
  platform::FaultyHost faulty;

 private:
  const MachineOptions options_;
  platform::MapBudget budget_;
  std::unique_ptr<platform::BackingFile> file_;
  std::unique_ptr<mm::FrameAllocator> frames_;
  std::vector<Space> spaces_;
};

}  // namespace zirconia::campaign

#endif  // ZIRCONIA_TEST_CAMPAIGN_MACHINE_H_
