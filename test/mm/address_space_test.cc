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

TEST_CASE("Transfer: goes across runs of pages, both ways, at any offsets") {
  Machine m;
  const auto vmo = m.Vmo(8), buffer = m.Vmo(8);
  for (const uint64_t page : {1, 0, 3, 2, 5}) {
    for (const auto& v : {vmo, buffer}) REQUIRE(v->Commit(Pages(page), Pages(1)).ok());
  }
  for (uint64_t page = 0; page < 6; ++page) {
    REQUIRE(vmo->Write(Pages(page), Bytes(kPageSize, static_cast<uint8_t>(page + 1))).ok());
  }
  REQUIRE(m.a.root->Map(MapAt(0, buffer, 0, 8)).ok());
  const ByteSize length = Pages(5) + ByteSize(100);
  REQUIRE(m.a.space->Transfer(*vmo, ByteSize(4000), At(1) + ByteSize(8), length, false) == length);
  std::vector<std::byte> from(length.value()), to(length.value());
  REQUIRE(vmo->Read(ByteSize(4000), absl::MakeSpan(from)).ok());
  REQUIRE(buffer->Read(Pages(1) + ByteSize(8), absl::MakeSpan(to)).ok());
  CHECK(from == to);
  REQUIRE(vmo->Zero(ByteSize(0), Pages(8)).ok());
  REQUIRE(m.a.space->Transfer(*vmo, ByteSize(4000), At(1) + ByteSize(8), length, true) == length);
  REQUIRE(vmo->Read(ByteSize(4000), absl::MakeSpan(to)).ok());
  CHECK(from == to);
  m.Verify();
}

TEST_CASE("Transfer: zeros are copied without committing their source") {
  Machine m;
  const auto vmo = m.Vmo(4), buffer = m.Vmo(4);
  REQUIRE(buffer->Write(ByteSize(0), Bytes(4 * kPageSize, 9)).ok());
  REQUIRE(m.a.root->Map(MapAt(0, buffer, 0, 4)).ok());
  REQUIRE(m.a.space->Transfer(*vmo, ByteSize(0), At(0), Pages(4), false) == Pages(4));
  CHECK(m.a.Peek(At(3)) == 0);
  CHECK(vmo->committed_pages() == PageCount(0));
  m.Verify();
}

TEST_CASE("Transfer: ends where the VMO, the mapping or what is behind it ends, and with its limit") {
  Machine m;
  const auto vmo = m.Vmo(100), small = m.Vmo(2), buffer = m.Vmo(100);
  REQUIRE(m.a.root->Map(MapAt(0, buffer, 0, 60)).ok());
  REQUIRE(m.a.root->Map(MapAt(60, buffer, 98, 10)).ok());
  const auto transfer = [&](VmObject& v, uint64_t at, uint64_t page, uint64_t pages) {
    return m.a.space->Transfer(v, Pages(at), At(page), Pages(pages), true);
  };
  CHECK(transfer(*small, 1, 0, 4) == Pages(1));
  CHECK(transfer(*small, 2, 0, 4) == ByteSize(0));
  CHECK(transfer(*vmo, 0, 58, 4) == Pages(2));
  CHECK(transfer(*vmo, 0, 60, 4) == Pages(2));
  CHECK(transfer(*vmo, 0, 62, 4) == ByteSize(0));
  CHECK(transfer(*vmo, 0, 90, 4) == ByteSize(0));
  CHECK(transfer(*vmo, 0, 0, 50) == AddressSpace::kMostTransferred);
  m.Verify();
}

TEST_CASE("Transfer: nothing is copied that the mapping doesn't permit, or that there is no memory for") {
  Machine m;
  const auto vmo = m.Vmo(4), buffer = m.Vmo(4);
  REQUIRE(m.a.root->Map(MapAt(0, buffer, 0, 4, kR)).ok());
  REQUIRE(m.a.root->Map(MapAt(4, buffer, 0, 4, kNone)).ok());
  REQUIRE(m.a.root->Map(MapAt(8, buffer, 0, 4, kRW)).ok());
  CHECK(m.a.space->Transfer(*vmo, ByteSize(0), At(0), Pages(1), false) == ByteSize(0));
  CHECK(m.a.space->Transfer(*vmo, ByteSize(0), At(4), Pages(1), true) == ByteSize(0));
  m.frames.FailAfter(1);
  CHECK(m.a.space->Transfer(*vmo, ByteSize(0), At(8), Pages(1), false) == ByteSize(0));
  CHECK(buffer->committed_pages() == PageCount(0));
  CHECK(vmo->committed_pages() == PageCount(0));
  m.Verify();
}

TEST_CASE("Transfer: between a VMO and a mapping of it, and of its snapshot") {
  Machine m;
  const auto vmo = m.Vmo(4);
  REQUIRE(vmo->Write(ByteSize(0), Bytes(kPageSize, 1)).ok());
  REQUIRE(vmo->Write(Pages(1), Bytes(kPageSize, 2)).ok());
  const auto snapshot = vmo->CreateSnapshot(ByteSize(0), Pages(4), false);
  REQUIRE(snapshot.ok());
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 4)).ok());
  REQUIRE(m.a.root->Map(MapAt(4, *snapshot, 0, 4)).ok());
  // The page that is copied to is shared, and so is the one that is copied from.
  REQUIRE(m.a.space->Transfer(*vmo, ByteSize(0), At(0) + ByteSize(100), Pages(1), false) == Pages(1));
  CHECK(m.a.Peek(At(0) + ByteSize(100)) == 1);
  CHECK(m.a.Peek(At(1)) == 1);
  CHECK(m.a.Peek(At(1) + ByteSize(100)) == 2);
  CHECK(m.a.Peek(At(5)) == 2);
  REQUIRE(m.a.space->Transfer(*vmo, Pages(2), At(5), Pages(1), true) == Pages(1));
  CHECK(m.a.Peek(At(2)) == 2);
  m.Verify();
}

}  // namespace
}  // namespace zirconia::mm
