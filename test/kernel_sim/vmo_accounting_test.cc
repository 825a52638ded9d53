// Who is charged for a page: ZX_INFO_VMO's committed_bytes, and frames in use.
#include <algorithm>

#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {
namespace {

using Pages = std::vector<uint64_t>;

TEST_CASE_METHOD(VmoTest, "a page that clones share is charged to the one that owned it before", "[vmo]") {
  const uint64_t used = kernel.pages_used();
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  const zx_handle_t first = Child(vmo, kSnapshot, 0, 4);
  const zx_handle_t second = Child(first, kSnapshot, 0, 4);
  CHECK(CommittedPages({vmo, first, second}) == Pages{4, 0, 0});
  CHECK(kernel.pages_used() == used + 4);
  CHECK(WordsOf(second) == Pages{10, 11, 12, 13});  // reading changes nothing
  MapAt(0, second, 4, kRead);
  CHECK(Words(4) == Pages{10, 11, 12, 13});
  CHECK(CommittedPages({vmo, first, second}) == Pages{4, 0, 0});
}

TEST_CASE_METHOD(VmoTest, "a child that writes is charged its copy", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 4);
  Put(child, 1, 21);
  Put(child, 1, 22);
  CHECK(CommittedPages({vmo, child}) == Pages{4, 1});
  MapAt(0, child, 4);
  REQUIRE(kernel.Store<uint64_t>(base + 3 * kPage, 23));
  CHECK(CommittedPages({vmo, child}) == Pages{4, 2});
}

TEST_CASE_METHOD(VmoTest, "a parent that writes is charged its new page, and a child the old one", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 4);
  Put(vmo, 1, 21);
  CHECK(CommittedPages({vmo, child}) == Pages{4, 1});
  MapAt(0, vmo, 4);
  REQUIRE(kernel.Store<uint64_t>(base + 3 * kPage, 23));
  CHECK(CommittedPages({vmo, child}) == Pages{4, 2});
  Put(child, 1, 31);  // has it alone by now
  CHECK(CommittedPages({vmo, child}) == Pages{4, 2});
}

TEST_CASE_METHOD(VmoTest, "what its owner doesn't see any more is charged to the oldest that does", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  const zx_handle_t first = Child(vmo, kSnapshot, 0, 2);
  const zx_handle_t second = Child(vmo, kSnapshot, 0, 2);
  const zx_handle_t third = Child(first, kSnapshot, 0, 2);
  Put(vmo, 0, 20);
  CHECK(CommittedPages({vmo, first, second, third}) == Pages{2, 1, 0, 0});
  Put(first, 0, 21);
  CHECK(CommittedPages({vmo, first, second, third}) == Pages{2, 1, 1, 0});
  Close(second);
  CHECK(CommittedPages({vmo, first, third}) == Pages{2, 1, 1});
  Close(vmo);
  CHECK(CommittedPages({first, third}) == Pages{2, 1});
  Close(first);
  CHECK(CommittedPages(third) == 2);
  CHECK(WordsOf(third) == Pages{10, 11});
}

TEST_CASE_METHOD(VmoTest, "a page that a child wrote is the child's, though its clones share it", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 2);
  Put(child, 0, 20);
  const zx_handle_t grandchild = Child(child, kSnapshot, 0, 2);
  CHECK(CommittedPages({vmo, child, grandchild}) == Pages{2, 1, 0});
  Close(vmo);
  CHECK(CommittedPages({child, grandchild}) == Pages{2, 0});
  Close(child);
  CHECK(CommittedPages(grandchild) == 2);
}

TEST_CASE_METHOD(VmoTest, "what no clone can see any more, nobody keeps", "[vmo]") {
  const uint64_t used = kernel.pages_used();
  const zx_handle_t vmo = MakeCountedVmo(8, 10);
  const zx_handle_t window = Child(vmo, kSnapshot, 2, 3);
  const zx_handle_t overlapping = Child(vmo, kSnapshot, 4, 2);
  Close(vmo);
  CHECK(kernel.pages_used() == used + 4);
  CHECK(CommittedPages({window, overlapping}) == Pages{3, 1});
  Put(window, 2, 24);  // page 4 of the parent, which the other one has alone from now on
  CHECK(kernel.pages_used() == used + 5);
  CHECK(CommittedPages({window, overlapping}) == Pages{3, 2});
  Close(window);
  CHECK(kernel.pages_used() == used + 2);
  CHECK(WordsOf(overlapping) == Pages{14, 15});
}

TEST_CASE_METHOD(VmoTest, "shrinking and zeroing uncharges, and what others see goes to them", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(4 * kPage, ZX_VMO_RESIZABLE);
  for (uint64_t page = 0; page < 4; ++page) Put(vmo, page, 10 + page);
  const zx_handle_t child = Child(vmo, kSnapshot | ZX_VMO_CHILD_RESIZABLE, 0, 4);
  REQUIRE(zx_vmo_set_size(vmo, 2 * kPage) == ZX_OK);
  CHECK(CommittedPages({vmo, child}) == Pages{2, 2});
  REQUIRE(OpPages(vmo, ZX_VMO_OP_ZERO, 0, 1) == ZX_OK);
  CHECK(CommittedPages({vmo, child}) == Pages{1, 3});
  const uint64_t used = kernel.pages_used();
  REQUIRE(zx_vmo_set_size(child, kPage) == ZX_OK);
  CHECK(CommittedPages({vmo, child}) == Pages{1, 1});
  CHECK(kernel.pages_used() == used - 2);  // page 1 is the parent's still
}

