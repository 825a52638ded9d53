// The ordered containers of mm, each against a plain one.
#include <algorithm>
#include <catch2/catch.hpp>
#include <iterator>
#include <map>
#include <set>

#include "mm/bitmap.h"
#include "mm/mapping_index.h"
#include "mm/random.h"
#include "mm/slab.h"
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

TEST_CASE("Slab: pieces are apart, and what was freed last is used first") {
  static int advised;
  Slab::SetAdvice([](void* chunk, size_t size) {
    advised += reinterpret_cast<uintptr_t>(chunk) % size == 0 && size == Slab::kLargestChunk ? 1 : 100;
  });
  {
    Slab slab(100);
    std::set<std::byte*> pieces;
    while (pieces.size() * 128 < 4 * Slab::kLargestChunk) {
      auto* const piece = static_cast<std::byte*>(slab.Allocate());
      std::fill_n(piece, 100, std::byte{1});
      REQUIRE(reinterpret_cast<uintptr_t>(piece) % Slab::kAlign == 0);
      REQUIRE(pieces.insert(piece).second);
    }
    std::byte* before = nullptr;
    for (std::byte* piece : pieces) {
      REQUIRE((before == nullptr || piece - before >= 100));
      before = piece;
    }
    CHECK((advised > 0 && advised < 10));
    std::byte* const one = *pieces.begin();
    std::byte* const other = *std::next(pieces.begin(), 1000);
    slab.Free(one);
    slab.Free(other);
    CHECK(slab.Allocate() == other);
    CHECK(slab.Allocate() == one);
  }
  Slab::SetAdvice(nullptr);
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
