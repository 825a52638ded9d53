#include "mm/vm_address_region.h"

#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "mm/random.h"
#include "test/mm/fixture.h"

namespace zirconia::mm {
namespace {

using absl::StatusCode;
using Edit = PageTableEdit;

struct Machine {
  explicit Machine(AddressSpace::Options options = {}) : a(memory, 4096, options), b(memory, 4096, options) {}

  std::shared_ptr<VmObject> Vmo(uint64_t pages, bool resizable = true) {
    return *VmObject::Create(frames, Pages(pages), resizable);
  }
  std::shared_ptr<VmObject> Filled(uint64_t pages, uint8_t value) {
    auto vmo = Vmo(pages);
    REQUIRE(vmo->Write(ByteSize(0), Bytes(pages * kPageSize, value)).ok());
    return vmo;
  }
  void Verify() {
    REQUIRE(a.Verify() == absl::OkStatus());
    REQUIRE(b.Verify() == absl::OkStatus());
    REQUIRE(frames.Verify() == absl::OkStatus());
  }

  HeapPhysicalMemory memory{PageCount(1024)};
  FrameAllocator frames{memory};
  Space a;
  Space b;
};

AddressSpace::Options OnMap() {
  AddressSpace::Options options;
  options.realize = AddressSpace::Realize::kOnMap;
  return options;
}

VmAddressRegion::MapRequest Anywhere(std::shared_ptr<VmObject> vmo, uint64_t pages) {
  auto request = MapAt(0, std::move(vmo), 0, pages);
  request.placement = {};
  return request;
}

TEST_CASE("Map: geometry that can't be is refused") {
  Machine m;
  const auto vmo = m.Vmo(4);
  const auto code = [&](const VmAddressRegion::MapRequest& r) { return m.a.root->Map(r).status().code(); };
  auto r = MapAt(0, vmo, 0, 4);
  r.size = ByteSize(0);
  CHECK(code(r) == StatusCode::kInvalidArgument);
  r.size = ByteSize(~uint64_t{0});
  CHECK(code(r) == StatusCode::kInvalidArgument);
  r = MapAt(0, vmo, 0, 4);
  r.vmo_offset = ByteSize(1);
  CHECK(code(r) == StatusCode::kInvalidArgument);
  r.vmo_offset = ByteSize(~uint64_t{0} - kPageSize + 1);
  CHECK(code(r) == StatusCode::kOutOfRange);
  r = MapAt(4095, vmo, 0, 2);
  CHECK(code(r) == StatusCode::kInvalidArgument);
  r = MapAt(0, vmo, 0, 4);
  r.placement.offset = ByteSize(1);
  CHECK(code(r) == StatusCode::kInvalidArgument);
  for (unsigned align : {0u, 11u, 33u, 64u}) {
    r = Anywhere(vmo, 1);
    r.placement.align_log2 = align;
    CHECK(code(r) == StatusCode::kInvalidArgument);
  }
  r = MapAt(1, vmo, 0, 1);
  r.placement.align_log2 = 16;
  CHECK(code(r) == StatusCode::kInvalidArgument);
  r = Anywhere(vmo, 4097);
  CHECK(code(r) == StatusCode::kInvalidArgument);
  r = MapAt(3, vmo, 0, 1);
  r.size = ByteSize(1);
  CHECK(code(r) == StatusCode::kOk);
  CHECK(code(MapAt(3, vmo, 0, 1)) == StatusCode::kResourceExhausted);
  CHECK(m.a.space->Regions().size() == 2);
  m.Verify();
}

TEST_CASE("Map: a region's caps limit what is mapped, what may become of it, and whether places are chosen") {
  Machine m;
  const auto vmo = m.Vmo(4);
  auto request = RegionAt(0, 100);
  request.caps = {kRW, false};
  const auto region = *m.a.root->Allocate(request);
  CHECK(region->Map(Anywhere(vmo, 1)).ok());
  CHECK(region->Map(MapAt(50, vmo, 0, 1)).status().code() == StatusCode::kPermissionDenied);
  auto executable = Anywhere(vmo, 1);
  executable.protection = kRX;
  CHECK(region->Map(executable).status().code() == StatusCode::kPermissionDenied);
  CHECK(region->Protect(AtPages(0, 1), kRX).code() == StatusCode::kPermissionDenied);
  VmAddressRegion::AllocateRequest wider;
  wider.size = Pages(1);
  wider.caps.can_map = Protection::All();
  CHECK(region->Allocate(wider).status().code() == StatusCode::kPermissionDenied);
  wider.caps = {kR, true};
  CHECK(region->Allocate(wider).ok());
  m.Verify();
}

TEST_CASE("Placement: lowest-first without a seed; below a limit; aligned") {
  Machine m;
  const auto vmo = m.Vmo(4);
  CHECK(*m.a.root->Map(Anywhere(vmo, 2)) == At(0));
  CHECK(*m.a.root->Map(Anywhere(vmo, 2)) == At(2));
  REQUIRE(m.a.root->Unmap(AtPages(0, 1)).ok());
  CHECK(*m.a.root->Map(Anywhere(vmo, 2)) == At(4));
  CHECK(*m.a.root->Map(Anywhere(vmo, 1)) == At(0));
  auto aligned = Anywhere(vmo, 1);
  aligned.placement.align_log2 = 20;
  CHECK(*m.a.root->Map(aligned) == At(256));
  auto below = Anywhere(vmo, 2);
  below.placement.kind = Placement::Kind::kBelow;
  below.placement.offset = Pages(8);
  CHECK(*m.a.root->Map(below) == At(6));
  CHECK(m.a.root->Map(below).status().code() == StatusCode::kResourceExhausted);
  below.placement.offset = Pages(5000);
  CHECK(m.a.root->Map(below).status().code() == StatusCode::kInvalidArgument);
  m.Verify();
}

TEST_CASE("Placement: a seed gives the same places again, another one others; compact regions stay together") {
  AddressSpace::Options options;
  options.layout_seed = 42;
  std::vector<std::vector<VirtAddr>> runs;
  for (uint64_t seed : {42u, 42u, 43u}) {
    options.layout_seed = seed;
    Machine m(options);
    const auto vmo = m.Vmo(4);
    auto& places = runs.emplace_back();
    for (int i = 0; i < 20; ++i) places.push_back(*m.a.root->Map(Anywhere(vmo, 2)));
    m.Verify();
  }
  CHECK(runs[0] == runs[1]);
  CHECK(runs[0] != runs[2]);
  Machine m(options);
  const auto vmo = m.Vmo(4);
  VmAddressRegion::AllocateRequest request;
  request.size = Pages(1000);
  request.caps.can_map = Protection::All();
  request.placement.compact = true;
  const auto region = *m.a.root->Allocate(request);
  std::set<VirtAddr> places;
  for (int i = 0; i < 10; ++i) places.insert(*region->Map(Anywhere(vmo, 2)));
  CHECK(*places.rbegin() - *places.begin() == Pages(18));
}

TEST_CASE("Overwrite: replaces parts of mappings in one step, swapping what was shown for what is committed") {
  std::vector<Edit> log;
  Machine m;
  const auto old_vmo = m.Filled(8, 1);
  const auto new_vmo = m.Filled(2, 2);
  REQUIRE(m.a.root->Map(MapAt(10, old_vmo, 0, 8)).ok());
  REQUIRE(m.a.Peek(At(10)) == 1);
  m.a.table.set_log(&log);
  REQUIRE(m.a.root->Map(Replacing(MapAt(12, new_vmo, 0, 4))).ok());
  REQUIRE(log.size() == 2);
  CHECK(log[0].kind == Edit::Kind::kMap);
  CHECK(log[0].range == AtPages(12, 2));
  CHECK(log[1].kind == Edit::Kind::kUnmap);
  CHECK(log[1].range == AtPages(14, 2));
  CHECK(m.a.Peek(At(11)) == 1);
  CHECK(m.a.Peek(At(12)) == 2);
  CHECK(m.a.Peek(At(14)) == -1);
  CHECK(m.a.Peek(At(16)) == 1);
  CHECK(old_vmo->mapping_count() == 2);
  CHECK(new_vmo->mapping_count() == 1);
  REQUIRE(m.a.root->Allocate(RegionAt(30, 4)).ok());
  CHECK(m.a.root->Map(Replacing(MapAt(29, new_vmo, 0, 2))).status().code() == StatusCode::kInvalidArgument);
  m.Verify();
}

TEST_CASE("Overwrite: what nobody touched costs no edit") {
  Machine m;
  REQUIRE(m.a.root->Map(MapAt(0, m.Filled(4, 1), 0, 4)).ok());
  REQUIRE(m.a.root->Map(Replacing(MapAt(0, m.Filled(4, 2), 0, 4))).ok());
  REQUIRE(m.a.root->Unmap(AtPages(0, 4)).ok());
  CHECK(m.a.table.counts().edits == 0);
}

TEST_CASE(
    "Realize on map: what is committed is shown at once, and no room for it fails the call with nothing changed") {
  Machine m(OnMap());
  const auto vmo = m.Vmo(6);
  REQUIRE(vmo->Commit(Pages(1), Pages(2)).ok());
  REQUIRE(vmo->Commit(Pages(4), Pages(1)).ok());
  m.a.table.FailPrepareAfter(1);
  CHECK(m.a.root->Map(MapAt(0, vmo, 0, 6)).status().code() == StatusCode::kResourceExhausted);
  CHECK(m.a.space->Regions().size() == 1);
  CHECK(vmo->mapping_count() == 0);
  m.Verify();
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 6)).ok());
  CHECK(m.a.table.counts().prepares == 2);
  CHECK(m.a.table.Query(At(1))->range == AtPages(1, 2));
  CHECK(m.a.table.Query(At(4))->range == AtPages(4, 1));
  CHECK_FALSE(m.a.table.Query(At(0)));
  const auto other = m.Filled(6, 3);
  m.a.table.FailPrepareAfter(1);
  CHECK(m.a.root->Map(Replacing(MapAt(2, other, 0, 2))).status().code() == StatusCode::kResourceExhausted);
  CHECK(m.a.space->Regions().size() == 2);
  m.Verify();
}

