// What should be there: pages of VMOs, and which of them stands where. Knows nothing of frames, tables or hosts.
#ifndef ZIRCONIA_TEST_CAMPAIGN_MODEL_H_
#define ZIRCONIA_TEST_CAMPAIGN_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mm/units.h"
#include "mm/vm_address_region.h"
#include "mm/vm_object.h"

namespace zirconia::campaign {

// The first and the last word of a page; the rest is zeros. The first may be executed: it begins with a `ret`.
struct Content {
  uint64_t head = 0;
  uint64_t tail = 0;
};

struct ModelVmo {
  struct Page {
    bool committed = false;
    Content content;
  };
  size_t id = 0;
  bool resizable = true;
  std::vector<Page> pages;
  std::weak_ptr<mm::VmObject> real;

  uint64_t size() const { return pages.size(); }
  uint64_t committed() const;
  void Decommit(uint64_t first, uint64_t count);
};

// What stands at a page of an address space.
struct ModelMapping {
  std::shared_ptr<ModelVmo> vmo;  // null: nothing
  uint64_t page = 0;
  mm::Protection protection;
  size_t region = 0;

  // The page of the VMO that an access meets; null where there is none, or it lies beyond the VMO's end.
  ModelVmo::Page* target() const { return vmo != nullptr && page < vmo->size() ? &vmo->pages[page] : nullptr; }
};

struct ModelRegion {
  uint64_t first = 0;
  uint64_t count = 0;
  size_t parent = 0;
  bool alive = false;
  std::shared_ptr<mm::VmAddressRegion> real;
  bool Contains(uint64_t f, uint64_t n) const { return f >= first && f + n <= first + count; }
  bool Overlaps(uint64_t f, uint64_t n) const { return f < first + count && first < f + n; }
};

struct ModelSpace {
  static constexpr size_t kRegions = 4;  // the root, and slots for what is allocated in it
  std::vector<ModelMapping> pages;
  ModelRegion regions[kRegions];
};

struct Model {
  static constexpr size_t kVmos = 5;

  std::vector<ModelSpace> spaces;
  std::shared_ptr<ModelVmo> vmos[kVmos];         // those that have a handle; null: none yet
  std::shared_ptr<mm::VmObject> handles[kVmos];  // real ones live as long as a handle or a mapping does
  std::vector<std::weak_ptr<ModelVmo>> all;
  size_t next_id = 0;
  uint64_t next_stamp = 1;
  std::optional<size_t> only_space;  // random operations on spaces choose this one

  // Content that no page has had before.
  Content FreshContent() {
    const uint64_t n = next_stamp++;
    return {n << 8 | 0xc3, n * 0x9e3779b97f4a7c15};
  }
  // The VMOs that live: they have a handle or are mapped.
  std::vector<std::shared_ptr<ModelVmo>> Living() const;
};

}  // namespace zirconia::campaign

#endif  // ZIRCONIA_TEST_CAMPAIGN_MODEL_H_
