// Paged VMOs with a pager that only remembers: states of pages, requests, supply, writeback, resizing.
#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "test/mm/fake_source.h"
#include "test/mm/fixture.h"

namespace zirconia::mm {
namespace {

using absl::StatusCode;
using Need = PageSource::Need;
using Asked = std::vector<FakeSource::Asked>;

struct PagedTest {
  HeapPhysicalMemory memory{PageCount(256)};
  FrameAllocator frames{memory};
  Space space{memory, 64};
  std::shared_ptr<FakeSource> source = std::make_shared<FakeSource>();

  ~PagedTest() { CHECK(space.Verify() == absl::OkStatus()); }

  std::shared_ptr<VmObject> Make(uint64_t pages, bool trap_dirty, bool resizable = false) {
    return *VmObject::CreatePaged(frames, Pages(pages), resizable, source, trap_dirty);
  }
  // An anonymous VMO each page of which begins with `first_word` and its number.
  std::shared_ptr<VmObject> Aux(uint64_t pages, uint64_t first_word) {
    auto aux = *VmObject::Create(frames, Pages(pages), false);
    for (uint64_t i = 0; i < pages; ++i) REQUIRE(Put(*aux, i, first_word + i).ok());
    return aux;
  }
  void Supply(VmObject& vmo, uint64_t first, uint64_t count, uint64_t first_word) {
    REQUIRE(vmo.Supply(Range(first, count), *Aux(count, first_word), PageIndex(0)) == absl::OkStatus());
  }
  absl::Status Put(VmObject& vmo, uint64_t page, uint64_t word) {
    PageWait wait;
    return vmo.Write(Pages(page), {reinterpret_cast<const std::byte*>(&word), 8}, &wait);
  }
  // The word at a page's beginning; what an access says otherwise.
  absl::StatusOr<uint64_t> Get(VmObject& vmo, uint64_t page) {
    PageWait wait;
    uint64_t word = 0;
    const absl::Status s = vmo.Read(Pages(page), {reinterpret_cast<std::byte*>(&word), 8}, &wait);
    CHECK(absl::IsAborted(s) == (wait.request != nullptr));
    if (!s.ok()) return s;
    return word;
  }
  // What a fault at a page of the space says.
  absl::Status Touch(uint64_t page, Access access) {
    PageWait wait;
    return space.space->HandleFault(At(page), access, &wait);
  }
  std::vector<std::string> Dirty(VmObject& vmo) {
    std::vector<std::string> ranges;
    const auto dirty = vmo.DirtyRanges(PageRange::FromTo(PageIndex(0), PageIndex::Of(vmo.size())));
    REQUIRE(dirty.ok());
    for (const auto& r : dirty.value()) {
      ranges.push_back(std::to_string(r.pages.first.value()) + "+" + std::to_string(r.pages.count.value()) +
                       (r.zero ? "z" : ""));
    }
    return ranges;
  }
  void Check(const std::vector<std::shared_ptr<VmObject>>& vmos) const {
    CHECK(VerifyFrames(frames, vmos) == absl::OkStatus());
  }
};

using Ranges = std::vector<std::string>;

TEST_CASE_METHOD(PagedTest, "Absent pages are asked for, and nothing else happens", "[paged]") {
  const auto vmo = Make(8, false);
  CHECK(Get(*vmo, 3).status().code() == StatusCode::kAborted);
  CHECK(source->Take() == Asked{{Need::kRead, 3, 1}});
  CHECK(Put(*vmo, 3, 1).code() == StatusCode::kAborted);
  CHECK(source->Take() == Asked{{Need::kRead, 3, 1}});
  REQUIRE(space.root->Map(MapAt(0, vmo, 0, 8, kRW)).ok());
  CHECK(Touch(2, Access::kRead).code() == StatusCode::kAborted);
  CHECK(Touch(2, Access::kWrite).code() == StatusCode::kAborted);
  CHECK(source->Take() == Asked{{Need::kRead, 2, 1}, {Need::kRead, 2, 1}});
  PageWait wait;
  CHECK(vmo->Commit(Pages(1), Pages(4), &wait).code() == StatusCode::kAborted);
  CHECK(vmo->Zero(ByteSize(4000), Pages(2), &wait).code() == StatusCode::kAborted);
  CHECK(vmo->HoldForDevice(Pages(5), Pages(3), Access::kRead, &wait).status().code() == StatusCode::kAborted);
  CHECK(vmo->Pin(Pages(4), Pages(3), Access::kRead, &wait).status().code() == StatusCode::kAborted);
  CHECK(space.space->Pin(At(6), Pages(9), Access::kWrite, &wait).status().code() == StatusCode::kAborted);
  std::byte byte{};
  CHECK(space.space->CopyIn(At(7), {&byte, 1}, &wait).status().code() == StatusCode::kAborted);
  CHECK(space.space->CopyOut(At(7), {&byte, 1}, &wait).status().code() == StatusCode::kAborted);
  for (const bool to_vmo : {false, true}) {
    const auto other = *VmObject::Create(frames, Pages(8), false);
    const auto asked = source->asked.size();
    CHECK(space.space->Transfer(*other, Pages(0), At(7), Pages(1), to_vmo) == ByteSize(0));
    CHECK(source->asked.size() == asked);
  }
  CHECK(space.root->OpRange(VmAddressRegion::RangeOp::kCommit, AtPages(0, 8), &wait).code() == StatusCode::kAborted);
  CHECK(source->Take() == Asked{{Need::kRead, 1, 4},
                                {Need::kRead, 0, 3},
                                {Need::kRead, 5, 3},
                                {Need::kRead, 4, 3},
                                {Need::kRead, 6, 2},
                                {Need::kRead, 7, 1},
                                {Need::kRead, 7, 1},
                                {Need::kRead, 0, 8}});
  CHECK(frames.stats().used == PageCount(0));
  CHECK(space.table.Snapshot().empty());
  // Who can't wait is told so.
  CHECK(space.space->HandleFault(At(2), Access::kRead).code() == StatusCode::kUnavailable);
  source->gone = true;
  CHECK(Touch(2, Access::kRead).code() == StatusCode::kFailedPrecondition);
  CHECK(Get(*vmo, 2).status().code() == StatusCode::kFailedPrecondition);
}

TEST_CASE_METHOD(PagedTest, "Only what is missing is asked for, in one piece where it is one", "[paged]") {
  const auto vmo = Make(10, false);
  Supply(*vmo, 3, 2, 30);
  Supply(*vmo, 7, 1, 70);
  PageWait wait;
  CHECK(vmo->Commit(Pages(3), Pages(7), &wait).code() == StatusCode::kAborted);
  Supply(*vmo, 5, 2, 50);
  CHECK(vmo->Commit(Pages(3), Pages(7), &wait).code() == StatusCode::kAborted);
  CHECK(source->Take() == Asked{{Need::kRead, 5, 2}, {Need::kRead, 8, 2}});
  CHECK(vmo->Commit(Pages(3), Pages(5), &wait).ok());
}

TEST_CASE_METHOD(PagedTest, "Supplied pages move, and what is there stays", "[paged]") {
  const auto vmo = Make(8, false);
  const auto aux = Aux(6, 100);
  REQUIRE(space.root->Map(MapAt(0, vmo, 0, 8, kRW)).ok());
  REQUIRE(vmo->Supply(Range(2, 2), *aux, PageIndex(1)).ok());
  CHECK(source->TakeResolved() == Asked{{Need::kRead, 2, 2}});
  CHECK(aux->committed_pages() == PageCount(4));
  CHECK(vmo->committed_pages() == PageCount(2));
  CHECK(frames.stats().used == PageCount(6));
  REQUIRE(Touch(2, Access::kRead).ok());
  REQUIRE(Put(*vmo, 3, 7).ok());
  REQUIRE(vmo->Supply(Range(1, 4), *aux, PageIndex(2)).ok());  // page 2 of it is zeros now
  CHECK(*Get(*vmo, 1) == 0);
  CHECK(*Get(*vmo, 2) == 101);
  CHECK(*Get(*vmo, 3) == 7);
  CHECK(*Get(*vmo, 4) == 105);
  CHECK(aux->committed_pages() == PageCount(1));
  CHECK(frames.stats().used == PageCount(4));
  CHECK(*Get(*aux, 3) == 0);
  CHECK(Get(*vmo, 5).status().code() == StatusCode::kAborted);
  Check({vmo, aux});
}

TEST_CASE_METHOD(PagedTest, "Supplying takes no frame, however much of it is zeros", "[paged]") {
  const auto vmo = Make(200, false);
  const auto aux = *VmObject::Create(frames, Pages(200), false);
  REQUIRE(Put(*aux, 100, 5).ok());
  frames.FailAfter(1);
  REQUIRE(vmo->Supply(Range(0, 200), *aux, PageIndex(0)).ok());
  CHECK(frames.stats().used == PageCount(1));
  CHECK(*Get(*vmo, 100) == 5);
  CHECK(*Get(*vmo, 99) == 0);
  CHECK(Put(*vmo, 99, 1).code() == StatusCode::kResourceExhausted);
  CHECK(Dirty(*vmo).empty());
  CHECK(Put(*vmo, 99, 1).ok());
  CHECK(Dirty(*vmo) == Ranges{"99+1"});
  Check({vmo, aux});
}

TEST_CASE_METHOD(PagedTest, "What can't supply pages is refused, and keeps them", "[paged]") {
  const auto vmo = Make(8, false);
  const auto supply = [&](VmObject& from, uint64_t first = 0) {
    return vmo->Supply(Range(0, 2), from, PageIndex(first)).code();
  };
  const auto aux = Aux(4, 10);
  CHECK(supply(*aux, 3) == StatusCode::kOutOfRange);
  CHECK(vmo->Supply(Range(7, 2), *aux, PageIndex(0)).code() == StatusCode::kOutOfRange);
  CHECK(supply(**VmObject::CreatePhysical(frames, {FrameNumber(200), PageCount(2)})) == StatusCode::kUnimplemented);
  CHECK(supply(**VmObject::CreateContiguous(frames, Pages(2), 0)) == StatusCode::kFailedPrecondition);
  CHECK(supply(*vmo) == StatusCode::kFailedPrecondition);
  CHECK(supply(*Make(8, false)) == StatusCode::kFailedPrecondition);
  {
    const auto snapshot = *aux->CreateSnapshot(ByteSize(0), Pages(4), false);
    CHECK(supply(*aux) == StatusCode::kFailedPrecondition);
    CHECK(supply(*snapshot) == StatusCode::kFailedPrecondition);
  }
  {
    const auto slice = *aux->CreateSlice(ByteSize(0), Pages(4));
    CHECK(supply(*aux) == StatusCode::kFailedPrecondition);
    CHECK(supply(*slice) == StatusCode::kFailedPrecondition);
  }
  REQUIRE(space.root->Map(MapAt(0, aux, 0, 4, kRW)).ok());
  CHECK(supply(*aux) == StatusCode::kFailedPrecondition);
  REQUIRE(space.root->Unmap(AtPages(0, 4)).ok());
  REQUIRE(aux->HoldForDevice(Pages(1), Pages(1)).ok());
  CHECK(supply(*aux) == StatusCode::kFailedPrecondition);
  CHECK(aux->committed_pages() == PageCount(4));
  CHECK(supply(*aux, 2) == StatusCode::kOk);  // what a device reaches lies elsewhere
  aux->DropForDevice(Pages(1), Pages(1));
  {
    const auto write = aux->Pin(Pages(0), ByteSize(1), Access::kWrite);
    CHECK(supply(*aux) == StatusCode::kFailedPrecondition);
  }
  {
    // A snapshot that has gone, but the kernel writes to it still.
    auto snapshot = *aux->CreateSnapshot(ByteSize(0), Pages(4), false);
    const auto write = snapshot->Pin(Pages(0), ByteSize(1), Access::kWrite);
    snapshot.reset();
    CHECK(supply(*aux) == StatusCode::kOk);
  }
  CHECK(*Get(*vmo, 0) == 12);  // what came first
  Check({vmo, aux});
}

TEST_CASE_METHOD(PagedTest, "Without trapping, a first write makes a page dirty by itself", "[paged]") {
  const auto vmo = Make(6, false);
  Supply(*vmo, 0, 6, 10);
  REQUIRE(space.root->Map(MapAt(0, vmo, 0, 6, kRW)).ok());
  CHECK(Dirty(*vmo).empty());
  REQUIRE(Touch(1, Access::kRead).ok());
  CHECK_FALSE(vmo->Modified(false));
  REQUIRE(Touch(1, Access::kWrite).ok());
  REQUIRE(Put(*vmo, 3, 1).ok());
  CHECK(Dirty(*vmo) == Ranges{"1+1", "3+1"});
  CHECK(vmo->Modified(false));
  CHECK(vmo->MarkDirty(Range(0, 1)).code() == StatusCode::kUnimplemented);
  CHECK(source->Take().empty());
  Check({vmo});
}

TEST_CASE_METHOD(PagedTest, "A trapped first write asks before it is made", "[paged]") {
  const auto vmo = Make(6, true);
  Supply(*vmo, 0, 4, 10);
  REQUIRE(space.root->Map(MapAt(0, vmo, 0, 6, kRW)).ok());
  CHECK(Touch(1, Access::kWrite).code() == StatusCode::kAborted);
  CHECK(Put(*vmo, 2, 7).code() == StatusCode::kAborted);
  PageWait wait;
  CHECK(vmo->Zero(Pages(0), Pages(3), &wait).code() == StatusCode::kAborted);
  CHECK(vmo->HoldForDevice(Pages(0), Pages(2), Access::kWrite, &wait).status().code() == StatusCode::kAborted);
  CHECK(source->Take() ==
        Asked{{Need::kDirty, 1, 1}, {Need::kDirty, 2, 1}, {Need::kDirty, 0, 3}, {Need::kDirty, 0, 2}});
  CHECK(Dirty(*vmo).empty());
  CHECK_FALSE(vmo->Modified(false));
  CHECK(*Get(*vmo, 2) == 12);
  // Reading needs nothing.
  CHECK(Touch(1, Access::kRead).ok());
  CHECK(vmo->Commit(Pages(0), Pages(4), &wait).ok());

  CHECK(vmo->MarkDirty(Range(3, 2)).code() == StatusCode::kNotFound);
  CHECK(Dirty(*vmo).empty());
  source->TakeResolved();
  REQUIRE(vmo->MarkDirty(Range(1, 2)).ok());
  CHECK(source->TakeResolved() == Asked{{Need::kDirty, 1, 2}});
  CHECK(Dirty(*vmo) == Ranges{"1+2"});
  CHECK_FALSE(vmo->Modified(false));
  CHECK(Touch(1, Access::kWrite).ok());
  CHECK(Put(*vmo, 2, 7).ok());
  CHECK(vmo->Modified(false));
  CHECK(source->Take().empty());
  // A write that needs both reads first.
  CHECK(Put(*vmo, 4, 7).code() == StatusCode::kAborted);
  Supply(*vmo, 4, 1, 0);
  CHECK(Put(*vmo, 4, 7).code() == StatusCode::kAborted);
  CHECK(source->Take() == Asked{{Need::kRead, 4, 1}, {Need::kDirty, 4, 1}});
  Check({vmo});
}

TEST_CASE_METHOD(PagedTest, "Writeback cleans what isn't written to meanwhile", "[paged]") {
  const bool trap = GENERATE(false, true);
  const auto vmo = Make(4, trap);
  Supply(*vmo, 0, 4, 10);
  if (trap) REQUIRE(vmo->MarkDirty(Range(0, 4)).ok());
  REQUIRE(space.root->Map(MapAt(0, vmo, 0, 4, kRW)).ok());
  for (uint64_t page = 0; page < 4; ++page) REQUIRE(space.Store(At(page), {1}).ok());
  CHECK(Dirty(*vmo) == Ranges{"0+4"});
  auto write = vmo->Pin(Pages(3), ByteSize(8), Access::kWrite);
  REQUIRE(write.ok());
  REQUIRE(vmo->BeginWriteback(Range(0, 4), false).ok());
  CHECK(Dirty(*vmo) == Ranges{"0+4"});  // until it is done
  write = absl::UnknownError("");       // the copy that was under way ends
  // The next write is noticed.
  CHECK(Touch(1, Access::kWrite).code() == (trap ? StatusCode::kAborted : StatusCode::kOk));
  if (trap) {
    CHECK(source->Take() == Asked{{Need::kDirty, 1, 1}});
    REQUIRE(vmo->MarkDirty(Range(1, 1)).ok());
  }
  CHECK(space.Store(At(1), {2}).ok());
  REQUIRE(vmo->EndWriteback(Range(0, 4)).ok());
  CHECK(Dirty(*vmo) == Ranges{"1+1", "3+1"});
  REQUIRE(vmo->EndWriteback(Range(0, 4)).ok());  // nothing was begun
  CHECK(Dirty(*vmo) == Ranges{"1+1", "3+1"});
  CHECK(Touch(0, Access::kWrite).code() == (trap ? StatusCode::kAborted : StatusCode::kOk));
  CHECK(vmo->BeginWriteback(Range(3, 2), false).code() == StatusCode::kOutOfRange);
  CHECK(vmo->EndWriteback(Range(5, 0)).code() == StatusCode::kOutOfRange);
  Check({vmo});
}

TEST_CASE_METHOD(PagedTest, "Growth leaves dirty zeros, which are written back as such", "[paged]") {
  const bool trap = GENERATE(false, true);
  const auto vmo = Make(2, trap, /*resizable=*/true);
  REQUIRE(vmo->Resize(Pages(6)).ok());
  CHECK(Dirty(*vmo) == Ranges{"2+4z"});
  CHECK(vmo->Modified(false));
  REQUIRE(space.root->Map(MapAt(0, vmo, 0, 6, kRW)).ok());
  CHECK(*Get(*vmo, 3) == 0);
  REQUIRE(Touch(5, Access::kRead).ok());
  CHECK(frames.stats().used == PageCount(0));
  REQUIRE(Put(*vmo, 3, 9).ok());
  CHECK(Dirty(*vmo) == Ranges{"2+1z", "3+1", "4+2z"});
  REQUIRE(vmo->BeginWriteback(Range(0, 6), /*only_zeros=*/true).ok());
  CHECK(Touch(4, Access::kWrite).code() == (trap ? StatusCode::kAborted : StatusCode::kOk));
  REQUIRE(vmo->EndWriteback(Range(0, 6)).ok());
  CHECK(Dirty(*vmo) == (trap ? Ranges{"3+1"} : Ranges{"3+2"}));
  CHECK(*Get(*vmo, 2) == 0);  // clean zeros
  CHECK(Get(*vmo, 1).status().code() == StatusCode::kAborted);
  Check({vmo});
}

TEST_CASE_METHOD(PagedTest, "Shrinking resolves what is asked for beyond the end", "[paged]") {
  const auto vmo = Make(6, true, /*resizable=*/true);
  Supply(*vmo, 2, 2, 20);
  REQUIRE(space.root->Map(MapAt(0, vmo, 0, 6, kRW)).ok());
  REQUIRE(Touch(3, Access::kRead).ok());
  source->TakeResolved();
  REQUIRE(vmo->Resize(Pages(3)).ok());
  CHECK(source->TakeResolved() == Asked{{Need::kRead, 3, 3}, {Need::kDirty, 3, 3}});
  CHECK(Touch(3, Access::kRead).code() == StatusCode::kOutOfRange);
  CHECK(frames.stats().used == PageCount(1));
  // A part of the last page is overwritten, which is a write.
  PageWait wait;
  CHECK(vmo->Resize(Pages(2) + ByteSize(100), &wait).code() == StatusCode::kAborted);
  REQUIRE(vmo->MarkDirty(Range(2, 1)).ok());
  REQUIRE(vmo->Resize(Pages(2) + ByteSize(4), &wait).ok());
  CHECK(*Get(*vmo, 2) == 20);
  REQUIRE(vmo->Resize(Pages(6)).ok());
  CHECK(Dirty(*vmo) == Ranges{"2+1", "3+3z"});
  CHECK(*Get(*vmo, 3) == 0);
  Check({vmo});
}

TEST_CASE_METHOD(PagedTest, "Zeroing whole pages makes dirty zeros of them", "[paged]") {
  const auto vmo = Make(6, false);
  Supply(*vmo, 0, 6, 10);
  REQUIRE(space.root->Map(MapAt(0, vmo, 0, 6, kRW)).ok());
  for (uint64_t page = 0; page < 6; ++page) REQUIRE(Touch(page, Access::kRead).ok());
  REQUIRE(vmo->Zero(ByteSize(8), Pages(3)).ok());
  CHECK(Dirty(*vmo) == Ranges{"0+1", "1+2z", "3+1"});
  CHECK(*Get(*vmo, 0) == 10);
  CHECK(*Get(*vmo, 2) == 0);
  CHECK(*Get(*vmo, 3) == 0);  // its first eight bytes
  CHECK(frames.stats().used == PageCount(4));
  REQUIRE(vmo->HoldForDevice(Pages(4), Pages(1)).ok());
  REQUIRE(vmo->Zero(Pages(2), Pages(3)).ok());
  CHECK(Dirty(*vmo) == Ranges{"0+1", "1+1z", "2+3"});
  CHECK(*Get(*vmo, 4) == 0);
  vmo->DropForDevice(Pages(4), Pages(1));
  Check({vmo});
}

TEST_CASE_METHOD(PagedTest, "A reset of what is told of modification sees the next write, mapped or not", "[paged]") {
  const auto vmo = Make(2, false);
  Supply(*vmo, 0, 2, 10);
  REQUIRE(space.root->Map(MapAt(0, vmo, 0, 2, kRW)).ok());
  REQUIRE(space.Store(At(0), {1}).ok());
  REQUIRE(space.Store(At(1), {1}).ok());
  CHECK(vmo->Modified(true));
  CHECK_FALSE(vmo->Modified(false));
  REQUIRE(space.Load(At(1), 1).ok());
  CHECK_FALSE(vmo->Modified(false));
  REQUIRE(space.Store(At(1), {2}).ok());
  CHECK(vmo->Modified(true));
  REQUIRE(Put(*vmo, 0, 2).ok());
  CHECK(vmo->Modified(true));
  CHECK(space.Verify() == absl::OkStatus());
}

TEST_CASE_METHOD(PagedTest, "Eviction takes what is clean, and leaves what is dirty or a device's", "[paged]") {
  const auto vmo = Make(6, false);
  Supply(*vmo, 0, 5, 10);
  REQUIRE(Put(*vmo, 1, 1).ok());
  REQUIRE(vmo->HoldForDevice(Pages(3), Pages(1), Access::kRead).ok());
  REQUIRE(space.root->Map(MapAt(0, vmo, 0, 6, kRW)).ok());
  REQUIRE(Touch(4, Access::kRead).ok());
  vmo->EvictClean();
  CHECK(frames.stats().used == PageCount(2));
  CHECK(*Get(*vmo, 1) == 1);
  CHECK(*Get(*vmo, 3) == 13);
  CHECK(Get(*vmo, 0).status().code() == StatusCode::kAborted);
  CHECK(Touch(4, Access::kRead).code() == StatusCode::kAborted);
  vmo->DropForDevice(Pages(3), Pages(1));
  Check({vmo});
}

TEST_CASE_METHOD(PagedTest, "What else a paged VMO refuses, and its end", "[paged]") {
  auto vmo = Make(4, false);
  Supply(*vmo, 0, 4, 10);
  CHECK(vmo->Decommit(Pages(0), Pages(1)).code() == StatusCode::kUnimplemented);
  CHECK(vmo->CreateSnapshot(Pages(0), Pages(1), false).status().code() == StatusCode::kUnimplemented);
  CHECK((*vmo->CreateOverlay(Pages(0), Pages(1), false))->CreateSnapshot(Pages(0), Pages(1), false).status().code() ==
        StatusCode::kUnimplemented);
  CHECK(Aux(1, 1)->CreateOverlay(Pages(0), Pages(1), false).status().code() == StatusCode::kUnimplemented);
  CHECK(VmObject::CreatePaged(frames, VmObject::kMaxSize + ByteSize(1), false, source, false).status().code() ==
        StatusCode::kOutOfRange);
  CHECK(source->closed == 0);
  vmo.reset();
  CHECK(source->closed == 1);
  CHECK(frames.stats().used == PageCount(0));
}

TEST_CASE_METHOD(PagedTest, "What only clones of a closed VMO show is charged to the oldest of them", "[paged]") {
  auto vmo = Make(8, false);
  Supply(*vmo, 0, 4, 10);
  Supply(*vmo, 6, 1, 16);
  auto older = *vmo->CreateOverlay(Pages(0), Pages(3), false);
  auto younger = *vmo->CreateOverlay(Pages(1), Pages(7), false);
  auto grandchild = *younger->CreateOverlay(Pages(0), Pages(7), false);
  auto slice = *vmo->CreateSlice(Pages(3), Pages(1));
  REQUIRE(Put(*older, 1, 99).ok());  // a page of its own
  const auto charged = [&] {
    std::vector<uint64_t> all;
    for (const auto& v : {vmo, older, younger, grandchild, slice}) {
      all.push_back(v == nullptr ? 0 : v->committed_pages().value());
    }
    return all;
  };
  using Charged = std::vector<uint64_t>;
  CHECK(charged() == Charged{5, 1, 0, 0, 0});
  vmo = nullptr;
  CHECK(charged() == Charged{0, 3, 2, 0, 1});  // 0 and 2; 1 and 6; 3
  CHECK(younger->CommittedIn(Pages(0), Pages(1)) == PageCount(1));
  slice = nullptr;
  CHECK(charged() == Charged{0, 3, 3, 0, 0});
  older = nullptr;
  CHECK(charged() == Charged{0, 0, 4, 0, 0});
  REQUIRE(Put(*younger, 5, 98).ok());
  CHECK(charged() == Charged{0, 0, 4, 0, 0});  // the grandchild shows what its parent does
  younger = nullptr;
  CHECK(charged() == Charged{0, 0, 0, 4, 0});
  grandchild = nullptr;
  Check({});
}

}  // namespace
}  // namespace zirconia::mm