TEST_CASE("Unmap: gaps are fine, sub-regions go whole or not at all") {
  Machine m;
  const auto vmo = m.Vmo(8);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 4)).ok());
  const auto region = *m.a.root->Allocate(RegionAt(10, 4));
  REQUIRE(region->Map(MapAt(0, vmo, 0, 2)).ok());
  CHECK(m.a.root->Unmap(AtPages(2, 10)).code() == StatusCode::kInvalidArgument);
  CHECK(vmo->mapping_count() == 2);
  CHECK(m.a.root->Unmap({At(0) + ByteSize(1), Pages(1)}).code() == StatusCode::kInvalidArgument);
  CHECK(m.a.root->Unmap({At(0), ByteSize(0)}).code() == StatusCode::kInvalidArgument);
  CHECK(m.a.root->Unmap({At(0), ByteSize(~uint64_t{0})}).code() == StatusCode::kInvalidArgument);
  REQUIRE(m.a.root->Unmap(AtPages(2, 100)).ok());
  CHECK(vmo->mapping_count() == 1);
  CHECK_FALSE(region->alive());
  CHECK(region->Map(MapAt(0, vmo, 0, 2)).status().code() == StatusCode::kFailedPrecondition);
  CHECK(region->Unmap(AtPages(10, 1)).code() == StatusCode::kFailedPrecondition);
  CHECK(region->Protect(AtPages(10, 1), kR).code() == StatusCode::kFailedPrecondition);
  CHECK(region->Allocate(RegionAt(0, 1)).status().code() == StatusCode::kFailedPrecondition);
  CHECK(region->OpRange(VmAddressRegion::RangeOp::kCommit, AtPages(10, 1)).code() == StatusCode::kFailedPrecondition);
  CHECK(region->Destroy().code() == StatusCode::kFailedPrecondition);
  m.Verify();
}

