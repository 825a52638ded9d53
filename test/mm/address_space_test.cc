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

}  // namespace
}  // namespace zirconia::mm
