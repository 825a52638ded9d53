// The ordered containers of mm, each against a plain one.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "mm/bitmap.h"
#include "mm/gap_tree.h"
#include "mm/mapping_index.h"
#include "mm/random.h"
#include "mm/vm_mapping.h"
#include "test/mm/fixture.h"

namespace zirconia::mm {
namespace {

TEST_CASE("Bitmap: ranges are set, counted and found across words") {
  Bitmap bits(300);
  bits.Assign(60, 140, true);
  bits.Assign(100, 1, false);
  CHECK(bits.Count(0, 300) == 139);
  CHECK(bits.Find(true, 0, 300) == 60);
  CHECK(bits.Find(false, 60, 300) == 100);
  CHECK(bits.Find(false, 101, 300) == 200);
  CHECK(bits.Find(true, 200, 300) == 300);
  CHECK(bits.All(true, 101, 99));
  CHECK_FALSE(bits.All(true, 99, 2));
}

TEST_CASE("NumberSet: gives its least number, at every size") {
  uint64_t random = 1;
  for (uint64_t limit : {1u, 63u, 64u, 65u, 5000u, 300000u}) {
    NumberSet set(limit);
    std::set<uint64_t> model;
    for (int i = 0; i < 2000; ++i) {
      const uint64_t n = NextRandom(random) % limit;
      REQUIRE(set.Contains(n) == (model.count(n) != 0));
      if (model.erase(n) != 0) {
        set.Erase(n);
      } else {
        model.insert(n);
        set.Insert(n);
      }
      REQUIRE(set.size() == model.size());
      if (!model.empty()) REQUIRE(set.Least() == *model.begin());
    }
    CHECK_FALSE(set.Contains(limit));
  }
}

TEST_CASE("GapTree: finds the lowest range that is large enough") {
  GapTree gaps;
  gaps.Insert(AtPages(0, 2));
  gaps.Insert(AtPages(10, 5));
  gaps.Insert(AtPages(20, 3));
  gaps.Insert(AtPages(15, 1));
  CHECK(gaps.size() == 3);
  CHECK(gaps.FindFirst(Pages(3), kBase) == AtPages(10, 6));
  CHECK(gaps.FindFirst(Pages(3), At(13)) == AtPages(10, 6));
  CHECK(gaps.FindFirst(Pages(3), At(14)) == AtPages(20, 3));
  CHECK_FALSE(gaps.FindFirst(Pages(7), kBase));
  gaps.Remove(AtPages(11, 2));
  CHECK(gaps.At(At(10)) == AtPages(10, 1));
  CHECK_FALSE(gaps.At(At(12)));
  CHECK(gaps.Contains(AtPages(13, 3)));
  CHECK_FALSE(gaps.Contains(AtPages(13, 4)));
}

TEST_CASE("GapTree: random insertions and removals agree with a plain set of pages") {
  uint64_t random = 7;
  const auto pick = [&](uint64_t n) { return NextRandom(random) % n; };
  GapTree gaps;
  std::vector<bool> free(200);
  for (int step = 0; step < 20000; ++step) {
    const uint64_t first = pick(200), n = 1 + pick(std::min<uint64_t>(20, 200 - first));
    const auto begin = free.begin() + static_cast<long>(first);
    const bool all = std::all_of(begin, begin + static_cast<long>(n), [](bool b) { return b; });
    REQUIRE(gaps.Contains(AtPages(first, n)) == all);
    if (all) {
      gaps.Remove(AtPages(first, n));
      std::fill_n(begin, n, false);
    } else if (std::none_of(begin, begin + static_cast<long>(n), [](bool b) { return b; })) {
      gaps.Insert(AtPages(first, n));
      std::fill_n(begin, n, true);
    }
    const uint64_t want = 1 + pick(30), from = pick(200);
    std::optional<VirtAddr> expected;
    for (uint64_t p = from; p + want <= 200 && !expected; ++p) {
      const auto at = free.begin() + static_cast<long>(p);
      if (std::all_of(at, at + static_cast<long>(want), [](bool b) { return b; })) expected = At(p);
    }
    const auto found = gaps.FindFirst(Pages(want), At(from));
    REQUIRE(found.has_value() == expected.has_value());
    if (found) REQUIRE(std::max(found->base, At(from)) == *expected);
    if (step % 50 == 0) REQUIRE(gaps.Verify() == absl::OkStatus());
  }
}

TEST_CASE("MappingIndex: finds exactly what overlaps") {
  uint64_t random = 3;
  const auto pick = [&](uint64_t n) { return NextRandom(random) % n; };
  HeapPhysicalMemory memory(PageCount(1));
  FrameAllocator frames(memory);
  SoftwarePageTable table(AtPages(0, 1), memory);
  const std::shared_ptr<VmObject> vmo = *VmObject::Create(frames, ByteSize(0), false);
  std::vector<std::unique_ptr<VmMapping>> mappings;
  std::vector<std::pair<PageIndex, PageIndex>> ranges;
  MappingIndex index;
  for (int i = 0; i < 300; ++i) {
    mappings.push_back(std::make_unique<VmMapping>(nullptr, table, vmo));
    const PageIndex first(pick(1000));
    ranges.emplace_back(first, first + PageCount(1 + pick(uint64_t{1} << pick(10))));
    index.Insert(ranges.back().first, ranges.back().second, mappings.back().get());
  }
  std::vector<bool> in(300, true);
  for (int i = 0; i < 3000; ++i) {
    const PageIndex begin(pick(1500)), end = begin + PageCount(1 + pick(50));
    std::set<VmMapping*> expected, seen;
    for (size_t m = 0; m < 300; ++m) {
      if (in[m] && ranges[m].first < end && begin < ranges[m].second) expected.insert(mappings[m].get());
    }
    index.ForEachIn(begin, end, [&](VmMapping& m) { REQUIRE(seen.insert(&m).second); });
    REQUIRE(seen == expected);
    const size_t m = pick(300);
    if (in[m]) {
      index.Erase(ranges[m].first, ranges[m].second, mappings[m].get());
    } else {
      index.Insert(ranges[m].first, ranges[m].second, mappings[m].get());
    }
    in[m] = !in[m];
    REQUIRE(index.Contains(ranges[m].first, ranges[m].second, mappings[m].get()) == in[m]);
  }
}

}  // namespace
}  // namespace zirconia::mm