TEST_CASE("Protect: shows at once, and undoing it leaves one mapping") {
  Machine m;
  const auto vmo = m.Filled(6, 1);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 6)).ok());
  REQUIRE(m.a.Poke(At(2), 2));
  REQUIRE(m.a.root->Protect(AtPages(2, 2), kR).ok());
  CHECK(m.a.Peek(At(2)) == 2);
  CHECK_FALSE(m.a.Poke(At(2), 3));
  CHECK(vmo->mapping_count() == 3);
  REQUIRE(m.a.root->Protect(AtPages(2, 2), kNone).ok());
  CHECK(m.a.Peek(At(2)) == -1);
  REQUIRE(m.a.root->Protect(AtPages(0, 6), kRW).ok());
  CHECK(m.a.Poke(At(2), 3));
  CHECK(vmo->mapping_count() == 1);
  CHECK(m.a.root->Protect(AtPages(5, 2), kR).code() == StatusCode::kNotFound);
  CHECK(m.a.Poke(At(5), 1));
  m.a.table.FailPrepareAfter(1);
  REQUIRE(m.a.root->Protect(AtPages(0, 6), kR).ok());
  CHECK(m.a.root->Protect(AtPages(0, 6), kRW).code() == StatusCode::kResourceExhausted);
  CHECK_FALSE(m.a.Poke(At(2), 3));
  m.Verify();
}

