#include "platform/host_mappings.h"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

namespace zirconia::platform {
namespace {

using mm::FrameNumber;
using mm::PageCount;
using mm::Protection;
using mm::VirtAddr;
using mm::VirtRange;

constexpr VirtAddr kBase(0x10000);
constexpr uint64_t kPages = 64;

VirtRange Pages(uint64_t first, uint64_t count) { return {kBase + PageCount(first).bytes(), PageCount(count).bytes()}; }
HostMapping Frame(uint64_t n) { return {FrameNumber(n), Protection::Read()}; }

TEST_CASE("Host mappings begin as one reservation and join where they continue") {
  HostMappings m(Pages(0, kPages));
  CHECK(m.count() == 1);
  m.Set(Pages(10, 2), Frame(100));
  CHECK(m.count() == 3);
  m.Set(Pages(12, 2), Frame(102));
  CHECK(m.count() == 3);
  m.Set(Pages(14, 2), Frame(105));
  CHECK(m.count() == 4);
  CHECK(m.Find(Pages(11, 1).base) == HostExtent{Pages(10, 4), Frame(100)});
  m.Set(Pages(0, kPages), HostMapping());
  CHECK(m.count() == 1);
  CHECK(m.Verify().ok());
}

TEST_CASE("How many mappings a change can add is known before it is made") {
  HostMappings m(Pages(0, kPages));
  m.Set(Pages(10, 10), Frame(0));
  CHECK(m.GrowthBound(Pages(10, 10)) == 0);
  CHECK(m.GrowthBound(Pages(10, 5)) == 1);
  CHECK(m.GrowthBound(Pages(12, 5)) == 2);
  CHECK(m.GrowthBound(Pages(5, 20)) == 2);
  CHECK(m.GrowthBound(Pages(0, kPages)) == 0);
}

TEST_CASE("Hull and widening find the ends of what is mapped") {
  HostMappings m(Pages(0, kPages));
  m.Set(Pages(10, 4), Frame(0));
  m.Set(Pages(20, 4), Frame(50));
  CHECK(m.HullOfMapped(Pages(0, kPages)) == Pages(10, 14));
  CHECK(m.HullOfMapped(Pages(12, 10)) == Pages(12, 10));
  CHECK(m.HullOfMapped(Pages(14, 6)).empty());
  CHECK(m.WidenToExtents(Pages(12, 10)) == Pages(10, 14));
}

TEST_CASE("Random changes leave what a plain list of pages says, joined as far as can be") {
  std::mt19937 dice(7);
  HostMappings m(Pages(0, kPages));
  std::vector<HostMapping> model(kPages);
  for (int i = 0; i < 5000; ++i) {
    const uint64_t first = dice() % kPages;
    const uint64_t count = 1 + dice() % (kPages - first);
    const HostMapping mapping = dice() % 3 == 0 ? HostMapping() : Frame(dice() % 2 == 0 ? first : dice() % 100);
    m.Set(Pages(first, count), mapping);
    for (uint64_t p = 0; p < count; ++p) model[first + p] = mapping.Advanced(PageCount(p).bytes());
    const absl::Status status = m.Verify();
    REQUIRE(status == absl::OkStatus());
    for (uint64_t p = 0; p < kPages; ++p) REQUIRE(m.Find(Pages(p, 1).base).CutTo(Pages(p, 1)).mapping == model[p]);
  }
}

}  // namespace
}  // namespace zirconia::platform
