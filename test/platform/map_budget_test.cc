#include "platform/map_budget.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "test/platform/table_rig.h"
#include "test/platform/touch.h"

namespace zirconia::platform {
namespace {

using mm::Access;
using mm::FrameNumber;
using mm::PageTableEdit;
using mm::Protection;

constexpr Protection kRead = Protection::Read();
constexpr Protection kReadWrite = Protection::ReadWrite();

// Maps every page of the window so that no two can be one host mapping.
void MapScattered(TableRig& rig) {
  for (uint64_t page = 0; page < TableRig::kPages; ++page) {
    rig.Map(page, 1, TableRig::kFrames - 1 - page, page % 2 == 0 ? kRead : kReadWrite);
  }
}

TEST_CASE("The budget's limit leaves a reserve below the host's own limit") {
  LinuxHost host;
  CHECK(MapBudget::DefaultLimit(host) > 1000);
  CHECK(MapBudget::DefaultLimit(host) < 65530 + 1);
}

TEST_CASE("Charges beyond the limit are refused, and the limit can be used to the last") {
  MapBudget budget(10);
  CHECK(budget.TryCharge(7));
  CHECK_FALSE(budget.TryCharge(4));
  CHECK(budget.TryCharge(3));
  CHECK(budget.used() == 10);
  CHECK_FALSE(budget.MakeRoom(1));
  budget.Release(10);
  CHECK(budget.used() == 0);
}

TEST_CASE("More mappings than the budget allows come and go by touch, with every byte right") {
  for (const uint64_t limit : {8, 20, 64, 300}) {
    TableRig rig(limit);
    MapScattered(rig);
    for (int round = 0; round < 3; ++round) {
      for (uint64_t i = 0; i < TableRig::kPages; ++i) {
        const uint64_t page = i * 37 % TableRig::kPages;
        REQUIRE(rig.Realize(page, 1).ok());
        REQUIRE(rig.Read(page) == TableRig::kFrames - 1 - page);
        REQUIRE(rig.budget.used() <= limit);
      }
      rig.Check();
    }
    rig.RealizeAndTouchAll();
    CHECK(rig.table().stats().evictions > 0);
    CHECK(rig.table().stats().host_mappings <= limit);
  }
}

TEST_CASE("With the budget spent, taking away still works at once, and nothing is lost") {
  TableRig rig(7);
  rig.Map(0, 400, 0, kReadWrite);
  REQUIRE(rig.Realize(0, 400).ok());
  // Every second page: each needs two host mappings more than there were.
  for (uint64_t page = 1; page < 400; page += 2) {
    rig.Unmap(page, 1);
    REQUIRE_FALSE(CanAccess(rig.Page(page), Access::kRead));
    REQUIRE(rig.table().stats().host_mappings <= 7);
  }
  rig.Check();
  CHECK(rig.table().stats().revoked_wider > 0);
  for (uint64_t page = 0; page < 400; page += 4) {
    rig.Protect(page, 1, kRead);
    REQUIRE_FALSE(CanAccess(rig.Page(page), Access::kWrite));
  }
  rig.RealizeAndTouchAll();
}

TEST_CASE("A table that needs room evicts in another table that has more") {
  TableRig rig(100);
  auto window = Window::Create(rig.linux_host, mm::ByteSize(64 * mm::kPageSize));
  REQUIRE(window.ok());
  HostPageTable other(**window, rig.file(), rig.budget);
  MapScattered(rig);
  for (uint64_t page = 0; page < TableRig::kPages; ++page) REQUIRE(rig.Realize(page, 1).ok());
  const uint64_t before = rig.table().stats().host_mappings;
  for (uint64_t i = 0; i < 40; ++i) {
    const mm::VirtRange page{(*window)->range().base + mm::PageCount(i).bytes(), mm::ByteSize(mm::kPageSize)};
    const std::vector edits{PageTableEdit::Map(page, FrameNumber(500 - i), kRead)};
    auto reservation = other.Prepare(edits);
    REQUIRE(reservation.ok());
    other.Commit(edits, *std::move(reservation), nullptr);
    REQUIRE(other.Realize(page).ok());
  }
  CHECK(other.Verify().ok());
  CHECK(other.stats().host_mappings > 40);
  CHECK(rig.table().stats().host_mappings < before);
  rig.RealizeAndTouchAll();
}

TEST_CASE("A preparation that finds no room changes nothing, and what was prepared is given back") {
  TableRig rig(6);
  rig.Map(0, 100, 0, kReadWrite);
  REQUIRE(rig.Realize(0, 100).ok());
  const uint64_t used = rig.budget.used();
  std::vector<PageTableEdit> edits;
  for (uint64_t page = 1; page < 20; page += 2) edits.push_back(PageTableEdit::Protect(rig.Pages(page, 1), kRead));
  CHECK(rig.table().Prepare(edits).status().code() == absl::StatusCode::kResourceExhausted);
  rig.Check();
  edits.resize(1);
  {
    auto reservation = rig.table().Prepare(edits);
    REQUIRE(reservation.ok());
  }
  CHECK(rig.budget.used() <= used);
}

TEST_CASE("Where no mapping at all fits, realizing reports it and the translations stay") {
  TableRig rig(1);
  rig.Map(10, 1, 5, kRead);
  CHECK(rig.Realize(10, 1).code() == absl::StatusCode::kResourceExhausted);
  rig.Check();
}

TEST_CASE("Large runs are spared by eviction as long as small ones are left") {
  TableRig rig(20);
  auto window = Window::Create(rig.linux_host, mm::ByteSize(1024 * mm::kPageSize));
  REQUIRE(window.ok());
  HostPageTable large(**window, rig.file(), rig.budget);
  large.Commit(std::vector{PageTableEdit::Map((*window)->range(), FrameNumber(0), kRead)});
  REQUIRE(large.Realize((*window)->range()).ok());
  MapScattered(rig);
  for (uint64_t page = 0; page < TableRig::kPages; ++page) REQUIRE(rig.Realize(page, 1).ok());
  CHECK(rig.table().stats().evictions > 0);
  CHECK(large.stats().evictions == 0);
}

TEST_CASE("A guest that works on a few pages keeps them, while it walks through more than fits") {
  constexpr uint64_t kHot = 16;
  TableRig rig(100);
  MapScattered(rig);
  uint64_t walked = 0, came_back = 0;
  for (int round = 0; round < 4; ++round) {
    for (uint64_t page = kHot; page < TableRig::kPages; ++page, ++walked) {
      REQUIRE(rig.Realize(page, 1).ok());
      for (uint64_t hot = 0; hot < kHot; ++hot) {
        if (CanAccess(rig.Page(hot), Access::kRead)) continue;
        ++came_back;
        REQUIRE(rig.Realize(hot, 1).ok());
      }
    }
  }
  // Were they evicted whenever something is, that would be many times more.
  CHECK(came_back < walked / 2);
  CHECK(rig.table().stats().evictions > walked / 2);
}

TEST_CASE("A host that takes nothing back is asked a few times, not once for each mapping") {
  TableRig rig(64);
  MapScattered(rig);
  for (uint64_t page = 0; page < 60; ++page) REQUIRE(rig.Realize(page, 1).ok());
  FaultyHost::Plan plan;
  plan.times = ~uint64_t{0} / 2;
  plan.kinds = {HostCall::kMmap, HostCall::kMunmap};
  rig.faulty.Fail(plan);
  const HostCallCounts calls = rig.Counted([&] { CHECK_FALSE(rig.budget.MakeRoom(1)); });
  const uint64_t refused = rig.faulty.counts().total_fired();
  rig.faulty.StopFailing();
  CHECK(refused > 0);
  CHECK(refused <= 16);
  CHECK(calls[HostCall::kMmap] == 0);
  rig.RealizeAndTouchAll();
}

}  // namespace
}  // namespace zirconia::platform