TEST_CASE(
    "An immutable mapping can't be unmapped, protected, overwritten or destroyed, but dies with its address space") {
  Machine m;
  const auto vmo = m.Filled(2, 1);
  const auto region = *m.a.root->Allocate(RegionAt(0, 10));
  auto request = MapAt(2, vmo, 0, 2, kRX);
  request.immutable = true;
  REQUIRE(region->Map(request).ok());
  CHECK(region->Unmap(AtPages(3, 1)).code() == StatusCode::kPermissionDenied);
  CHECK(m.a.root->Unmap(AtPages(0, 10)).code() == StatusCode::kPermissionDenied);
  CHECK(region->Protect(AtPages(2, 2), kR).code() == StatusCode::kPermissionDenied);
  CHECK(region->Map(Replacing(MapAt(3, vmo, 0, 2))).status().code() == StatusCode::kPermissionDenied);
  // Also through a region that may not touch its neighbours' mappings at all.
  CHECK(m.a.root->Unmap(AtPages(3, 1)).code() == StatusCode::kPermissionDenied);
  CHECK(m.a.root->Protect(AtPages(2, 2), kR).code() == StatusCode::kPermissionDenied);
  CHECK(m.a.root->Map(Replacing(MapAt(3, vmo, 0, 1))).status().code() == StatusCode::kPermissionDenied);
  CHECK(region->Destroy().code() == StatusCode::kPermissionDenied);
  CHECK(m.a.root->Destroy().code() == StatusCode::kPermissionDenied);
  CHECK(region->alive());
  CHECK(m.a.Peek(At(2)) == 1);
  m.a.space->Destroy();
  CHECK_FALSE(m.a.root->alive());
  CHECK(vmo->mapping_count() == 0);
  m.Verify();
}

TEST_CASE("Faults: each kind is told apart") {
  Machine m;
  const auto vmo = m.Vmo(2);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 4, kR)).ok());
  CHECK(m.a.Fault(At(0), Access::kRead) == absl::OkStatus());
  CHECK(m.a.Fault(At(0), Access::kWrite).code() == StatusCode::kPermissionDenied);
  CHECK(m.a.Fault(At(0), Access::kExecute).code() == StatusCode::kPermissionDenied);
  CHECK(m.a.Fault(At(2), Access::kRead).code() == StatusCode::kOutOfRange);
  CHECK(m.a.Fault(At(4), Access::kRead).code() == StatusCode::kNotFound);
  CHECK(m.a.space->Pin(At(4), ByteSize(1), Access::kRead).status().code() == StatusCode::kNotFound);
  CHECK(m.a.space->Pin(At(0), ByteSize(1), Access::kWrite).status().code() == StatusCode::kPermissionDenied);
  CHECK(m.a.space->Pin(At(2), ByteSize(1), Access::kRead).status().code() == StatusCode::kOutOfRange);
  CHECK(m.a.space->PinIgnoringProtection(At(0), ByteSize(1), Access::kWrite).ok());
  vmo->MakeConstant();
  CHECK(m.a.space->PinIgnoringProtection(At(0), ByteSize(1), Access::kWrite).status().code() ==
        StatusCode::kPermissionDenied);
  CHECK(m.a.space->PinIgnoringProtection(At(0), ByteSize(1), Access::kRead).ok());
  m.Verify();
}

