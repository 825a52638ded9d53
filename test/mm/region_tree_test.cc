// RegionTree against a plain map and a plain set of pages.
#include "mm/region_tree.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <iterator>
#include <map>
#include <vector>

#include "mm/random.h"
#include "test/mm/fixture.h"

namespace zirconia::mm {
namespace {

// Children of any address will do: the tree doesn't look at them.
RegionChild ChildOf(uint64_t page) {
  const uintptr_t address = 64 * (page + 1);
  return page % 2 == 0 ? RegionChild(reinterpret_cast<VmMapping*>(address))         // NOLINT(performance-no-int-to-ptr)
                       : RegionChild(reinterpret_cast<VmAddressRegion*>(address));  // NOLINT(performance-no-int-to-ptr)
}
bool Same(RegionChild a, RegionChild b) { return a.mapping() == b.mapping() && a.region() == b.region(); }

TEST_CASE("RegionTree: finds what stands at an address, and the lowest gap that is large enough") {
  RegionTree::Nodes nodes;
  RegionTree tree(AtPages(0, 30), nodes);
  CHECK(tree.GapAt(kBase) == AtPages(0, 30));
  tree.Insert(AtPages(0, 2), ChildOf(0));
  tree.Insert(AtPages(10, 5), ChildOf(10));
  tree.Insert(AtPages(15, 1), ChildOf(15));
  CHECK(tree.size() == 3);
  CHECK(tree.Find(At(14))->range == AtPages(10, 5));
  CHECK(Same(tree.Find(At(15))->child, ChildOf(15)));
  CHECK_FALSE(tree.Find(At(2)));
  CHECK(tree.GapAt(At(2)) == AtPages(2, 8));
  CHECK_FALSE(tree.GapAt(At(1)));
  CHECK(tree.IsFree(AtPages(2, 8)));
  CHECK_FALSE(tree.IsFree(AtPages(2, 9)));
  CHECK_FALSE(tree.IsFree(AtPages(1, 1)));
  CHECK(tree.FindGap(Pages(8), kBase) == AtPages(2, 8));
  CHECK(tree.FindGap(Pages(8), At(3)) == AtPages(16, 14));
  CHECK(tree.FindGap(Pages(9), kBase) == AtPages(16, 14));
  CHECK_FALSE(tree.FindGap(Pages(15), kBase));
  tree.SetEnd(At(10), At(12));
  CHECK(tree.GapAt(At(12)) == AtPages(12, 3));
  tree.Erase(kBase);
  CHECK(tree.FindGap(Pages(1), kBase) == AtPages(0, 10));
  CHECK(tree.size() == 2);
  tree.Close();
  CHECK(tree.size() == 0);
}

TEST_CASE("RegionTree: knows sizes up to that of an address space") {
  const VirtAddr base(uint64_t{1} << 44);
  const ByteSize all((uint64_t{1} << 47) - 2 * kPageSize), one(kPageSize), large((uint64_t{1} << 41) + 5 * kPageSize);
  RegionTree::Nodes nodes;
  RegionTree tree({base, all}, nodes);
  CHECK(tree.GapAt(base) == VirtRange{base, all});
  CHECK(tree.FindGap(all, base) == VirtRange{base, all});
  // Enough of them that there are inner nodes.
  for (uint64_t i = 0; i < 1000; ++i) tree.Insert({base + PageCount(2 * i).bytes(), one}, ChildOf(i));
  const VirtRange rest = VirtRange::FromTo(base + PageCount(1999).bytes(), base + all);
  CHECK(tree.FindGap(rest.size, base) == rest);
  tree.Insert({rest.base + one, large}, ChildOf(1));
  CHECK(tree.Find(rest.base + large)->range == VirtRange{rest.base + one, large});
  CHECK(Same(tree.Find(rest.base + large)->child, ChildOf(1)));
  CHECK(tree.FindGap(PageCount(2).bytes(), base) == VirtRange::FromTo(rest.base + one + large, rest.end()));
  CHECK(tree.FindGap(one, rest.base) == VirtRange{rest.base, one});
  tree.SetEnd(rest.base + one, rest.end());
  CHECK_FALSE(tree.FindGap(PageCount(2).bytes(), base));
  CHECK(tree.Verify() == absl::OkStatus());
  tree.Erase(rest.base + one);
  CHECK(tree.FindGap(PageCount(2).bytes(), base) == rest);
  CHECK(tree.Verify() == absl::OkStatus());
}

// A RegionTree, and the same as a plain map and a plain set of pages.
struct CheckedTree {
  explicit CheckedTree(uint64_t size) : pages(size), tree(AtPages(0, size), nodes), used(size) {}