TEST_CASE_METHOD(VmoTest, "pages that weren't there when a clone was made are each one's own", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(4 * kPage);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 4);
  Put(vmo, 0, 1);
  CHECK(CommittedPages({vmo, child}) == Pages{1, 0});
  Put(child, 1, 2);
  Put(child, 0, 3);
  CHECK(CommittedPages({vmo, child}) == Pages{1, 2});
  Close(vmo);
  CHECK(CommittedPages(child) == 2);
}

TEST_CASE_METHOD(VmoTest, "what a slice shows is charged to its parent, or, that being gone, once to a slice",
                 "[vmo]") {
  const uint64_t used = kernel.pages_used();
  const zx_handle_t vmo = MakeCountedVmo(6, 10);
  const zx_handle_t first = Child(vmo, kSlice, 0, 4);
  const zx_handle_t second = Child(vmo, kSlice, 2, 3);
  const zx_handle_t snapshot = Child(vmo, kSnapshot, 0, 6);
  CHECK(CommittedPages({vmo, first, second, snapshot}) == Pages{6, 0, 0, 0});
  Put(first, 0, 20);
  CHECK(CommittedPages({vmo, first, second, snapshot}) == Pages{6, 0, 0, 1});
  Close(vmo);
  CHECK(CommittedPages({first, second, snapshot}) == Pages{4, 1, 2});
  Close(first);
  CHECK(CommittedPages({second, snapshot}) == Pages{3, 3});
  Close(second);
  CHECK(CommittedPages(snapshot) == 6);
  CHECK(kernel.pages_used() == used + 6);
}

// The rule, for one page of a family of VMOs: a page is known by who committed it, and when.
struct Family {
  static constexpr size_t kMembers = 4;
  struct Member {
    bool alive = true;
    int page = 0;
  };
  std::array<Member, kMembers> members;  // oldest first
  std::vector<size_t> owners{0};         // of each page

  bool Sees(size_t member, int page) const { return members[member].alive && members[member].page == page; }
  // kMembers: nobody.
  size_t ChargedFor(int page) const {
    if (Sees(owners[static_cast<size_t>(page)], page)) return owners[static_cast<size_t>(page)];
    for (size_t m = 0; m < kMembers; ++m) {
      if (Sees(m, page)) return m;
    }
    return kMembers;
  }
  uint64_t Charged(size_t member) const {
    const Member& m = members[member];
    return m.alive && ChargedFor(m.page) == member ? 1 : 0;
  }
  void Write(size_t member) {
    for (size_t other = 0; other < kMembers; ++other) {
      if (other == member || !Sees(other, members[member].page)) continue;
      members[member].page = static_cast<int>(owners.size());
      owners.push_back(member);
      return;
    }
  }
};

TEST_CASE_METHOD(VmoTest, "every order of writes and closes in a family of four: charges and frames are exact",
                 "[vmo]") {
  constexpr size_t kActions = 2 * Family::kMembers;  // a write and a close of each
  constexpr size_t kSteps = 4;
  const uint64_t used = kernel.pages_used();
  std::array<size_t, kActions> actions{};
  for (size_t i = 0; i < kActions; ++i) actions[i] = i;
  // Permutations in order; those that differ only after the first steps are passed over.
  uint64_t wrong = 0, sequences = 0;
  do {
    Family family;
    std::array<zx_handle_t, Family::kMembers> vmos{};
    vmos[0] = MakeCountedVmo(1, 10);
    vmos[1] = Child(vmos[0], kSnapshot, 0, 1);
    vmos[2] = Child(vmos[1], kSnapshot, 0, 1);
    vmos[3] = Child(vmos[0], kSnapshot, 0, 1);
    std::array<uint64_t, Family::kMembers> words{10, 10, 10, 10};
    for (size_t step = 0; step < kSteps; ++step) {
      const size_t member = actions[step] / 2;
      if (!family.members[member].alive) continue;
      if (actions[step] % 2 == 0) {
        words[member] = 100 + step;
        Put(vmos[member], 0, words[member]);
        family.Write(member);
      } else {
        Close(vmos[member]);
        family.members[member].alive = false;
      }
      uint64_t sum = 0;
      for (size_t m = 0; m < Family::kMembers; ++m) {
        if (!family.members[m].alive) continue;
        const uint64_t committed = CommittedPages(vmos[m]);
        sum += committed;
        if (committed != family.Charged(m) || WordAt(vmos[m], 0) != words[m]) ++wrong;
      }
      if (kernel.pages_used() != used + sum) ++wrong;
    }
    for (size_t m = 0; m < Family::kMembers; ++m) {
      if (family.members[m].alive) Close(vmos[m]);
    }
    if (kernel.pages_used() != used) ++wrong;
    ++sequences;
    std::reverse(actions.begin() + kSteps, actions.end());
  } while (std::next_permutation(actions.begin(), actions.end()));
  CHECK(sequences == 8 * 7 * 6 * 5);
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace zirconia
