#include "mm/address_space.h"

#include <catch2/catch.hpp>

#include "mm/vm_address_region.h"
#include "mm/vm_mapping.h"
#include "test/mm/fixture.h"

namespace zirconia::mm {
namespace {

struct Machine {
  HeapPhysicalMemory memory{PageCount(1024)};
  FrameAllocator frames{memory};
  Space a{memory, 4096};
  Space b{memory, 4096};

  std::shared_ptr<VmObject> Vmo(uint64_t pages, bool resizable = true) {
    return *VmObject::Create(frames, Pages(pages), resizable);
  }
  void Verify() {
    REQUIRE(a.Verify() == absl::OkStatus());
    REQUIRE(b.Verify() == absl::OkStatus());
    REQUIRE(frames.Verify() == absl::OkStatus());
  }
};

TEST_CASE("A store through one mapping is loaded through another, in another address space, at once") {
  Machine m;
  const auto vmo = m.Vmo(8);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 8)).ok());
  REQUIRE(m.b.root->Map(MapAt(100, vmo, 2, 4, kR)).ok());
  CHECK(m.b.Peek(At(100)) == 0);
  CHECK(vmo->committed_pages() == PageCount(0));
  REQUIRE(m.a.Poke(At(2), 7));
  CHECK(m.b.Peek(At(100)) == 7);
  CHECK(vmo->committed_pages() == PageCount(1));
  CHECK_FALSE(m.b.Poke(At(100), 1));
  m.Verify();
}

TEST_CASE("Reading an untouched mapping commits nothing and takes one edit") {
  Machine m;
  const auto vmo = m.Vmo(1000);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 1000)).ok());
  for (uint64_t page = 0; page < 1000; ++page) REQUIRE(m.a.Peek(At(page)) == 0);
  CHECK(vmo->committed_pages() == PageCount(0));
  CHECK(m.a.table.counts().edits == 1);
  m.Verify();
}

TEST_CASE("Touching a mapping of what is committed contiguously takes one edit") {
  Machine m;
  const auto vmo = m.Vmo(1000);
  REQUIRE(vmo->Commit(ByteSize(0), Pages(1000)).ok());
  CHECK(vmo->run_count() == 1);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 1000)).ok());
  for (uint64_t page = 0; page < 1000; ++page) REQUIRE(m.a.Poke(At(page), 1));
  CHECK(m.a.table.counts().edits == 1);
  m.Verify();
}

TEST_CASE("Destroying a VMAR tree ten thousand levels deep") {
  Machine m;
  std::shared_ptr<VmAddressRegion> region = m.a.root;
  for (int i = 0; i < 10000; ++i) {
    auto child = region->Allocate(RegionAt(0, 4));
    REQUIRE(child.ok());
    region = *child;
  }
  const auto vmo = m.Vmo(4);
  REQUIRE(region->Map(MapAt(0, vmo, 0, 4)).ok());
  REQUIRE(m.a.Poke(At(1), 9));
  region.reset();
  SECTION("by destroying the space") { m.a.space->Destroy(); }
  SECTION("by unmapping the outermost") { REQUIRE(m.a.root->Unmap(AtPages(0, 4)).ok()); }
  CHECK(vmo->mapping_count() == 0);
  CHECK(m.a.table.Snapshot().empty());
  m.Verify();
}

TEST_CASE("Regions inside of regions: each address is its innermost region's, also when some are gone") {
  constexpr uint64_t kLevels = 500;
  Machine m;
  const auto vmo = m.Vmo(2);
  // Region i is [2i, 4096 - 2i), with a mapping at its first page, and what is left of its parent on both sides.
  std::vector<std::shared_ptr<VmAddressRegion>> regions = {m.a.root};
  for (uint64_t i = 1; i <= kLevels; ++i) {
    const auto child = regions.back()->Allocate(RegionAt(2, 4096 - 4 * i));
    REQUIRE(child.ok());
    regions.push_back(*child);
    REQUIRE((*child)->Map(MapAt(0, vmo, 0, 1)).ok());
  }
  m.Verify();
  const auto is_mapped = [&](uint64_t page) { return m.a.space->HandleFault(At(page), Access::kRead).ok(); };
  for (uint64_t i = 1; i <= kLevels; ++i) {
    REQUIRE(is_mapped(2 * i));
    REQUIRE_FALSE(is_mapped(2 * i + 1));
  }
  CHECK(m.a.space->Regions().size() == 2 * kLevels + 1);

  // A place right of one, and one left of the next: both are its parent's.
  REQUIRE(regions[10]->Map(MapAt(1, vmo, 0, 1)).ok());
  const auto beside = regions[10]->Allocate(RegionAt(4096 - 4 * 10 - 2, 2));
  REQUIRE(beside.ok());
  REQUIRE((*beside)->Map(MapAt(0, vmo, 0, 2)).ok());
  REQUIRE(is_mapped(4096 - 2 * 10 - 1));
  m.Verify();

  REQUIRE(regions[11]->Destroy().ok());
  m.Verify();
  CHECK(vmo->mapping_count() == 12);
  CHECK(is_mapped(2 * 10));
  CHECK(is_mapped(2 * 10 + 1));
  CHECK(is_mapped(4096 - 2 * 10 - 1));
  CHECK_FALSE(is_mapped(2 * 11));
  CHECK(regions[10]->Map(MapAt(2, vmo, 0, 1)).ok());
  CHECK(is_mapped(2 * 10 + 2));
  REQUIRE((*beside)->Destroy().ok());
  m.Verify();
  REQUIRE(m.a.root->Unmap(AtPages(0, 4096)).ok());
  CHECK(vmo->mapping_count() == 0);
  m.Verify();
}

}  // namespace
}  // namespace zirconia::mm
