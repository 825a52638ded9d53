// Clones of pager-backed VMOs: one-way, limited by what their parents had.
#include "test/kernel_sim/pager_fixture.h"

namespace zirconia {
namespace {

TEST_CASE_METHOD(PagerTest, "SNAPSHOT of a pager-backed VMO, or of what was made from it, is not supported",
                 "[pager]") {
  const zx_handle_t vmo = MakeSupplied(2, 10);
  const zx_handle_t clone = Child(vmo, kAtLeastOnWrite, 0, 2);
  const zx_handle_t slice = Child(vmo, kSlice, 0, 2);
  for (const zx_handle_t of : {vmo, clone, slice, Child(clone, kSlice, 0, 1)}) {
    CHECK(CreateChild(of, kSnapshot, 0, kPage) == ZX_ERR_NOT_SUPPORTED);
    CHECK(CreateChild(of, kSnapshot | ZX_VMO_CHILD_NO_WRITE, 0, kPage) == ZX_ERR_NOT_SUPPORTED);
    CHECK(CreateChild(of, kAtLeastOnWrite, 0, kPage) == ZX_OK);
    CHECK(OpPages(of, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_ERR_NOT_SUPPORTED);
  }
}

TEST_CASE_METHOD(PagerTest, "a clone shows what its parent shows, until it is written", "[pager]") {
  const zx_handle_t vmo = MakeSupplied(4, 10);
  const zx_handle_t clone = Child(vmo, kAtLeastOnWrite, 1, 3);
  MapAt(0, clone, 3);
  MapAt(4, vmo, 4);
  CHECK(Words(3) == std::vector<uint64_t>{11, 12, 13});
  Put(vmo, 2, 99);
  CHECK(WordsOf(clone) == std::vector<uint64_t>{11, 99, 13});
  REQUIRE(kernel.Store(base + kPage, uint64_t{50}));
  Put(clone, 0, 51);
  Put(vmo, 1, 1);
  Put(vmo, 2, 2);
  Put(vmo, 3, 3);
  CHECK(Words(3) == std::vector<uint64_t>{51, 50, 3});
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 1, 2, 3});
  CHECK(CommittedPages({vmo, clone}) == std::vector<uint64_t>{4, 2});
  CHECK(Dirty(vmo) == Ranges{"1+3"});
  CHECK(NextNow() == Request{});
}

TEST_CASE_METHOD(PagerTest, "zeroing the parent's pages shows in clones, and the other way round it doesn't",
                 "[pager]") {
  const zx_handle_t vmo = MakeSupplied(4, 10);
  const zx_handle_t clone = Child(vmo, kAtLeastOnWrite, 0, 4);
  MapAt(0, clone, 4);
  CHECK(Words(4) == std::vector<uint64_t>{10, 11, 12, 13});
  REQUIRE(OpPages(vmo, ZX_VMO_OP_ZERO, 0, 2) == ZX_OK);
  CHECK(Words(4) == std::vector<uint64_t>{0, 0, 12, 13});
  Put(vmo, 1, 7);
  REQUIRE(Op(clone, ZX_VMO_OP_ZERO, 8, 3 * kPage) == ZX_OK);
  Put(vmo, 0, 1);
  Put(vmo, 2, 2);
  CHECK(Words(4) == std::vector<uint64_t>{0, 0, 0, 0});
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{1, 7, 2, 13});
  Put(clone, 1, 5);
  CHECK(Words(2) == std::vector<uint64_t>{0, 5});
}

