// VMOs made from VMOs: snapshots and slices; contiguous and physical memory.
#include <malloc.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <thread>
#include <vector>

#include "mm/pool.h"
#include "mm/random.h"
#include "test/mm/fixture.h"

namespace zirconia::mm {
namespace {

using absl::StatusCode;
using Vmo = std::shared_ptr<VmObject>;

struct Machine {
  explicit Machine(uint64_t pages = 4096) : memory(PageCount(pages)) {}
  HeapPhysicalMemory memory;
  FrameAllocator frames{memory};
  Vmo Make(uint64_t pages, bool resizable = false) { return *VmObject::Create(frames, Pages(pages), resizable); }
  uint64_t used() const { return frames.stats().used.value(); }
};

Vmo Snapshot(const Vmo& of, uint64_t first, uint64_t pages, bool resizable = false) {
  return *of->CreateSnapshot(Pages(first), Pages(pages), resizable);
}
Vmo Slice(const Vmo& of, uint64_t first, uint64_t pages) { return *of->CreateSlice(Pages(first), Pages(pages)); }

void Put(VmObject& vmo, uint64_t page, uint8_t value) {
  const std::byte byte{value};
  REQUIRE(vmo.Write(Pages(page) + ByteSize(7), {&byte, 1}).ok());
}
int Get(VmObject& vmo, uint64_t page) {
  std::byte byte{0xee};
  REQUIRE(vmo.Read(Pages(page) + ByteSize(7), {&byte, 1}).ok());
  return static_cast<int>(byte);
}
uint64_t Committed(const Vmo& vmo) { return vmo->committed_pages().value(); }

void VerifyAll(Machine& m, const std::vector<Vmo>& vmos) {
  const absl::Status status = VerifyFrames(m.frames, vmos);
  REQUIRE(status == absl::OkStatus());
}

TEST_CASE("Snapshot: parent and child hold what the parent held, and then go their own ways") {
  Machine m;
  const Vmo parent = m.Make(4);
  for (uint8_t page = 0; page < 3; ++page) Put(*parent, page, page + 1);
  const Vmo child = Snapshot(parent, 0, 4);
  CHECK(m.used() == 3);
  Put(*parent, 0, 11);
  Put(*child, 1, 12);
  Put(*child, 3, 13);
  CHECK(Get(*parent, 0) == 11);
  CHECK(Get(*child, 0) == 1);
  CHECK(Get(*parent, 1) == 2);
  CHECK(Get(*child, 1) == 12);
  CHECK(Get(*parent, 2) == 3);
  CHECK(Get(*child, 2) == 3);
  CHECK(Get(*parent, 3) == 0);
  CHECK(Get(*child, 3) == 13);
  CHECK(m.used() == 6);
  VerifyAll(m, {parent, child});
}

TEST_CASE(
    "Snapshot: a page that is shared is charged to its owner, and to the oldest that has it when the owner writes") {
  Machine m;
  const Vmo parent = m.Make(4);
  for (uint8_t page = 0; page < 4; ++page) Put(*parent, page, 1);
  const Vmo first = Snapshot(parent, 0, 4), second = Snapshot(parent, 0, 4);
  CHECK(Committed(parent) == 4);
  CHECK(Committed(first) == 0);
  Put(*parent, 0, 2);
  CHECK(Committed(parent) == 4);
  CHECK(Committed(first) == 1);
  CHECK(Committed(second) == 0);
  Put(*second, 1, 2);
  CHECK(Committed(second) == 1);
  Put(*first, 0, 3);
  CHECK(Committed(first) == 1);
  CHECK(Committed(second) == 2);
  CHECK(m.used() == Committed(parent) + Committed(first) + Committed(second));
  VerifyAll(m, {parent, first, second});
}

TEST_CASE("Snapshot: a clone that reaches beyond its parent has zeros there, whatever the parent becomes") {
  Machine m;
  const Vmo parent = m.Make(4, /*resizable=*/true);
  for (uint8_t page = 0; page < 4; ++page) Put(*parent, page, 9);
  const Vmo child = Snapshot(parent, 2, 6);
  REQUIRE(parent->Resize(Pages(8)).ok());
  Put(*parent, 6, 8);
  CHECK(child->size() == Pages(6));
  CHECK(Get(*child, 0) == 9);
  CHECK(Get(*child, 4) == 0);
  REQUIRE(parent->Resize(Pages(0)).ok());
  REQUIRE(parent->Resize(Pages(8)).ok());
  CHECK(Get(*child, 1) == 9);
  CHECK(Get(*child, 2) == 0);
  const Vmo grandchild = Snapshot(child, 1, 8);
  CHECK(Get(*grandchild, 0) == 9);
  CHECK(Get(*grandchild, 7) == 0);
  VerifyAll(m, {parent, child, grandchild});
}

TEST_CASE("Snapshot: what a resizable clone gave up by shrinking doesn't come back") {
  Machine m;
  const Vmo parent = m.Make(4);
  for (uint8_t page = 0; page < 4; ++page) Put(*parent, page, 5);
  const Vmo child = Snapshot(parent, 0, 4, /*resizable=*/true);
  REQUIRE(child->Resize(Pages(1)).ok());
  REQUIRE(child->Resize(Pages(4)).ok());
  CHECK(Get(*child, 0) == 5);
  CHECK(Get(*child, 2) == 0);
  CHECK(Get(*parent, 2) == 5);
}

TEST_CASE("Snapshot: what a clone can't see, nobody keeps") {
  Machine m;
  Vmo parent = m.Make(100);
  REQUIRE(parent->Commit(ByteSize(0), Pages(100)).ok());
  const Vmo child = Snapshot(parent, 10, 5);
  parent.reset();
  CHECK(m.used() == 5);
  CHECK(Committed(child) == 5);
  Vmo grandchild = Snapshot(child, 4, 100);
  REQUIRE(child->Zero(ByteSize(0), Pages(5)).ok());
  CHECK(m.used() == 1);
  grandchild.reset();
  CHECK(m.used() == 0);
}

TEST_CASE("Snapshot: committing a clone copies what it shares") {
  Machine m;
  const Vmo parent = m.Make(4);
  Put(*parent, 1, 3);
  const Vmo child = Snapshot(parent, 0, 4);
  REQUIRE(child->Commit(ByteSize(0), Pages(4)).ok());
  CHECK(Committed(child) == 4);
  CHECK(Committed(parent) == 1);
  CHECK(Get(*child, 1) == 3);
  CHECK(Get(*child, 2) == 0);
}

TEST_CASE("Snapshot: errors") {
  Machine m;
  const Vmo vmo = m.Make(4);
  const auto code = [&](const Vmo& of, ByteSize offset, ByteSize size) {
    return of->CreateSnapshot(offset, size, false).status().code();
  };
  CHECK(code(vmo, ByteSize(1), Pages(1)) == StatusCode::kInvalidArgument);
  CHECK(code(vmo, Pages(1), ByteSize(~uint64_t{0})) == StatusCode::kOutOfRange);
  CHECK(code(vmo, ByteSize(~uint64_t{0} - kPageSize + 1), Pages(2)) == StatusCode::kOutOfRange);
  CHECK(code(vmo, Pages(1000), Pages(1)) == StatusCode::kOk);
  CHECK(code(vmo, Pages(0), Pages(0)) == StatusCode::kOk);
  const Vmo contiguous = *VmObject::CreateContiguous(m.frames, Pages(4), 0);
  CHECK(code(contiguous, Pages(0), Pages(1)) == StatusCode::kUnimplemented);
  CHECK(code(Slice(contiguous, 0, 2), Pages(0), Pages(1)) == StatusCode::kUnimplemented);
  REQUIRE(vmo->HoldForDevice(Pages(1), Pages(1)).ok());
  CHECK(code(vmo, Pages(0), Pages(1)) == StatusCode::kFailedPrecondition);
  vmo->DropForDevice(Pages(1), Pages(1));
  CHECK(code(vmo, Pages(0), Pages(1)) == StatusCode::kOk);
}

TEST_CASE("Snapshot: pages can't be given back one by one on either side, until the other is gone") {
  Machine m;
  const Vmo parent = m.Make(4);
  Put(*parent, 0, 1);
  Vmo child = Snapshot(parent, 0, 4);
  CHECK(parent->Decommit(ByteSize(0), Pages(1)).code() == StatusCode::kUnimplemented);
  CHECK(child->Decommit(ByteSize(0), Pages(1)).code() == StatusCode::kUnimplemented);
  const Vmo slice = Slice(parent, 0, 1);
  CHECK(slice->Decommit(ByteSize(0), Pages(1)).code() == StatusCode::kUnimplemented);
  child.reset();
  CHECK(slice->Decommit(ByteSize(0), Pages(1)).ok());
  CHECK(Get(*parent, 0) == 0);
  CHECK(m.used() == 0);
}

TEST_CASE("Snapshot: live mappings of both sides show what each holds") {
  Machine m;
  Space a(m.memory, 64), b(m.memory, 64);
  const Vmo parent = m.Make(8);
  for (uint8_t page = 0; page < 8; ++page) Put(*parent, page, page);
  REQUIRE(a.root->Map(MapAt(0, parent, 0, 8)).ok());
  REQUIRE(b.root->Map(MapAt(8, parent, 0, 8)).ok());
  for (uint64_t page = 0; page < 8; ++page) {
    REQUIRE(a.Poke(At(page), 50));
    REQUIRE(b.Peek(At(8 + page)) == 50);
  }
  const Vmo child = Snapshot(parent, 2, 4);
  REQUIRE(b.root->Map(MapAt(20, child, 0, 4)).ok());
  CHECK(b.Peek(At(20)) == 50);
  REQUIRE(a.Poke(At(2), 51));
  CHECK(b.Peek(At(10)) == 51);
  CHECK(b.Peek(At(20)) == 50);
  REQUIRE(b.Poke(At(21), 52));
  CHECK(a.Peek(At(3)) == 50);
  CHECK(b.Peek(At(21)) == 52);
  // What has been copied, and what stood outside of the clone, is written without a fault.
  const uint64_t faults = a.table.counts().faults;
  REQUIRE(a.Poke(At(2), 53));
  REQUIRE(a.Poke(At(7), 54));
  CHECK(a.table.counts().faults <= faults + 1);
  CHECK(a.Verify() == absl::OkStatus());
  CHECK(b.Verify() == absl::OkStatus());
}

TEST_CASE("Snapshot: when the clone has gone, one fault makes all that was shared writable again") {
  Machine m;
  Space a(m.memory, 64);
  const Vmo parent = m.Make(8);
  REQUIRE(parent->Commit(ByteSize(0), Pages(8)).ok());
  REQUIRE(a.root->Map(MapAt(0, parent, 0, 8)).ok());
  REQUIRE(a.Poke(At(0), 1));
  Vmo child = Snapshot(parent, 0, 8);
  CHECK(a.Peek(At(1)) == 0);
  child.reset();
  const uint64_t faults = a.table.counts().faults;
  for (uint64_t page = 0; page < 8; ++page) REQUIRE(a.Poke(At(page), 2));
  CHECK(a.table.counts().faults == faults + 1);
  CHECK(m.used() == 8);
  CHECK(a.Verify() == absl::OkStatus());
}

TEST_CASE("Snapshot: write permission that is given back to a mapping doesn't reach pages that are shared") {
  Machine m;
  Space a(m.memory, 64);
  const Vmo parent = m.Make(4);
  REQUIRE(a.root->Map(MapAt(0, parent, 0, 4)).ok());
  for (uint64_t page = 0; page < 4; ++page) REQUIRE(a.Poke(At(page) + ByteSize(7), 1));
  const Vmo child = Snapshot(parent, 0, 4);
  REQUIRE(a.root->Protect(AtPages(0, 4), kR).ok());
  REQUIRE(a.root->Protect(AtPages(0, 4), kRW).ok());
  REQUIRE(a.Poke(At(1) + ByteSize(7), 2));
  CHECK(Get(*child, 1) == 1);
  CHECK(Get(*parent, 1) == 2);
  CHECK(a.Verify() == absl::OkStatus());
}

TEST_CASE("Snapshot: a write of the kernel that is under way goes on in the parent alone") {
  Machine m;
  const Vmo parent = m.Make(4);
  Put(*parent, 1, 1);
  Vmo child, blind;
  {
    auto pin = parent->Pin(Pages(1), Pages(2), Access::kWrite);
    REQUIRE(pin.ok());
    pin->data[7] = std::byte{2};
    child = Snapshot(parent, 0, 4);
    m.frames.FailAfter(1);
    CHECK(parent->CreateSnapshot(ByteSize(0), Pages(4), false).status().code() == StatusCode::kResourceExhausted);
    blind = Snapshot(parent, 3, 1);
    pin->data[7] = std::byte{3};
  }
  CHECK(Get(*child, 1) == 2);
  CHECK(Get(*parent, 1) == 3);
  CHECK(Get(*Snapshot(parent, 1, 1), 0) == 3);
  VerifyAll(m, {parent, child, blind});
}

TEST_CASE("Snapshot: of a write that has no frame for its copy nothing is left") {
  Machine m;
  Space a(m.memory, 64);
  const Vmo parent = m.Make(4);
  REQUIRE(a.root->Map(MapAt(0, parent, 0, 4)).ok());
  REQUIRE(a.Poke(At(1), 1));
  const Vmo child = Snapshot(parent, 0, 4);
  m.frames.FailAfter(1);
  CHECK(a.Store(At(1), {2}).code() == StatusCode::kResourceExhausted);
  a.table.FailPrepareAfter(1);
  CHECK(a.Store(At(1), {2}).code() == StatusCode::kResourceExhausted);
  m.frames.FailAfter(1);
  CHECK(child->Zero(Pages(1) + ByteSize(5), ByteSize(3)).code() == StatusCode::kResourceExhausted);
  CHECK(m.used() == 1);
  CHECK(Committed(parent) == 1);
  CHECK(a.Peek(At(1)) == 1);
  REQUIRE(a.Poke(At(1), 2));
  CHECK(m.used() == 2);
  CHECK(a.Verify() == absl::OkStatus());
}

TEST_CASE("Children are counted, heard of, and left to the parent of one that goes") {
  Machine m;
  struct Ear final : VmObject::ChildrenObserver {
    virtual ~Ear() = default;
    void OnChildren(bool any) override { heard.push_back(any); }
    std::vector<bool> heard;
  } ear;
  const Vmo parent = m.Make(4);
  parent->set_user_id(7);
  parent->ObserveChildren(&ear);
  Vmo child = Snapshot(parent, 0, 4);
  child->set_user_id(8);
  Vmo slice = Slice(child, 0, 1), snapshot = Snapshot(child, 0, 1);
  CHECK(parent->child_count() == 1);
  CHECK(child->child_count() == 2);
  CHECK(slice->parent_user_id() == 8);
  child.reset();
  CHECK(parent->child_count() == 2);
  CHECK(slice->parent_user_id() == 8);
  CHECK(parent->Decommit(ByteSize(0), Pages(1)).code() == StatusCode::kUnimplemented);
  slice.reset();
  snapshot.reset();
  CHECK(parent->child_count() == 0);
  CHECK(parent->Decommit(ByteSize(0), Pages(1)).ok());
  CHECK(ear.heard == std::vector<bool>{false, true, false});
  parent->ObserveChildren(nullptr);
}

TEST_CASE("A mapping keeps a child alive") {
  Machine m;
  Space a(m.memory, 64);
  const Vmo parent = m.Make(4);
  Put(*parent, 0, 4);
  REQUIRE(a.root->Map(MapAt(0, Snapshot(parent, 0, 4), 0, 4)).ok());
  CHECK(parent->child_count() == 1);
  CHECK(a.Peek(At(0) + ByteSize(7)) == 4);
  REQUIRE(a.root->Unmap(AtPages(0, 4)).ok());
  CHECK(parent->child_count() == 0);
}

TEST_CASE("Slice: what is done to it is done to its parent") {
  Machine m;
  Space a(m.memory, 64);
  const Vmo parent = m.Make(8);
  const Vmo slice = Slice(parent, 2, 4), inner = Slice(slice, 1, 2);
  Put(*inner, 0, 5);
  CHECK(Get(*parent, 3) == 5);
  CHECK(Get(*slice, 1) == 5);
  CHECK(Committed(parent) == 1);
  CHECK(Committed(slice) == 0);
  REQUIRE(a.root->Map(MapAt(0, slice, 0, 8)).ok());
  REQUIRE(a.root->Map(MapAt(20, parent, 0, 8)).ok());
  CHECK(a.Peek(At(1) + ByteSize(7)) == 5);
  REQUIRE(a.Poke(At(3), 6));
  CHECK(a.Peek(At(25)) == 6);
  // A mapping of it shows nothing of the parent beyond it.
  Put(*parent, 6, 7);
  CHECK(a.Peek(At(4)) == -1);
  CHECK(a.space->Pin(At(4), Pages(1), Access::kRead).status().code() == StatusCode::kOutOfRange);
  std::byte byte{};
  CHECK(slice->Read(Pages(4), {&byte, 1}).code() == StatusCode::kOutOfRange);
  CHECK(slice->mapping_count() == 1);
  CHECK(parent->mapping_count() == 1);
  REQUIRE(slice->Decommit(Pages(1), Pages(1)).ok());
  CHECK(a.Peek(At(23) + ByteSize(7)) == 0);
  CHECK(a.Verify() == absl::OkStatus());
}

TEST_CASE("Slice: outlives its parent, with what it shows and no more") {
  Machine m;
  Vmo parent = m.Make(8);
  REQUIRE(parent->Commit(ByteSize(0), Pages(8)).ok());
  Put(*parent, 3, 3);
  Vmo low = Slice(parent, 1, 3);
  const Vmo high = Slice(parent, 3, 3);
  parent.reset();
  CHECK(m.used() == 5);
  CHECK(Committed(low) == 3);
  CHECK(Committed(high) == 2);
  CHECK(Get(*low, 2) == 3);
  low.reset();
  CHECK(m.used() == 3);
  CHECK(Committed(high) == 3);
  CHECK(Get(*high, 0) == 3);
}

TEST_CASE("Slice: errors") {
  Machine m;
  const Vmo vmo = m.Make(4);
  const auto code = [](const Vmo& of, ByteSize offset, ByteSize size) {
    return of->CreateSlice(offset, size).status().code();
  };
  CHECK(code(vmo, ByteSize(1), Pages(1)) == StatusCode::kInvalidArgument);
  CHECK(code(vmo, Pages(3), Pages(2)) == StatusCode::kInvalidArgument);
  CHECK(code(vmo, Pages(3), ByteSize(4097)) == StatusCode::kInvalidArgument);
  CHECK(code(vmo, Pages(4), Pages(0)) == StatusCode::kOk);
  CHECK(code(vmo, Pages(1), ByteSize(~uint64_t{0})) == StatusCode::kOutOfRange);
  CHECK(code(m.Make(4, true), Pages(0), Pages(1)) == StatusCode::kUnimplemented);
  CHECK(code(Slice(vmo, 0, 2), Pages(1), Pages(2)) == StatusCode::kInvalidArgument);
}

TEST_CASE("Slice: a snapshot of one holds nothing of the parent beyond it") {
  Machine m;
  const Vmo parent = m.Make(8);
  for (uint8_t page = 0; page < 8; ++page) Put(*parent, page, 10 + page);
  const Vmo snapshot = Snapshot(Slice(parent, 2, 3), 1, 6);
  CHECK(Get(*snapshot, 0) == 13);
  CHECK(Get(*snapshot, 1) == 14);
  CHECK(Get(*snapshot, 2) == 0);
  // An offset that would come out before the slice if it were counted in bytes.
  const auto around = Slice(parent, 2, 3)->CreateSnapshot(ByteSize(0) - Pages(2), Pages(1), false);
  REQUIRE(around.ok());
  CHECK(Get(**around, 0) == 0);
}

TEST_CASE("Contiguous memory is committed for good, in a row, aligned") {
  Machine m;
  CHECK(VmObject::CreateContiguous(m.frames, ByteSize(0), 0).status().code() == StatusCode::kInvalidArgument);
  CHECK(VmObject::CreateContiguous(m.frames, Pages(100000), 0).status().code() == StatusCode::kResourceExhausted);
  Vmo vmo = *VmObject::CreateContiguous(m.frames, ByteSize(3 * kPageSize + 1), 16);
  CHECK(Committed(vmo) == 4);
  const auto runs = vmo->HoldForDevice(ByteSize(0), Pages(4));
  REQUIRE(runs.ok());
  REQUIRE(runs->size() == 1);
  CHECK((*runs)[0].first.value() % 16 == 0);
  CHECK(vmo->Decommit(ByteSize(0), Pages(1)).code() == StatusCode::kUnimplemented);
  Put(*vmo, 1, 1);
  Put(*vmo, 2, 2);
  REQUIRE(vmo->Zero(Pages(1), Pages(1)).ok());
  CHECK(Get(*vmo, 1) == 0);
  CHECK(Get(*vmo, 2) == 2);
  CHECK(Committed(vmo) == 4);
  vmo->DropForDevice(ByteSize(0), Pages(4));
  vmo.reset();
  CHECK(m.used() == 0);
}

TEST_CASE("Contiguous memory needs less than a byte for each page to know its frames") {
  constexpr uint64_t kPages = 2048;
  Machine m;
  const auto in_use = [] { return Pool::InUse() + mallinfo2().uordblks; };  // (a sanitizer's malloc isn't seen)
  m.Make(1);
  const size_t before = in_use();
  const Vmo vmo = *VmObject::CreateContiguous(m.frames, Pages(kPages), 12);
  const size_t after = in_use();
  CHECK(Committed(vmo) == kPages);
  CHECK(vmo->run_count() == 1);
  CHECK(after - before < kPages);
}

TEST_CASE("Physical memory shows frames, whoever has them, and what is handed out later is still clear") {
  Machine m;
  Vmo vmo = m.Make(2);
  Put(*vmo, 1, 9);
  const auto runs = vmo->HoldForDevice(ByteSize(0), Pages(2));
  REQUIRE(runs.ok());
  const FrameRun run{(*runs)[0].first, PageCount(1500)};
  Vmo physical = *VmObject::CreatePhysical(m.frames, run);
  CHECK(Committed(physical) == 0);
  CHECK(Get(*physical, 1) == 9);
  Put(*physical, 0, 8);
  CHECK(Get(*vmo, 0) == 8);
  for (uint64_t page = 2; page < 1500; ++page) Put(*physical, page, 7);
  vmo->DropForDevice(ByteSize(0), Pages(2));
  const Vmo other = m.Make(1000);
  REQUIRE(other->Commit(ByteSize(0), Pages(1000)).ok());
  for (uint64_t page = 0; page < 1000; ++page) REQUIRE(Get(*other, page) == 0);
  for (uint64_t page = 2; page < 1500; ++page) Put(*physical, page, 7);
  physical.reset();
  const Vmo rest = m.Make(2000);
  REQUIRE(rest->Commit(ByteSize(0), Pages(2000)).ok());
  for (uint64_t page = 0; page < 2000; ++page) REQUIRE(Get(*rest, page) == 0);
  CHECK(VmObject::CreatePhysical(m.frames, {FrameNumber(4000), PageCount(97)}).status().code() ==
        StatusCode::kOutOfRange);
  CHECK(VmObject::CreatePhysical(m.frames, {FrameNumber(0), PageCount(0)}).status().code() ==
        StatusCode::kInvalidArgument);
}

TEST_CASE("What a device holds is neither given back nor cut off; clearing it leaves its frames") {
  Machine m;
  const Vmo vmo = m.Make(8, /*resizable=*/true);
  Put(*vmo, 3, 3);
  const auto held = vmo->HoldForDevice(Pages(2), Pages(2));
  REQUIRE(held.ok());
  CHECK(Committed(vmo) == 2);
  CHECK(vmo->Decommit(Pages(3), Pages(1)).code() == StatusCode::kFailedPrecondition);
  CHECK(vmo->Decommit(Pages(4), Pages(1)).ok());
  CHECK(vmo->Resize(Pages(3)).code() == StatusCode::kFailedPrecondition);
  REQUIRE(vmo->Zero(Pages(2), Pages(2)).ok());
  CHECK(Get(*vmo, 3) == 0);
  CHECK(*vmo->HoldForDevice(Pages(2), Pages(2)) == *held);
  vmo->DropForDevice(Pages(2), Pages(2));
  CHECK(vmo->Resize(Pages(3)).code() == StatusCode::kFailedPrecondition);
  vmo->DropForDevice(Pages(2), Pages(2));
  CHECK(vmo->Resize(Pages(3)).ok());
}

TEST_CASE("Ten thousand clones of clones go in any order, and leave no frame") {
  Machine m(16384);
  for (const int order : {0, 1, 2}) {
    std::vector<Vmo> chain{m.Make(8)};
    for (int i = 0; i < 10'000; ++i) {
      Put(*chain.back(), static_cast<uint64_t>(i) % 8, 1);
      chain.push_back(Snapshot(chain.back(), 0, 8));
    }
    if (order == 1) std::reverse(chain.begin(), chain.end());
    if (order == 2) {
      uint64_t random = 5;
      for (size_t i = chain.size(); i > 1; --i) std::swap(chain[i - 1], chain[NextRandom(random) % i]);
    }
    while (chain.size() > 1) {
      chain.erase(chain.begin() + static_cast<long>(order == 0 ? 0 : chain.size() - 1));
      if (chain.size() % 1000 == 0) CHECK(chain.back()->Verify() == absl::OkStatus());
    }
    CHECK(m.used() <= 8);
    chain.clear();
    CHECK(m.used() == 0);
  }
}

TEST_CASE("Snapshots are whole while guests write: each is as if it had been copied at one time") {
  Machine m;
  Space a(m.memory, 64);
  const Vmo parent = m.Make(8);
  REQUIRE(a.root->Map(MapAt(0, parent, 0, 8)).ok());
  std::atomic<bool> stop{false};
  // Writes 1, 2, 3, ... to each page in turn, by the kernel's copies: at any time, values never increase with the page,
  // and differ by at most one.
  std::thread writer([&] {
    for (uint64_t value = 1; !stop; ++value) {
      for (uint64_t page = 0; page < 8; ++page) {
        const auto* bytes = reinterpret_cast<const std::byte*>(&value);
        if (!a.space->CopyOut(At(page), {bytes, 8}).ok()) return;
      }
    }
  });
  bool whole = true, same = true;
  for (int round = 0; round < 300; ++round) {
    const Vmo child = Snapshot(parent, 0, 8);
    uint64_t values[2][8];
    for (auto& row : values) {
      for (uint64_t page = 0; page < 8; ++page) {
        REQUIRE(child->Read(Pages(page), {reinterpret_cast<std::byte*>(&row[page]), 8}).ok());
      }
    }
    same &= std::equal(values[0], values[0] + 8, values[1]);
    for (uint64_t page = 1; page < 8; ++page) whole &= values[0][page] <= values[0][page - 1];
    whole &= values[0][0] - values[0][7] <= 1;
  }
  stop = true;
  writer.join();
  CHECK(whole);
  CHECK(same);
  CHECK(a.Verify() == absl::OkStatus());
}

}  // namespace
}  // namespace zirconia::mm
