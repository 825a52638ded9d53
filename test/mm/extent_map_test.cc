#include "mm/extent_map.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "mm/units.h"

namespace zirconia::mm {
namespace {

constexpr Protection kR = Protection::Read();
constexpr Protection kRW = Protection::ReadWrite();

VirtRange Pages(uint64_t first, uint64_t count) { return {VirtAddr(first * kPageSize), PageCount(count).bytes()}; }

Translation T(uint64_t first, uint64_t count, std::optional<uint64_t> frame, Protection p, bool realized = true) {
  return {Pages(first, count), frame ? std::optional(FrameNumber(*frame)) : std::nullopt, p, realized};
}

TEST_CASE("ExtentMap: neighbours whose frames continue are one extent, in any order of mapping") {
  ExtentMap map;
  map.Map(Pages(2, 1), FrameNumber(102), kR, true);
  map.Map(Pages(0, 1), FrameNumber(100), kR, true);
  CHECK(map.size() == 2);
  map.Map(Pages(1, 1), FrameNumber(101), kR, true);
  CHECK(map.Snapshot() == std::vector{T(0, 3, 100, kR)});
  CHECK(map.realized_size() == 1);
  CHECK(map.Verify().ok());
}

TEST_CASE("ExtentMap: neighbours that differ in frames, protection or realization stay apart") {
  ExtentMap map;
  map.Map(Pages(0, 1), FrameNumber(10), kR, true);
  map.Map(Pages(1, 1), FrameNumber(12), kR, true);
  map.Map(Pages(2, 1), FrameNumber(13), kRW, true);
  map.Map(Pages(3, 1), FrameNumber(14), kRW, false);
  map.MapZero(Pages(4, 1), kR, false);
  CHECK(map.size() == 5);
  CHECK(map.realized_size() == 3);
  CHECK(map.Verify().ok());
}

TEST_CASE("ExtentMap: mapping in the middle splits, and reports what it replaced") {
  ExtentMap map;
  map.Map(Pages(0, 10), FrameNumber(100), kR, true);
  PageTableEffects effects;
  map.Map(Pages(3, 4), FrameNumber(500), kRW, false, &effects);
  CHECK(effects.removed == std::vector{T(3, 4, 103, kR)});
  CHECK(effects.added == std::vector{T(3, 4, 500, kRW, false)});
  CHECK(effects.changed.empty());
  CHECK(map.Snapshot() == std::vector{T(0, 3, 100, kR), T(3, 4, 500, kRW, false), T(7, 3, 107, kR)});
  map.Map(Pages(3, 4), FrameNumber(103), kR, true);
  CHECK(map.Snapshot() == std::vector{T(0, 10, 100, kR)});
}

TEST_CASE("ExtentMap: unmapping goes over gaps and reports each piece") {
  ExtentMap map;
  map.Map(Pages(0, 4), FrameNumber(100), kR, true);
  map.MapZero(Pages(6, 4), kR, true);
  PageTableEffects effects;
  map.Unmap(Pages(2, 6), &effects);
  CHECK(effects.removed == std::vector{T(2, 2, 102, kR), T(6, 2, std::nullopt, kR)});
  CHECK(map.Snapshot() == std::vector{T(0, 2, 100, kR), T(8, 2, std::nullopt, kR)});
  map.Unmap(Pages(0, 100));
  CHECK(map.size() == 0);
  CHECK(map.realized_size() == 0);
}

TEST_CASE(
    "ExtentMap: protecting changes what differs, joins what became alike, and removes zeros that would be writable") {
  ExtentMap map;
  map.Map(Pages(0, 2), FrameNumber(100), kR, true);
  map.Map(Pages(2, 2), FrameNumber(102), kRW, true);
  map.MapZero(Pages(4, 2), kR, true);
  PageTableEffects effects;
  map.Protect(Pages(1, 4), kRW, &effects);
  REQUIRE(effects.changed.size() == 1);
  CHECK(effects.changed[0] == std::pair{T(1, 1, 101, kR), T(1, 1, 101, kRW)});
  CHECK(effects.removed == std::vector{T(4, 1, std::nullopt, kR)});
  CHECK(map.Snapshot() == std::vector{T(0, 1, 100, kR), T(1, 3, 101, kRW), T(5, 1, std::nullopt, kR)});
  map.Protect(Pages(0, 10), kR);
  CHECK(map.Snapshot() == std::vector{T(0, 4, 100, kR), T(5, 1, std::nullopt, kR)});
}

TEST_CASE("ExtentMap: a part can be marked unrealized and realized again") {
  ExtentMap map;
  map.Map(Pages(0, 8), FrameNumber(100), kR, true);
  map.SetRealized(Pages(2, 2), false);
  CHECK(map.Snapshot() == std::vector{T(0, 2, 100, kR), T(2, 2, 102, kR, false), T(4, 4, 104, kR)});
  CHECK(map.realized_size() == 2);
  map.SetRealized(Pages(0, 8), true);
  CHECK(map.size() == 1);
  CHECK(map.realized_size() == 1);
}

TEST_CASE("ExtentMap: finding gives whole extents, visiting gives the parts inside") {
  ExtentMap map;
  map.Map(Pages(2, 4), FrameNumber(100), kR, true);
  map.MapZero(Pages(8, 4), kR, true);
  CHECK(map.Find(VirtAddr(3 * kPageSize + 5)) == T(2, 4, 100, kR));
  CHECK_FALSE(map.Find(VirtAddr(6 * kPageSize)));
  CHECK(map.FindFrom(VirtAddr(6 * kPageSize)) == T(8, 4, std::nullopt, kR));
  CHECK(map.FindFrom(VirtAddr(3 * kPageSize)) == T(2, 4, 100, kR));
  CHECK_FALSE(map.FindFrom(VirtAddr(12 * kPageSize)));
  std::vector<Translation> seen;
  map.ForEach(Pages(4, 5), [&](const Translation& t) { return seen.push_back(t), true; });
  CHECK(seen == std::vector{T(4, 2, 102, kR), T(8, 1, std::nullopt, kR)});
  seen.clear();
  map.ForEach(Pages(0, 100), [&](const Translation& t) { return seen.push_back(t), false; });
  CHECK(seen.size() == 1);
}

TEST_CASE("ExtentMap: thousands of random edits agree with a plain map of pages, effects included") {
  struct Page {
    std::optional<uint64_t> frame;
    Protection protection;
    bool realized;
    bool operator==(const Page&) const = default;
  };
  using Model = std::map<uint64_t, Page>;
  const auto seed = GENERATE(1u, 2u, 3u);
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto pick = [&](uint64_t n) { return random() % n; };
  const auto add = [](Model& to, const Translation& t) {
    for (uint64_t i = 0; i < PageCount::Of(t.range.size).value(); ++i) {
      to.emplace(
          PageIndex::Of(ByteSize(t.range.base.value())).value() + i,
          Page{t.first_frame ? std::optional(t.first_frame->value() + i) : std::nullopt, t.protection, t.realized});
    }
  };
  ExtentMap map;
  Model model;
  for (int step = 0; step < 5000; ++step) {
    CAPTURE(step);
    Model before = model;
    const uint64_t first = pick(64), count = 1 + pick(12);
    const bool realized = pick(2) != 0;
    const Protection protection = pick(2) != 0 ? kR : kRW;
    PageTableEffects effects;
    switch (pick(5)) {
      case 0: {
        const uint64_t frame = first + 100 * pick(2);
        map.Map(Pages(first, count), FrameNumber(frame), protection, realized, &effects);
        for (uint64_t i = 0; i < count; ++i) model[first + i] = {frame + i, protection, realized};
        break;
      }
      case 1:
        map.MapZero(Pages(first, count), kR, realized, &effects);
        for (uint64_t i = 0; i < count; ++i) model[first + i] = {std::nullopt, kR, realized};
        break;
      case 2:
        map.Unmap(Pages(first, count), &effects);
        for (uint64_t i = 0; i < count; ++i) model.erase(first + i);
        break;
      case 3:
        map.Protect(Pages(first, count), protection, &effects);
        for (uint64_t i = 0; i < count; ++i) {
          const auto it = model.find(first + i);
          if (it == model.end()) continue;
          if (!it->second.frame && protection.write()) {
            model.erase(it);
          } else {
            it->second.protection = protection;
          }
        }
        break;
      default:
        map.SetRealized(Pages(first, count), realized);
        for (uint64_t i = 0; i < count; ++i) {
          if (const auto it = model.find(first + i); it != model.end()) it->second.realized = realized;
        }
        for (auto& [page, was] : before) {
          if (page >= first && page < first + count) was.realized = realized;  // reported by nobody
        }
    }
    REQUIRE(map.Verify() == absl::OkStatus());
    Model now;
    for (const Translation& t : map.Snapshot()) add(now, t);
    REQUIRE(now == model);
    Model replayed = before;
    Model pieces;
    for (const Translation& t : effects.removed) add(pieces, t);
    for (const auto& [page, what] : pieces) {
      REQUIRE(replayed.at(page) == what);
      replayed.erase(page);
    }
    for (const auto& [was, is] : effects.changed) {
      REQUIRE((was.range == is.range && was.first_frame == is.first_frame));
      Model old_pages, new_pages;
      add(old_pages, was);
      add(new_pages, is);
      for (const auto& [page, what] : old_pages) REQUIRE(replayed.at(page) == what);
      for (const auto& [page, what] : new_pages) replayed[page] = what;
    }
    for (const Translation& t : effects.added) add(replayed, t);
    REQUIRE(replayed == model);
  }
}

}  // namespace
}  // namespace zirconia::mm