TEST_CASE("Faults: a write commits one page, and only that") {
  std::vector<Edit> log;
  Machine m;
  const auto vmo = m.Vmo(10);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 10)).ok());
  REQUIRE(m.b.root->Map(MapAt(0, vmo, 0, 10)).ok());
  REQUIRE(m.a.Peek(At(4)) == 0);
  REQUIRE(m.b.Peek(At(4)) == 0);
  m.b.table.set_log(&log);
  REQUIRE(m.a.Poke(At(4), 1));
  CHECK(vmo->committed_pages() == PageCount(1));
  REQUIRE(log.size() == 1);
  CHECK(log[0].kind == Edit::Kind::kUnmap);
  CHECK(log[0].range == AtPages(4, 1));
  CHECK(m.b.Peek(At(4)) == 1);
  m.Verify();
}

TEST_CASE("Faults: running out of frames or of room is an error that leaves everything as it was") {
  Machine m;
  const auto vmo = m.Vmo(4);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 4)).ok());
  m.frames.FailAfter(1);
  CHECK(m.a.Fault(At(0), Access::kWrite).code() == StatusCode::kResourceExhausted);
  m.a.table.FailPrepareAfter(1);
  CHECK(m.a.Fault(At(0), Access::kWrite).code() == StatusCode::kResourceExhausted);
  CHECK(vmo->committed_pages() == PageCount(0));
  CHECK(m.frames.stats().used == PageCount(0));
  m.a.table.set_refuses(true);
  CHECK(m.a.Fault(At(0), Access::kWrite).code() == StatusCode::kResourceExhausted);
  m.Verify();
  m.a.table.set_refuses(false);
  CHECK(m.a.Poke(At(0), 1));
  m.Verify();
}

TEST_CASE("Faults: what was evicted is realized again without an edit") {
  Machine m;
  const auto vmo = m.Filled(4, 1);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 4)).ok());
  REQUIRE(m.a.Peek(At(0)) == 1);
  m.a.table.Evict(AtPages(0, 4));
  CHECK(m.a.Peek(At(3)) == 1);
  CHECK(m.a.table.counts().edits == 1);
}

TEST_CASE("Decommit, zero, shrink and write show through every mapping at once") {
  Machine m;
  const auto vmo = m.Filled(8, 1);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 8)).ok());
  REQUIRE(m.b.root->Map(MapAt(50, vmo, 2, 6, kR)).ok());
  REQUIRE(m.a.Peek(At(3)) == 1);
  REQUIRE(m.b.Peek(At(51)) == 1);
  REQUIRE(vmo->Decommit(Pages(3), Pages(1)).ok());
  CHECK(m.a.Peek(At(3)) == 0);
  CHECK(m.b.Peek(At(51)) == 0);
  REQUIRE(vmo->Write(Pages(3), Bytes(1, 9)).ok());
  CHECK(m.a.Peek(At(3)) == 9);
  CHECK(m.b.Peek(At(51)) == 9);
  REQUIRE(vmo->Zero(Pages(2), Pages(3)).ok());
  CHECK(m.b.Peek(At(51)) == 0);
  REQUIRE(vmo->Resize(Pages(5)).ok());
  CHECK(m.a.Peek(At(5)) == -1);
  CHECK(m.b.Peek(At(53)) == -1);
  REQUIRE(vmo->Resize(Pages(8)).ok());
  CHECK(m.a.Peek(At(5)) == 0);
  m.Verify();
}

