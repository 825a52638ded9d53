// Discardable VMOs: what goes when memory runs out, and what may not.
#include <catch2/catch.hpp>

#include "test/mm/fixture.h"

namespace zirconia::mm {
namespace {

using absl::StatusCode;
using Vmo = std::shared_ptr<VmObject>;

struct Machine {
  HeapPhysicalMemory memory{PageCount(64)};
  FrameAllocator frames{memory};
  Vmo Make(uint64_t pages) { return *VmObject::Create(frames, Pages(pages), false); }
  // One whose pages are all committed.
  Vmo MakeDiscardable(uint64_t pages) {
    Vmo vmo = Make(pages);
    vmo->MakeDiscardable();
    REQUIRE(vmo->Commit(ByteSize(0), Pages(pages)).ok());
    return vmo;
  }
  absl::Status Take(uint64_t pages) {
    taken.push_back(Make(pages));
    return taken.back()->Commit(ByteSize(0), Pages(pages));
  }
  std::vector<Vmo> taken;
};

StatusCode ReadByte(const Vmo& vmo) {
  std::byte byte;
  return vmo->Read(ByteSize(0), {&byte, 1}).code();
}

TEST_CASE("Discardable: unlocked pages stay as long as there is memory, and go when there is none, oldest first") {
  Machine m;
  const Vmo first = m.MakeDiscardable(16), second = m.MakeDiscardable(16);
  REQUIRE(m.Take(32).ok());
  CHECK(first->committed_pages() == PageCount(16));
  REQUIRE(m.Take(1).ok());
  CHECK(first->committed_pages() == PageCount(0));
  CHECK(second->committed_pages() == PageCount(16));
  CHECK(ReadByte(first) == StatusCode::kNotFound);
  CHECK(ReadByte(second) == StatusCode::kOk);
}

TEST_CASE("Discardable: what is locked isn't discarded; who unlocked last goes last") {
  Machine m;
  const Vmo locked = m.MakeDiscardable(16), late = m.MakeDiscardable(16), early = m.MakeDiscardable(16);
  CHECK_FALSE(locked->LockContent());
  CHECK(late->TryLockContent().ok());
  CHECK(late->UnlockContent().ok());
  REQUIRE(m.Take(20).ok());
  CHECK(early->committed_pages() == PageCount(0));
  CHECK(late->committed_pages() == PageCount(16));
  REQUIRE(m.Take(20).ok());
  CHECK(late->committed_pages() == PageCount(0));
  CHECK(m.Take(20).code() == StatusCode::kResourceExhausted);
  CHECK(locked->committed_pages() == PageCount(16));
}

TEST_CASE("Discardable: locks nest, tell what was lost once, and can't be given back unheld") {
  Machine m;
  const Vmo vmo = m.MakeDiscardable(16);
  CHECK(vmo->UnlockContent().code() == StatusCode::kFailedPrecondition);
  CHECK_FALSE(vmo->LockContent());
  CHECK_FALSE(vmo->LockContent());
  CHECK(vmo->UnlockContent().ok());
  CHECK(m.Take(64).code() == StatusCode::kResourceExhausted);
  CHECK(vmo->UnlockContent().ok());
  m.taken.clear();
  REQUIRE(m.Take(64).ok());
  CHECK(vmo->TryLockContent().code() == StatusCode::kUnavailable);
  CHECK(vmo->LockContent());
  CHECK_FALSE(vmo->LockContent());
  CHECK(ReadByte(vmo) == StatusCode::kOk);
}

TEST_CASE("Discardable: nothing can be done with content that was discarded until it is locked again") {
  Machine m;
  Space a(m.memory, 64);
  const Vmo vmo = m.MakeDiscardable(16);
  REQUIRE(a.root->Map(MapAt(0, vmo, 0, 16)).ok());
  REQUIRE(a.Poke(At(3), 5));
  REQUIRE(m.Take(64).ok());
  CHECK(a.Peek(At(3)) == -1);
  CHECK_FALSE(a.Poke(At(3), 5));
  CHECK(a.space->Pin(At(3), Pages(1), Access::kRead).status().code() == StatusCode::kNotFound);
  CHECK(vmo->Commit(ByteSize(0), Pages(1)).code() == StatusCode::kNotFound);
  CHECK(vmo->Zero(ByteSize(0), Pages(1)).code() == StatusCode::kNotFound);
  CHECK(a.root->OpRange(VmAddressRegion::RangeOp::kCommit, AtPages(0, 1)).code() == StatusCode::kNotFound);
  CHECK(vmo->HoldForDevice(ByteSize(0), Pages(1)).status().code() == StatusCode::kNotFound);
  m.taken.clear();
  CHECK(vmo->LockContent());
  CHECK(a.Peek(At(3)) == 0);
  REQUIRE(a.Poke(At(3), 6));
  CHECK(a.Peek(At(3)) == 6);
  CHECK(a.Verify() == absl::OkStatus());
}

TEST_CASE("Discardable: what a device holds, or is in use just now, is passed over") {
  Machine m;
  const Vmo held = m.MakeDiscardable(16), other = m.MakeDiscardable(16);
  REQUIRE(held->HoldForDevice(Pages(1), Pages(1)).ok());
  {
    // The VMO that memory is wanted for has its own lock.
    const Vmo self = m.Make(64);
    self->MakeDiscardable();
    REQUIRE(self->Commit(ByteSize(0), Pages(20)).ok());
    CHECK(self->Commit(ByteSize(0), Pages(64)).code() == StatusCode::kResourceExhausted);
    CHECK(self->committed_pages() == PageCount(20));
  }
  CHECK(held->committed_pages() == PageCount(16));
  CHECK(other->committed_pages() == PageCount(0));
  held->DropForDevice(Pages(1), Pages(1));
}

TEST_CASE("Discardable: has no children") {
  Machine m;
  const Vmo vmo = m.MakeDiscardable(2);
  CHECK(vmo->CreateSnapshot(ByteSize(0), Pages(1), false).status().code() == StatusCode::kUnimplemented);
  CHECK(vmo->CreateSlice(ByteSize(0), Pages(1)).status().code() == StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace zirconia::mm