  void Insert(uint64_t first, uint64_t n) {
    tree.Insert(AtPages(first, n), ChildOf(first));
    entries[first] = n;
    Fill(first, n, true);
  }
  void Erase(uint64_t first) {
    tree.Erase(At(first));
    Fill(first, entries.at(first), false);
    entries.erase(first);
  }
  void SetSize(uint64_t first, uint64_t n) {
    tree.SetEnd(At(first), At(first + n));
    Fill(first, entries.at(first), false);
    entries[first] = n;
    Fill(first, n, true);
  }
  bool IsFree(uint64_t first, uint64_t n) const {
    const auto begin = used.begin() + static_cast<long>(first);
    return std::none_of(begin, begin + static_cast<long>(n), [](bool b) { return b; });
  }
  void CheckFindGap(uint64_t want, uint64_t from) const {
    std::optional<VirtAddr> expected;
    for (uint64_t p = from, run = 0; p < pages && !expected; ++p) {
      run = used[p] ? 0 : run + 1;
      if (run == want) expected = At(p + 1 - want);
    }
    const auto found = tree.FindGap(Pages(want), At(from));
    REQUIRE(found.has_value() == expected.has_value());
    if (!found) return;
    REQUIRE(std::max(found->base, At(from)) == *expected);
    REQUIRE(tree.GapAt(found->base) == found);
  }
  void CheckFind(uint64_t page) const {
    const auto found = tree.Find(At(page));
    REQUIRE(found.has_value() == used[page]);
    REQUIRE(tree.GapAt(At(page)).has_value() == !used[page]);
    if (!found) return;
    const auto entry = std::prev(entries.upper_bound(page));
    REQUIRE(found->range == AtPages(entry->first, entry->second));
    REQUIRE(Same(found->child, ChildOf(entry->first)));
  }
  void CheckAll(uint64_t first, uint64_t n) const {
    REQUIRE(tree.Verify() == absl::OkStatus());
    REQUIRE(tree.size() == entries.size());
    auto entry = entries.lower_bound(first);
    if (entry != entries.begin() && std::prev(entry)->first + std::prev(entry)->second > first) --entry;
    tree.ForEach(AtPages(first, n), [&](const RegionTree::Entry& seen) {
      REQUIRE(entry != entries.end());
      REQUIRE(seen.range == AtPages(entry->first, entry->second));
      REQUIRE(Same(seen.child, ChildOf(entry->first)));
      ++entry;
      return true;
    });
    REQUIRE((entry == entries.end() || entry->first >= first + n));
  }
  void Fill(uint64_t first, uint64_t n, bool value) { std::fill_n(used.begin() + static_cast<long>(first), n, value); }

  uint64_t pages;
  RegionTree::Nodes nodes;
  RegionTree tree;
  std::map<uint64_t, uint64_t> entries;
  std::vector<bool> used;
};

TEST_CASE("RegionTree: random edits agree with a plain map") {
  uint64_t random = 7;
  const auto pick = [&](uint64_t n) { return NextRandom(random) % n; };
  // Tens of large entries, and thousands of small ones.
  for (const auto& [pages, most] : {std::pair{200, 20}, std::pair{20000, 3}}) {
    CheckedTree checked(pages);
    size_t largest = 0;
    for (int step = 0; step < 60000; ++step) {
      const uint64_t first = pick(pages), n = 1 + pick(std::min<uint64_t>(most, pages - first));
      REQUIRE(checked.tree.IsFree(AtPages(first, n)) == checked.IsFree(first, n));
      // More and more of them at first, then fewer and fewer.
      const bool grows = step < 30000;
      if (checked.IsFree(first, n)) {
        if (grows || pick(4) == 0) checked.Insert(first, n);
      } else if (const auto next = checked.entries.upper_bound(first); next != checked.entries.begin()) {
        const auto entry = std::prev(next);
        const uint64_t end = next == checked.entries.end() ? static_cast<uint64_t>(pages) : next->first;
        if (pick(3) == 0) {
          checked.SetSize(entry->first, 1 + pick(end - entry->first));
        } else if (!grows || pick(4) == 0) {
          checked.Erase(entry->first);
        }
      }
      largest = std::max(largest, checked.tree.size());
      checked.CheckFind(pick(pages));
      if (step % 16 == 0) checked.CheckFindGap(1 + pick(2 * most), pick(pages));
      if (step % 100 == 0) checked.CheckAll(first, n);
      if (step % 1000 == 0) checked.CheckAll(0, pages);
    }
    CHECK(largest > static_cast<size_t>(pages) / 100);
    while (!checked.entries.empty()) checked.Erase(checked.entries.begin()->first);
    checked.CheckAll(0, pages);
  }
}

TEST_CASE("RegionTree: thousands of entries come and go in any order") {
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
  for (uint64_t stride : {1, 2, 5}) {  // without gaps, with as many, and sparse
    std::vector<uint64_t> all, some;
    for (uint64_t p = 0; p < kPages; p += stride) (p % 3 == 0 ? some : all).push_back(p);
    all.insert(all.end(), some.begin(), some.end());
    for (Order first : {kAscending, kDescending, kShuffled}) {
      for (Order second : {kAscending, kDescending, kShuffled}) {
        CheckedTree checked(kPages);
        const auto change = [&](Order order, const std::vector<uint64_t>& pages, bool insert) {
          size_t done = 0;
          for (uint64_t page : in_order(order, pages)) {
            insert ? checked.Insert(page, 1) : checked.Erase(page);
            if (++done % 50 == 0) checked.CheckFindGap(1 + NextRandom(random) % 8, NextRandom(random) % kPages);
            if (done % 500 == 0) checked.CheckAll(0, kPages);
          }
          checked.CheckAll(0, kPages);
        };
        change(first, all, true);
        change(second, some, false);
        change(first, some, true);
        change(second, all, false);
        CHECK(checked.tree.GapAt(kBase) == AtPages(0, kPages));
      }
    }
  }
}

}  // namespace
}  // namespace zirconia::mm