TEST_CASE("OpRange: commits over several VMOs, all or nothing") {
  using Op = VmAddressRegion::RangeOp;
  Machine m;
  const auto low = m.Vmo(4), high = m.Vmo(4);
  REQUIRE(m.a.root->Map(MapAt(0, low, 0, 4)).ok());
  REQUIRE(m.a.root->Map(MapAt(4, high, 0, 4)).ok());
  REQUIRE(low->Write(ByteSize(0), Bytes(1, 1)).ok());
  m.frames.FailAfter(2);
  CHECK(m.a.root->OpRange(Op::kCommit, AtPages(0, 8)).code() == StatusCode::kResourceExhausted);
  CHECK(low->committed_pages() == PageCount(1));
  CHECK(high->committed_pages() == PageCount(0));
  CHECK(m.frames.stats().used == PageCount(1));
  REQUIRE(m.a.root->OpRange(Op::kCommit, AtPages(2, 4)).ok());
  CHECK(low->committed_pages() == PageCount(3));
  CHECK(high->committed_pages() == PageCount(2));
  REQUIRE(m.a.root->OpRange(Op::kMapRange, AtPages(0, 8)).ok());
  CHECK(m.a.table.Query(At(0))->first_frame);
  CHECK(m.a.table.Query(At(5))->first_frame);
  CHECK_FALSE(m.a.table.Query(At(6)));
  REQUIRE(m.a.root->OpRange(Op::kDecommit, AtPages(0, 8)).ok());
  CHECK(m.frames.stats().used == PageCount(0));
  CHECK(m.a.root->OpRange(Op::kCommit, AtPages(6, 4)).code() == StatusCode::kFailedPrecondition);
  CHECK(m.a.root->OpRange(Op::kCommit, AtPages(4095, 4)).code() == StatusCode::kOutOfRange);
  m.Verify();
}

TEST_CASE("OpRange: a hint says whether all is mapped, whatever the mappings permit, and changes nothing") {
  using Op = VmAddressRegion::RangeOp;
  Machine m;
  const auto vmo = m.Vmo(8);
  auto map = MapAt(0, vmo, 0, 4);
  map.protection = Protection::Read();
  REQUIRE(m.a.root->Map(map).ok());
  const auto child = m.a.root->Allocate(RegionAt(4, 4));
  REQUIRE((*child)->Map(MapAt(0, vmo, 0, 2)).ok());
  CHECK(m.a.root->OpRange(Op::kHint, AtPages(1, 5)).ok());
  CHECK(m.a.root->OpRange(Op::kHint, AtPages(1, 6)).code() == StatusCode::kFailedPrecondition);
  CHECK(m.a.root->OpRange(Op::kHint, AtPages(4095, 4)).code() == StatusCode::kOutOfRange);
  CHECK(vmo->committed_pages() == PageCount(0));
  CHECK(m.a.table.counts().edits == 0);
}

TEST_CASE("Counts: mappings and the address spaces that share a VMO") {
  Machine m;
  const auto vmo = m.Vmo(8);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 8)).ok());
  REQUIRE(m.a.root->Map(MapAt(8, vmo, 0, 8)).ok());
  CHECK(vmo->share_count() == 1);
  REQUIRE(m.b.root->Map(MapAt(0, vmo, 0, 8)).ok());
  REQUIRE(m.b.root->Unmap(AtPages(3, 1)).ok());
  CHECK(vmo->mapping_count() == 4);
  CHECK(vmo->share_count() == 2);
  m.b.space->Destroy();
  CHECK(vmo->mapping_count() == 2);
  CHECK(vmo->share_count() == 1);
}

TEST_CASE("A VMO lives as long as its mappings, and its frames with it") {
  Machine m;
  auto vmo = m.Filled(4, 1);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 4)).ok());
  vmo.reset();
  CHECK(m.a.Peek(At(0)) == 1);
  REQUIRE(m.a.root->Unmap(AtPages(0, 4)).ok());
  CHECK(m.frames.stats().used == PageCount(0));
}