TEST_CASE_METHOD(PagerTest, "what a clone lacks is asked of the root's pager", "[pager]") {
  const zx_handle_t vmo = MakePaged(8, ZX_VMO_TRAP_DIRTY);
  const zx_handle_t clone = Child(vmo, kAtLeastOnWrite, 2, 6);
  const zx_handle_t again = Child(clone, kAtLeastOnWrite, 1, 4);
  MapAt(0, again, 4);
  Background load(kernel, [&] { return kernel.Load<uint64_t>(base + kPage).value_or(0); });
  CHECK(Next() == Read(4, 1));
  Supply(vmo, 4, 1, 40);
  CHECK(load.Get() == 40);
  CHECK(CommittedPages({vmo, clone, again}) == std::vector<uint64_t>{1, 0, 0});
  // A write to a clone dirties nothing.
  Background store(kernel, [&] { return kernel.Store(base + 2 * kPage, uint64_t{5}); });
  CHECK(Next() == Read(5, 1));
  Supply(vmo, 5, 1, 50);
  CHECK(store.Get());
  CHECK(CommittedPages({vmo, clone, again}) == std::vector<uint64_t>{2, 0, 1});
  CHECK(WordAt(clone, 3 * kPage) == 50);
  // COMMIT brings pages into the root and copies them.
  Background commit(kernel, [&] { return OpPages(clone, ZX_VMO_OP_COMMIT, 3, 3); });
  CHECK(Next() == Read(6, 2));
  Supply(vmo, 6, 2, 60);
  CHECK(commit.Get() == ZX_OK);
  CHECK(CommittedPages({vmo, clone, again}) == std::vector<uint64_t>{4, 3, 1});
  CHECK(WordAt(again, kPage) == 40);
  CHECK(WordAt(again, 2 * kPage) == 5);
  CHECK(WordAt(again, 3 * kPage) == 60);
  CHECK(Dirty(vmo).empty());
}

TEST_CASE_METHOD(PagerTest, "a clone sees no more than its parents ever had since", "[pager]") {
  const zx_handle_t vmo = MakeSupplied(4, 10, ZX_VMO_RESIZABLE);
  const zx_handle_t clone = Child(vmo, kAtLeastOnWrite | ZX_VMO_CHILD_RESIZABLE, 1, 6);
  const zx_handle_t again = Child(clone, kAtLeastOnWrite, 0, 8);
  MapAt(0, clone, 6);
  MapAt(8, again, 8);
  CHECK(WordsOf(clone) == std::vector<uint64_t>{11, 12, 13, 0, 0, 0});
  CHECK(WordsOf(again) == std::vector<uint64_t>{11, 12, 13, 0, 0, 0, 0, 0});
  CHECK(Words(3) == std::vector<uint64_t>{11, 12, 13});
  REQUIRE(zx_vmo_set_size(vmo, 3 * kPage) == ZX_OK);
  CHECK(Words(3) == std::vector<uint64_t>{11, 12, 0});
  REQUIRE(zx_vmo_set_size(vmo, 6 * kPage) == ZX_OK);
  Put(vmo, 3, 99);
  Put(vmo, 2, 98);
  CHECK(WordsOf(clone) == std::vector<uint64_t>{11, 98, 0, 0, 0, 0});
  CHECK(kernel.Load<uint64_t>(base + 10 * kPage) == 0u);
  // The middle one.
  REQUIRE(zx_vmo_set_size(clone, kPage) == ZX_OK);
  REQUIRE(zx_vmo_set_size(clone, 6 * kPage) == ZX_OK);
  CHECK(WordsOf(clone) == std::vector<uint64_t>{11, 0, 0, 0, 0, 0});
  CHECK(WordsOf(again) == std::vector<uint64_t>{11, 0, 0, 0, 0, 0, 0, 0});
  CHECK(Words(2) == std::vector<uint64_t>{11, 0});
  Put(clone, 1, 77);
  CHECK(WordAt(again, kPage) == 0);
}

TEST_CASE_METHOD(PagerTest, "what a closed clone had stays with its own clones", "[pager]") {
  const zx_handle_t vmo = MakeSupplied(4, 10);
  const zx_handle_t middle = Child(vmo, kAtLeastOnWrite, 0, 4);
  Put(middle, 1, 21);
  Put(middle, 3, 23);
  REQUIRE(OpPages(middle, ZX_VMO_OP_ZERO, 2, 1) == ZX_OK);
  const zx_handle_t a = Child(middle, kAtLeastOnWrite, 1, 2), b = Child(middle, kAtLeastOnWrite, 0, 4);
  MapAt(0, b, 4);
  CHECK(Words(4) == std::vector<uint64_t>{10, 21, 0, 23});
  Put(b, 3, 33);
  CHECK(CommittedPages({vmo, middle, a, b}) == std::vector<uint64_t>{4, 2, 0, 1});
  Close(middle);
  CHECK(Info(vmo).num_children == 2);
  CHECK(CommittedPages({vmo, a, b}) == std::vector<uint64_t>{4, 1, 1});  // page 3 of the middle one nobody saw
  CHECK(kernel.pages_used() == 6);
  CHECK(WordsOf(a) == std::vector<uint64_t>{21, 0});
  Put(vmo, 0, 1);
  Put(vmo, 1, 2);
  Put(vmo, 2, 3);
  CHECK(Words(4) == std::vector<uint64_t>{1, 21, 0, 33});
  CHECK(WordsOf(a) == std::vector<uint64_t>{21, 0});
  Put(a, 0, 41);
  CHECK(Words(2) == std::vector<uint64_t>{1, 21});
  Close(a);
  REQUIRE(kernel.Store(base + kPage, uint64_t{5}));
  CHECK(kernel.pages_used() == 6);
}

