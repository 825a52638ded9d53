#include "platform/host_page_table.h"

#include <sys/mman.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "test/platform/table_rig.h"
#include "test/platform/touch.h"

namespace zirconia::platform {
namespace {

using mm::Access;
using mm::FrameNumber;
using mm::PageCount;
using mm::PageTableEdit;
using mm::PageTableEffects;
using mm::Protection;
using mm::Translation;

constexpr Protection kRead = Protection::Read();
constexpr Protection kReadWrite = Protection::ReadWrite();

Translation Run(const TableRig& rig, uint64_t page, uint64_t count, std::optional<uint64_t> frame, Protection p,
                bool realized) {
  return {rig.Pages(page, count), frame.has_value() ? std::optional(FrameNumber(*frame)) : std::nullopt, p, realized};
}

TEST_CASE("Mapping what nobody touches costs no host call, and a touch realizes the whole run in one") {
  TableRig rig;
  const HostCallCounts mapping = rig.Counted([&] { rig.Map(10, 400, 100, kReadWrite); });
  CHECK(mapping.total() == 0);
  CHECK_FALSE(CanAccess(rig.Page(10), Access::kRead));

  const HostCallCounts touching = rig.Counted([&] { REQUIRE(rig.Realize(200, 1).ok()); });
  CHECK(touching.total() == 1);
  CHECK(touching[HostCall::kMmap] == 1);
  CHECK(rig.Read(10) == 100);
  CHECK(rig.Read(409) == 499);
  CHECK_FALSE(CanAccess(rig.Page(9), Access::kRead));
  CHECK_FALSE(CanAccess(rig.Page(410), Access::kRead));
  CHECK(rig.Counted([&] { REQUIRE(rig.Realize(10, 400).ok()); }).total() == 0);
  CHECK(rig.Counted([&] { rig.Map(0, 5, 0, kRead), rig.Protect(0, 5, kReadWrite), rig.Unmap(0, 5); }).total() == 0);
  rig.RealizeAndTouchAll();
}

TEST_CASE("One frame stands at two addresses with different protections") {
  TableRig rig;
  rig.Map(1, 1, 7, kReadWrite);
  rig.Map(5, 1, 7, kRead);
  REQUIRE(rig.Realize(0, 10).ok());
  const uint64_t value = 0x1234;
  std::memcpy(reinterpret_cast<void*>(rig.Page(1).value()), &value, sizeof value);
  CHECK(rig.Read(5) == value);
  CHECK(std::memcmp(rig.file().data(FrameNumber(7)), &value, sizeof value) == 0);
  CHECK_FALSE(CanAccess(rig.Page(5), Access::kWrite));
}

TEST_CASE("Code runs where execution is permitted and nowhere else") {
  TableRig rig;
  rig.file().data(FrameNumber(3))[0] = std::byte{0xc3};  // ret
  rig.Map(0, 1, 3, Protection::ReadExecute());
  rig.Map(1, 1, 3, kReadWrite);
  REQUIRE(rig.Realize(0, 2).ok());
  CHECK(CanAccess(rig.Page(0), Access::kExecute));
  CHECK_FALSE(CanAccess(rig.Page(1), Access::kExecute));
}

TEST_CASE("Unmapping leaves the reservation, in one call for all that is adjacent") {
  TableRig rig;
  rig.Map(10, 10, 0, kRead);
  rig.Map(20, 10, 500, kReadWrite);
  rig.Map(40, 10, 200, kRead);
  REQUIRE(rig.Realize(0, 100).ok());
  const HostCallCounts counts = rig.Counted([&] {
    rig.Edit({PageTableEdit::Unmap(rig.Pages(15, 5)), PageTableEdit::Unmap(rig.Pages(20, 5)),
              PageTableEdit::Unmap(rig.Pages(100, 50))});
  });
  CHECK(counts.total() == 1);
  CHECK(rig.Read(14) == 4);
  CHECK_FALSE(CanAccess(rig.Page(15), Access::kRead));
  CHECK_FALSE(CanAccess(rig.Page(24), Access::kRead));
  CHECK(rig.Read(25) == 505);
  CHECK(rig.Counted([&] {
             rig.Edit({PageTableEdit::Unmap(rig.Pages(40, 2)), PageTableEdit::Unmap(rig.Pages(44, 2))});
           })
            .total() == 2);
  CHECK(rig.Read(43) == 203);
  CHECK(rig.Counted([&] { rig.Unmap(0, TableRig::kPages); }).total() == 1);
  CHECK(rig.table().stats().host_mappings == 1);
}

TEST_CASE("What is realized is replaced in one call, at once") {
  TableRig rig;
  rig.Map(10, 20, 0, kRead);
  REQUIRE(rig.Realize(10, 20).ok());
  const HostCallCounts counts = rig.Counted([&] { rig.Map(12, 5, 300, kReadWrite); });
  CHECK(counts.total() == 1);
  CHECK(counts[HostCall::kMmap] == 1);
  CHECK(rig.Read(12) == 300);
  CHECK(rig.Read(11) == 1);
  CHECK(rig.Read(17) == 7);
}

TEST_CASE("Changing the protection of what is realized is one mprotect, across runs too") {
  TableRig rig;
  rig.Map(10, 10, 0, kReadWrite);
  rig.Map(20, 10, 100, kReadWrite);
  REQUIRE(rig.Realize(10, 20).ok());
  const HostCallCounts counts = rig.Counted([&] { rig.Protect(5, 20, kRead); });
  CHECK(counts.total() == 1);
  CHECK(counts[HostCall::kMprotect] == 1);
  CHECK_FALSE(CanAccess(rig.Page(10), Access::kWrite));
  CHECK_FALSE(CanAccess(rig.Page(24), Access::kWrite));
  CHECK(CanAccess(rig.Page(25), Access::kWrite));
  rig.Protect(10, 20, Protection::None());
  CHECK_FALSE(CanAccess(rig.Page(10), Access::kRead));
  rig.Protect(10, 20, kReadWrite);
  CHECK(rig.Read(20) == 100);
  rig.RealizeAndTouchAll();
}

TEST_CASE("A mapping without any permission needs nothing of the host") {
  TableRig rig;
  rig.Map(10, 10, 0, Protection::None());
  CHECK(rig.Counted([&] { REQUIRE(rig.Realize(0, 100).ok()); }).total() == 0);
  CHECK(rig.table().Query(rig.Page(10)) == Run(rig, 10, 10, 0, Protection::None(), true));
  rig.Protect(10, 10, kRead);
  rig.RealizeAndTouchAll();
}

TEST_CASE("Neighbouring frames make one host mapping, in whatever order they are mapped") {
  TableRig rig;
  for (const uint64_t page : {3, 1, 2, 7, 5, 6, 4}) {
    rig.Map(page, 1, 100 + page, kReadWrite);
    REQUIRE(rig.Realize(page, 1).ok());
  }
  CHECK(rig.table().stats().host_mappings == 3);
  CHECK(rig.table().Snapshot() == std::vector{Run(rig, 1, 7, 101, kReadWrite, true)});
}

TEST_CASE("Zeros are the readable reservation, without a frame, until a write replaces a page") {
  TableRig rig;
  rig.MapZero(10, 100, kRead);
  const HostCallCounts counts = rig.Counted([&] { REQUIRE(rig.Realize(50, 1).ok()); });
  CHECK(counts.total() == 1);
  CHECK(counts[HostCall::kMprotect] == 1);
  CHECK(rig.Read(109) == 0);
  CHECK_FALSE(CanAccess(rig.Page(50), Access::kWrite));
  CHECK(rig.Counted([&] { rig.Map(50, 1, 8, kReadWrite); }).total() == 1);
  CHECK(rig.Read(50) == 8);
  CHECK(rig.Read(51) == 0);
  rig.MapZero(50, 1, kRead);
  CHECK(rig.Read(50) == 0);
  rig.Protect(10, 50, kReadWrite);
  CHECK_FALSE(CanAccess(rig.Page(10), Access::kRead));
  CHECK(CanAccess(rig.Page(60), Access::kRead));
  rig.RealizeAndTouchAll();
}

TEST_CASE("Translations are reported with the part that is realized") {
  TableRig rig(1000, {.realize_block = PageCount(4)});
  rig.Map(8, 16, 100, kReadWrite);
  REQUIRE(rig.Realize(13, 1).ok());
  CHECK(rig.table().Snapshot() == std::vector{Run(rig, 8, 4, 100, kReadWrite, false),
                                              Run(rig, 12, 4, 104, kReadWrite, true),
                                              Run(rig, 16, 8, 108, kReadWrite, false)});
  CHECK(rig.table().Query(rig.Page(20)) == Run(rig, 16, 8, 108, kReadWrite, false));
  CHECK(rig.table().Query(rig.Page(13)) == Run(rig, 12, 4, 104, kReadWrite, true));
  CHECK(rig.table().Query(rig.Page(7)) == std::nullopt);
  const HostPageTable::Stats stats = rig.table().stats();
  CHECK(stats.extents == 1);
  CHECK(stats.realized == 1);
  CHECK(stats.unrealized == 2);
  CHECK(stats.heals == 1);
}

TEST_CASE("Edits state what they did") {
  TableRig rig;
  PageTableEffects effects;
  rig.Edit({PageTableEdit::Map(rig.Pages(0, 8), FrameNumber(10), kReadWrite)}, &effects);
  CHECK(effects.added == std::vector{Run(rig, 0, 8, 10, kReadWrite, false)});
  CHECK(effects.removed.empty());
  REQUIRE(rig.Realize(0, 8).ok());

  effects = {};
  rig.Edit(
      {PageTableEdit::Map(rig.Pages(2, 2), FrameNumber(50), kRead), PageTableEdit::Protect(rig.Pages(6, 4), kRead)},
      &effects);
  CHECK(effects.added == std::vector{Run(rig, 2, 2, 50, kRead, true)});
  CHECK(effects.removed == std::vector{Run(rig, 2, 2, 12, kReadWrite, true)});
  REQUIRE(effects.changed.size() == 1);
  CHECK(effects.changed[0].first == Run(rig, 6, 2, 16, kReadWrite, true));
  CHECK(effects.changed[0].second == Run(rig, 6, 2, 16, kRead, true));

  effects = {};
  rig.Edit({PageTableEdit::Unmap(rig.Pages(0, 100))}, &effects);
  CHECK(effects.removed.size() == 4);
}

TEST_CASE("Filling the host's page tables on request spares the faults") {
  TableRig rig(1000, {.populate = true});
  rig.Map(0, 64, 0, kReadWrite);
  const HostCallCounts counts = rig.Counted([&] { REQUIRE(rig.Realize(0, 32).ok()); });
  CHECK(counts[HostCall::kMmap] == 1);
  CHECK(counts[HostCall::kMadvise] == 1);
  rig.RealizeAndTouchAll();
}

TEST_CASE("A table puts the reservation back when it dies") {
  TableRig rig;
  auto window = Window::Create(rig.linux_host, mm::ByteSize(64 * mm::kPageSize));
  REQUIRE(window.ok());
  {
    HostPageTable table(**window, rig.file(), rig.budget);
    table.Commit(std::vector{PageTableEdit::Map((*window)->range(), FrameNumber(0), kRead)});
    REQUIRE(table.Realize((*window)->range()).ok());
    CHECK(CanAccess((*window)->range().base, Access::kRead));
  }
  CHECK_FALSE(CanAccess((*window)->range().base, Access::kRead));
  HostPageTable again(**window, rig.file(), rig.budget);
  CHECK(again.Verify().ok());
}

TEST_CASE("Verify sees a host mapping that was lost, changed or put in behind the table's back") {
  TableRig rig;
  rig.Map(0, 8, 0, kRead);
  rig.MapZero(16, 4, kRead);
  REQUIRE(rig.Realize(0, 32).ok());
  REQUIRE(rig.table().Verify().ok());
  const uintptr_t page = rig.Page(3).value();
  const auto put_back = [&] {
    REQUIRE(
        rig.linux_host.Mmap(page, mm::kPageSize, PROT_READ, MAP_SHARED | MAP_FIXED, rig.file().fd(), 3 * mm::kPageSize)
            .ok());
    REQUIRE(rig.table().Verify().ok());
  };

  REQUIRE(rig.linux_host.Munmap(page, mm::kPageSize).ok());
  CHECK_THAT(std::string(rig.table().Verify().message()), Catch::Contains("hole"));
  put_back();
  REQUIRE(rig.linux_host.Mprotect(page, mm::kPageSize, PROT_READ | PROT_WRITE).ok());
  CHECK_THAT(std::string(rig.table().Verify().message()), Catch::Contains("recorded"));
  put_back();
  REQUIRE(rig.linux_host.Mmap(page, mm::kPageSize, PROT_READ, MAP_SHARED | MAP_FIXED, rig.file().fd(), 0).ok());
  CHECK_THAT(std::string(rig.table().Verify().message()), Catch::Contains("recorded"));
  put_back();
  REQUIRE(rig.linux_host.Mmap(page, mm::kPageSize, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0).ok());
  CHECK_THAT(std::string(rig.table().Verify().message()), Catch::Contains("stranger"));
  put_back();
}

}  // namespace
}  // namespace zirconia::platform
