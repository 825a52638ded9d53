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

// A GapTree, and the same as a plain set of pages.
struct CheckedGaps {
  explicit CheckedGaps(uint64_t pages) : free(pages) {}

  void Set(uint64_t first, uint64_t n, bool value) {
    value ? gaps.Insert(AtPages(first, n)) : gaps.Remove(AtPages(first, n));
    std::fill_n(free.begin() + static_cast<long>(first), n, value);
  }
  bool All(uint64_t first, uint64_t n, bool value) const {
    const auto begin = free.begin() + static_cast<long>(first);
    return std::all_of(begin, begin + static_cast<long>(n), [&](bool b) { return b == value; });
  }
  void CheckFindFirst(uint64_t want, uint64_t from) const {
    std::optional<VirtAddr> expected;
    for (uint64_t p = from, run = 0; p < free.size() && !expected; ++p) {
      run = free[p] ? run + 1 : 0;
      if (run == want) expected = At(p + 1 - want);
    }
    const auto found = gaps.FindFirst(Pages(want), At(from));
    REQUIRE(found.has_value() == expected.has_value());
    if (found) REQUIRE(std::max(found->base, At(from)) == *expected);
  }
  void CheckAll() const {
    REQUIRE(gaps.Verify() == absl::OkStatus());
    std::vector<bool> seen(free.size());
    gaps.ForEach([&](VirtRange gap) {
      std::fill_n(seen.begin() + static_cast<long>(PageCount::Of(gap.base - kBase).value()),
                  PageCount::Of(gap.size).value(), true);
    });
    REQUIRE(seen == free);
  }

  GapTree gaps;
  std::vector<bool> free;
};

TEST_CASE("GapTree: random insertions and removals agree with a plain set of pages") {
  uint64_t random = 7;
  const auto pick = [&](uint64_t n) { return NextRandom(random) % n; };
  // Tens of large gaps, and thousands of small ones.
  for (const auto& [pages, most] : {std::pair{200, 20}, std::pair{8000, 2}}) {
    CheckedGaps checked(pages);
    for (int step = 0; step < 30000; ++step) {
      const uint64_t first = pick(pages), n = 1 + pick(std::min<uint64_t>(most, pages - first));
      const bool all = checked.All(first, n, true);
      REQUIRE(checked.gaps.Contains(AtPages(first, n)) == all);
      if (all || checked.All(first, n, false)) checked.Set(first, n, !all);
      checked.CheckFindFirst(1 + pick(2 * most), pick(pages));
      if (step % 200 == 0) checked.CheckAll();
    }
    CHECK(checked.gaps.size() > static_cast<size_t>(pages) / 100);
  }
}

TEST_CASE("GapTree: thousands of gaps are made, joined, cut and filled in any order") {
  constexpr uint64_t kPages = 6000;
  uint64_t random = 11;
  enum Order { kAscending, kDescending, kShuffled };
  const auto in_order = [&](Order order, std::vector<uint64_t> pages) {
    if (order == kDescending) std::reverse(pages.begin(), pages.end());
    for (size_t i = pages.size(); order == kShuffled && i > 1; --i) {
      std::swap(pages[i - 1], pages[NextRandom(random) % i]);
    }
    return pages;
  };
  for (uint64_t stride : {2, 5}) {  // dense and sparse
    std::vector<uint64_t> singles, rest;
    for (uint64_t p = 0; p < kPages; ++p) (p % stride == 0 ? singles : rest).push_back(p);
    for (Order first : {kAscending, kDescending, kShuffled}) {
      for (Order second : {kAscending, kDescending, kShuffled}) {
        CheckedGaps checked(kPages);
        const auto set = [&](Order order, const std::vector<uint64_t>& pages, bool value) {
          size_t done = 0;
          for (uint64_t page : in_order(order, pages)) {
            checked.Set(page, 1, value);
            if (++done % 50 == 0) checked.CheckFindFirst(1 + NextRandom(random) % 8, NextRandom(random) % kPages);
            if (done % 500 == 0) checked.CheckAll();
          }
          checked.CheckAll();
        };
        set(first, singles, true);
        CHECK(checked.gaps.size() == singles.size());
        set(second, rest, true);
        CHECK(checked.gaps.size() == 1);
        set(second, singles, false);
        CHECK(checked.gaps.size() == singles.size());
        set(first, rest, false);
        CHECK(checked.gaps.size() == 0);
      }
    }
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
  MappingIndex index;
  for (int i = 0; i < 300; ++i) {
    mappings.push_back(std::make_unique<VmMapping>(nullptr, table, vmo));
    mappings.back()->first_page = PageIndex(pick(1000));
    mappings.back()->range.size = Pages(1 + pick(uint64_t{1} << pick(10)));
    index.Insert(*mappings.back());
  }
  std::vector<bool> in(300, true);
  for (int i = 0; i < 3000; ++i) {
    const PageIndex begin(pick(1500)), end = begin + PageCount(1 + pick(50));
    std::set<VmMapping*> expected, seen;
    for (size_t m = 0; m < 300; ++m) {
      VmMapping& mapping = *mappings[m];
      if (in[m] && mapping.first_page < end && begin < mapping.end_page()) expected.insert(&mapping);
    }
    index.ForEachIn(begin, end, [&](VmMapping& m) { REQUIRE(seen.insert(&m).second); });
    REQUIRE(seen == expected);
    const size_t m = pick(300);
    if (in[m]) {
      index.Erase(*mappings[m]);
    } else {
      index.Insert(*mappings[m]);
    }
    in[m] = !in[m];
    REQUIRE(index.Contains(*mappings[m]) == in[m]);
  }
}

}  // namespace
}  // namespace zirconia::mm