TEST_CASE("Regions that outlive their address space are dead") {
  Machine m;
  std::shared_ptr<VmAddressRegion> region;
  {
    Space space(m.memory, 100);
    region = *space.root->Allocate(RegionAt(0, 4));
    REQUIRE(region->Map(MapAt(0, m.Vmo(1), 0, 1)).ok());
  }
  CHECK_FALSE(region->alive());
  CHECK(region->Map(MapAt(0, m.Vmo(1), 0, 1)).status().code() == StatusCode::kFailedPrecondition);
}

TEST_CASE("Short copies go through the same checks, and say how far they came") {
  Machine m;
  const auto vmo = m.Vmo(2);
  REQUIRE(m.a.root->Map(MapAt(0, vmo, 0, 4)).ok());
  const auto bytes = Bytes(100, 7);
  CHECK(*m.a.space->CopyOut(At(0) + ByteSize(10), bytes) == ByteSize(100));
  CHECK(*m.a.space->CopyOut(At(2) - ByteSize(30), bytes) == ByteSize(30));
  CHECK(m.a.space->CopyOut(At(2), bytes).status().code() == StatusCode::kOutOfRange);
  CHECK(m.a.Peek(At(0) + ByteSize(109)) == 7);
  std::vector<std::byte> read(100, std::byte{1});
  CHECK(*m.a.space->CopyIn(At(0), absl::MakeSpan(read)) == ByteSize(100));
  CHECK(read[9] == std::byte{0});
  CHECK(read[10] == std::byte{7});
  REQUIRE(m.a.root->Protect(AtPages(0, 1), kR).ok());
  CHECK(m.a.space->CopyOut(At(0), bytes).status().code() == StatusCode::kPermissionDenied);
  CHECK(m.a.space->CopyIn(At(10), absl::MakeSpan(read)).status().code() == StatusCode::kNotFound);
  m.Verify();
}

// Writes to guest memory as guests do, without a lock (test/support/tsan.supp knows it by name).
void RaceOn(const PinnedBytes& pin) { std::memset(pin.data, 1, pin.size.value()); }

TEST_CASE("Threads that fault, map, replace, resize and copy at once leave everything in order") {
  Machine m;
  const auto shared = m.Vmo(16);
  const auto other = m.Filled(16, 1);
  Space* const spaces[] = {&m.a, &m.b};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      uint64_t random = t + 1;
      const auto pick = [&](uint64_t n) { return NextRandom(random) % n; };
      std::vector<std::byte> buffer(3 * kPageSize);
      for (int i = 0; i < 3000; ++i) {
        Space& s = *spaces[pick(2)];
        const uint64_t page = pick(24);
        const auto& vmo = pick(2) != 0 ? shared : other;
        switch (pick(9)) {
          case 0:
            (void)s.root->Map(Replacing(MapAt(page, vmo, pick(8), 1 + pick(8))));
            break;
          case 1:
            (void)s.root->Unmap(AtPages(page, 1 + pick(4)));
            break;
          case 2:
            (void)s.root->Protect(AtPages(page, 1), pick(2) != 0 ? kR : kRW);
            break;
          case 3:
            (void)vmo->Resize(Pages(8 + pick(9)));
            break;
          case 4:
            (void)vmo->Decommit(Pages(pick(8)), Pages(1 + pick(4)));
            break;
          case 5:
            (void)vmo->Write(Pages(pick(8)), absl::MakeSpan(buffer));
            break;
          case 6:
            (void)s.Poke(At(page), 1);
            break;
          case 7:
            if (auto pin = s.space->Pin(At(page), Pages(2), Access::kWrite); pin.ok()) {
              RaceOn(*pin);
            }
            break;
          default:
            (void)s.Peek(At(page));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  m.Verify();
  const std::shared_ptr<VmObject> all[] = {shared, other};
  CHECK(VerifyFrames(m.frames, all) == absl::OkStatus());
}

}  // namespace
}  // namespace zirconia::mm