TEST_CASE_METHOD(PagerTest, "what ZX_INFO_VMO says of clones and slices of a pager-backed VMO", "[pager]") {
  const zx_handle_t vmo = MakeSupplied(4, 10);
  const zx_handle_t clone = Child(vmo, kAtLeastOnWrite, 0, 4), slice = Child(vmo, kSlice, 0, 4);
  const uint32_t kinds = ZX_INFO_VMO_PAGER_BACKED | ZX_INFO_VMO_IS_COW_CLONE | ZX_INFO_VMO_TYPE_PAGED;
  CHECK((Info(vmo).flags & kinds) == (ZX_INFO_VMO_PAGER_BACKED | ZX_INFO_VMO_TYPE_PAGED));
  CHECK((Info(slice).flags & kinds) == (ZX_INFO_VMO_PAGER_BACKED | ZX_INFO_VMO_TYPE_PAGED));
  CHECK((Info(clone).flags & kinds) == kinds);
  CHECK(Info(clone).parent_koid == KoidOf(vmo));
  CHECK(Info(vmo).num_children == 2);
  CHECK_FALSE(HasZeroChildrenSignal(vmo));
  CHECK(CommittedPages({vmo, slice, clone}) == std::vector<uint64_t>{4, 0, 0});
  Put(slice, 1, 5);
  CHECK(WordAt(clone, kPage) == 5);
  CHECK(Dirty(vmo) == Ranges{"1+1"});
  Close(slice);
  Close(clone);
  CHECK(HasZeroChildrenSignal(vmo));
}

TEST_CASE_METHOD(PagerTest, "ten thousand clones of clones, closed from either end", "[pager]") {
  const bool from_root = GENERATE(true, false);
  const zx_handle_t vmo = MakeSupplied(2, 10);
  std::vector<zx_handle_t> chain{vmo};
  for (int i = 0; i < 10000; ++i) {
    chain.push_back(Child(chain.back(), kAtLeastOnWrite, 0, 2));
    if (i % 1000 == 0) Put(chain.back(), 1, static_cast<uint64_t>(i));
  }
  CHECK(WordsOf(chain.back()) == std::vector<uint64_t>{10, 9000});
  CHECK(kernel.pages_used() == 12);
  if (from_root) {
    for (size_t i = 1; i + 1 < chain.size(); ++i) Close(chain[i]);
    CHECK(WordsOf(chain.back()) == std::vector<uint64_t>{10, 9000});
    CHECK(CommittedPages({vmo, chain.back()}) == std::vector<uint64_t>{2, 1});
    Close(chain.back());
  } else {
    for (size_t i = chain.size() - 1; i > 0; --i) Close(chain[i]);
  }
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 11});
  Close(vmo);
  CHECK(kernel.pages_used() == 0);
}

TEST_CASE_METHOD(PagerTest, "no frame for a clone's page: an error, and nothing changed", "[pager]") {
  const zx_handle_t vmo = MakeSupplied(4, 10);
  const zx_handle_t clone = Child(vmo, kAtLeastOnWrite, 0, 4);
  MapAt(0, clone, 4);
  const uint64_t used = kernel.pages_used();
  const auto fails = [&](auto operation) {
    kernel.FailAllocation(1);
    CHECK(operation() == ZX_ERR_NO_MEMORY);
    kernel.FailAllocation(0);
    CHECK(WordsOf(clone) == std::vector<uint64_t>{10, 11, 12, 13});
    CHECK(kernel.pages_used() == used);
  };
  fails([&] { return Write(clone, kPage, 5); });
  fails([&] { return OpPages(clone, ZX_VMO_OP_COMMIT, 0, 4); });
  fails([&] { return Op(clone, ZX_VMO_OP_ZERO, 8, 2 * kPage); });
  fails([&] { return kernel.Store(base, uint64_t{5}) ? ZX_OK : ZX_ERR_NO_MEMORY; });
}

}  // namespace
}  // namespace zirconia
