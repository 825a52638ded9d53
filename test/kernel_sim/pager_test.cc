// zx_pager_*: what the calls check, and what they do to pages.
#include "test/kernel_sim/pager_fixture.h"

namespace zirconia {
namespace {

TEST_CASE_METHOD(PagerTest, "a pager has the documented rights; its VMOs have those of any VMO", "[pager]") {
  CHECK(Basic(pager).type == ZX_OBJ_TYPE_PAGER);
  CHECK(RightsOf(pager) == ZX_DEFAULT_PAGER_RIGHTS);
  const zx_handle_t vmo = MakePaged(1);
  CHECK(RightsOf(vmo) == ZX_DEFAULT_VMO_RIGHTS);
  CHECK(HasZeroChildrenSignal(vmo));
  zx_handle_t out = 0;
  REQUIRE(zx_pager_create_vmo(pager, 0, port, kKey, 1, &out) == ZX_OK);
  CHECK(SizeOf(out) == kPage);
  CHECK(ContentSizeOf(out) == 1);
  CHECK((Info(vmo).flags & ZX_INFO_VMO_PAGER_BACKED) != 0);
  CHECK((Info(MakeVmo(1)).flags & ZX_INFO_VMO_PAGER_BACKED) == 0);
}

TEST_CASE_METHOD(PagerTest, "zx_pager_create: errors", "[pager]") {
  zx_handle_t out = 0;
  CHECK(zx_pager_create(1, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_pager_create(0, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(PagerTest, "zx_pager_create_vmo: errors", "[pager]") {
  zx_handle_t out = 0;
  const auto create = [&](zx_handle_t of, zx_handle_t to, uint64_t size, uint32_t options = 0) {
    return zx_pager_create_vmo(of, options, to, 0, size, &out);
  };
  CHECK(create(pager, port, kPage, ZX_VMO_RESIZABLE | ZX_VMO_TRAP_DIRTY) == ZX_OK);
  CHECK(create(pager, port, kPage, ZX_VMO_DISCARDABLE) == ZX_ERR_INVALID_ARGS);
  CHECK(create(pager, port, kPage, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(create(3, port, kPage) == ZX_ERR_BAD_HANDLE);
  CHECK(create(pager, 3, kPage) == ZX_ERR_BAD_HANDLE);
  CHECK(create(port, port, kPage) == ZX_ERR_WRONG_TYPE);
  CHECK(create(pager, pager, kPage) == ZX_ERR_WRONG_TYPE);
  CHECK(create(pager, Without(port, ZX_RIGHT_WRITE), kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(create(pager, port, UINT64_MAX) == ZX_ERR_OUT_OF_RANGE);
  CHECK(zx_pager_create_vmo(pager, 0, port, 0, kPage, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_pager_create_vmo(pager, 0, port, 0, kPage, nullptr) == ZX_ERR_INVALID_ARGS);
  CHECK(NextNow() == Request{});
}

TEST_CASE_METHOD(PagerTest, "a VMO that isn't this pager's", "[pager]") {
  zx_handle_t others = 0;
  REQUIRE(zx_pager_create_vmo(MakePager(), 0, port, kKey, kPage, &others) == ZX_OK);
  const zx_handle_t clone = Child(MakeSupplied(1, 1), kAtLeastOnWrite, 0, 1);
  for (const zx_handle_t foreign : {others, MakeVmo(kPage), clone}) {
    zx_pager_vmo_stats_t stats;
    CHECK(zx_pager_detach_vmo(pager, foreign) == ZX_ERR_INVALID_ARGS);
    CHECK(TrySupply(foreign, 0, 1, MakeVmo(kPage)) == ZX_ERR_INVALID_ARGS);
    CHECK(PagerOp(ZX_PAGER_OP_DIRTY, foreign, 0, 1) == ZX_ERR_INVALID_ARGS);
    CHECK(zx_pager_query_dirty_ranges(pager, foreign, 0, kPage, nullptr, 0, nullptr, nullptr) == ZX_ERR_INVALID_ARGS);
    CHECK(zx_pager_query_vmo_stats(pager, foreign, 0, &stats, sizeof(stats)) == ZX_ERR_INVALID_ARGS);
  }
}

TEST_CASE_METHOD(PagerTest, "pager calls: bad handles and wrong types", "[pager]") {
  const zx_handle_t vmo = MakePaged(1), aux = MakeVmo(kPage), bad = 3;
  CHECK(zx_pager_detach_vmo(bad, vmo) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_pager_detach_vmo(pager, bad) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_pager_detach_vmo(vmo, vmo) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_pager_detach_vmo(pager, pager) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_pager_supply_pages(bad, vmo, 0, kPage, aux, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_pager_supply_pages(pager, bad, 0, kPage, aux, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_pager_supply_pages(pager, vmo, 0, kPage, bad, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_pager_supply_pages(port, vmo, 0, kPage, aux, 0) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_pager_supply_pages(pager, port, 0, kPage, aux, 0) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_pager_supply_pages(pager, vmo, 0, kPage, port, 0) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_pager_op_range(bad, ZX_PAGER_OP_DIRTY, vmo, 0, 0, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, bad, 0, 0, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_pager_op_range(port, ZX_PAGER_OP_DIRTY, vmo, 0, 0, 0) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, port, 0, 0, 0) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_pager_query_dirty_ranges(bad, vmo, 0, 0, nullptr, 0, nullptr, nullptr) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_pager_query_dirty_ranges(pager, port, 0, 0, nullptr, 0, nullptr, nullptr) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_pager_query_vmo_stats(pager, bad, 0, nullptr, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_pager_query_vmo_stats(port, vmo, 0, nullptr, 0) == ZX_ERR_WRONG_TYPE);
}

TEST_CASE_METHOD(PagerTest, "zx_pager_supply_pages moves pages, and leaves what is there", "[pager]") {
  const zx_handle_t vmo = MakePaged(4), aux = MakeCountedVmo(4, 10);
  CHECK(TrySupply(vmo, 1, 2, aux, 0) == ZX_OK);
  CHECK(WordAt(vmo, kPage) == 10);
  CHECK(CommittedPages({vmo, aux}) == std::vector<uint64_t>{2, 2});
  CHECK(WordsOf(aux) == std::vector<uint64_t>{0, 0, 12, 13});
  CHECK(TrySupply(vmo, 0, 4, aux, 0) == ZX_OK);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{0, 10, 11, 13});
  CHECK(CommittedPages(aux) == 0);
  CHECK(CommittedPages(vmo) == 3);  // zeros take no page
  CHECK(kernel.pages_used() == 3);
  CHECK(TrySupply(vmo, 4, 0, aux, 4) == ZX_OK);
  CHECK(Dirty(vmo).empty());
  CHECK_FALSE(Modified(vmo));
}

TEST_CASE_METHOD(PagerTest, "zx_pager_supply_pages: errors", "[pager]") {
  const zx_handle_t vmo = MakePaged(16), aux = MakeCountedVmo(4, 10);
  const auto supply = [&](uint64_t offset, uint64_t length, zx_handle_t from, uint64_t from_offset) {
    return zx_pager_supply_pages(pager, vmo, offset, length, from, from_offset);
  };
  CHECK(supply(0, kPage, Without(aux, ZX_RIGHT_READ), 0) == ZX_ERR_ACCESS_DENIED);
  CHECK(supply(0, kPage, Without(aux, ZX_RIGHT_WRITE), 0) == ZX_ERR_ACCESS_DENIED);
  CHECK(supply(1, kPage, aux, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(supply(0, 1, aux, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(supply(0, kPage, aux, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(supply(15 * kPage, 2 * kPage, aux, 0) == ZX_ERR_OUT_OF_RANGE);
  CHECK(supply(0, 2 * kPage, aux, 3 * kPage) == ZX_ERR_OUT_OF_RANGE);
  CHECK(supply(0 - kPage, 2 * kPage, aux, 0) == ZX_ERR_OUT_OF_RANGE);
  CHECK(supply(0, kPage, vmo, 0) == ZX_ERR_BAD_STATE);
  CHECK(supply(0, kPage, MakeSupplied(1, 1), 0) == ZX_ERR_BAD_STATE);
  MapAt(0, aux, 1);
  CHECK(supply(0, kPage, aux, 0) == ZX_ERR_BAD_STATE);
  Unmap(0, 1);
  for (const uint32_t kind : {kSnapshot, kSlice}) {
    const zx_handle_t child = Child(aux, kind, 0, 4);
    CHECK(supply(0, kPage, aux, 0) == ZX_ERR_BAD_STATE);
    CHECK(supply(0, kPage, child, 0) == ZX_ERR_BAD_STATE);
    Close(child);
  }
  CHECK(CommittedPages(aux) == 4);
  CHECK(supply(0, kPage, aux, 0) == ZX_OK);
}

struct PagerAndDevice : PagerTest {
  zx_handle_t resource = kernel.root_resource();
  zx_handle_t bti = MakeBti();

  zx_handle_t MakeBti() const {
    const zx_iommu_desc_dummy_t desc{};
    zx_handle_t iommu = ZX_HANDLE_INVALID, out = ZX_HANDLE_INVALID;
    REQUIRE(zx_iommu_create(resource, ZX_IOMMU_TYPE_DUMMY, &desc, sizeof(desc), &iommu) == ZX_OK);
    REQUIRE(zx_bti_create(iommu, 0, 1, &out) == ZX_OK);
    return out;
  }
  zx_status_t Pin(zx_handle_t vmo, uint32_t options, uint64_t first, uint64_t pages, zx_handle_t* token) const {
    std::array<zx_paddr_t, 16> where{};
    return zx_bti_pin(bti, options, vmo, first * kPage, pages * kPage, where.data(), pages, token);
  }
};

TEST_CASE_METHOD(PagerAndDevice, "zx_pager_supply_pages from what devices have", "[pager]") {
  const zx_handle_t vmo = MakePaged(4), aux = MakeCountedVmo(4, 10);
  zx_handle_t physical = 0, contiguous = 0, token = 0;
  REQUIRE(zx_vmo_create_physical(resource, 0, kPage, &physical) == ZX_OK);
  REQUIRE(zx_vmo_create_contiguous(bti, kPage, 0, &contiguous) == ZX_OK);
  CHECK(TrySupply(vmo, 0, 1, physical) == ZX_ERR_NOT_SUPPORTED);
  CHECK(TrySupply(vmo, 0, 1, contiguous) == ZX_ERR_BAD_STATE);
  REQUIRE(Pin(aux, ZX_BTI_PERM_READ, 1, 1, &token) == ZX_OK);
  CHECK(TrySupply(vmo, 0, 2, aux) == ZX_ERR_BAD_STATE);
  CHECK(TrySupply(vmo, 0, 1, aux) == ZX_OK);
  REQUIRE(zx_pmt_unpin(token) == ZX_OK);
  CHECK(TrySupply(vmo, 0, 2, aux) == ZX_OK);
}

TEST_CASE_METHOD(PagerAndDevice, "a pin brings pages in, and dirties those that the device writes to", "[pager]") {
  const zx_handle_t vmo = MakePaged(4, ZX_VMO_TRAP_DIRTY);
  zx_handle_t token = 0;
  Background pin(kernel, [&] { return Pin(vmo, ZX_BTI_PERM_READ | ZX_BTI_PERM_WRITE, 1, 2, &token); });
  CHECK(Next() == Read(1, 2));
  Supply(vmo, 1, 2, 20);
  CHECK(Next() == Trapped(1, 2));
  REQUIRE(PagerOp(ZX_PAGER_OP_DIRTY, vmo, 1, 2) == ZX_OK);
  CHECK(pin.Get() == ZX_OK);
  CHECK(Modified(vmo));
  // What a device may be writing to isn't clean.
  REQUIRE(PagerOp(ZX_PAGER_OP_WRITEBACK_BEGIN, vmo, 0, 4) == ZX_OK);
  REQUIRE(PagerOp(ZX_PAGER_OP_WRITEBACK_END, vmo, 0, 4) == ZX_OK);
  CHECK(Dirty(vmo) == Ranges{"1+2"});
  REQUIRE(zx_pmt_unpin(token) == ZX_OK);
}

TEST_CASE_METHOD(PagerTest, "ZX_PAGER_OP_FAIL: which failures there are, and who hears of them", "[pager]") {
  const zx_handle_t vmo = MakePaged(4);
  CHECK(Fail(vmo, 0, 1, ZX_ERR_NOT_FOUND) == ZX_ERR_INVALID_ARGS);
  CHECK(Fail(vmo, 0, 1, ZX_OK) == ZX_ERR_INVALID_ARGS);
  CHECK(PagerOp(ZX_PAGER_OP_FAIL, vmo, 0, 1, static_cast<uint32_t>(ZX_ERR_IO)) == ZX_ERR_INVALID_ARGS);
  MapAt(0, vmo, 4);
  const auto read = [&] {
    uint64_t word = 0;
    return zx_vmo_read(vmo, &word, kPage, sizeof(word));
  };
  for (const zx_status_t s :
       {ZX_ERR_IO, ZX_ERR_IO_DATA_INTEGRITY, ZX_ERR_BAD_STATE, ZX_ERR_NO_SPACE, ZX_ERR_BUFFER_TOO_SMALL}) {
    Background reader(kernel, read);
    CHECK(Next() == Read(1, 1));
    CHECK(Fail(vmo, 2, 2, s) == ZX_OK);  // nobody waits for these
    CHECK(Fail(vmo, 0, 2, s) == ZX_OK);
    CHECK(reader.Get() == s);
    Background commit(kernel, [&] { return OpPages(vmo, ZX_VMO_OP_COMMIT, 1, 2); });
    CHECK(Next() == Read(1, 2));
    CHECK(Fail(vmo, 2, 1, s) == ZX_OK);
    CHECK(commit.Get() == s);
    Background load(kernel, [&] { return kernel.Load<uint64_t>(base + kPage).has_value(); });
    CHECK(Next() == Read(1, 1));
    CHECK(Fail(vmo, 1, 1, s) == ZX_OK);
    CHECK_FALSE(load.Get());
  }
  // The next access asks again.
  Background reader(kernel, read);
  CHECK(Next() == Read(1, 1));
  Supply(vmo, 1, 1, 5);
  CHECK(reader.Get() == ZX_OK);
}

TEST_CASE_METHOD(PagerTest, "zx_pager_op_range: errors", "[pager]") {
  const zx_handle_t vmo = MakePaged(16, ZX_VMO_TRAP_DIRTY);
  CHECK(zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, vmo, 1, kPage, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, vmo, 0, 1, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(PagerOp(ZX_PAGER_OP_DIRTY, vmo, 0, 1, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(PagerOp(ZX_PAGER_OP_WRITEBACK_BEGIN, vmo, 0, 1, 2) == ZX_ERR_INVALID_ARGS);
  CHECK(PagerOp(ZX_PAGER_OP_WRITEBACK_END, vmo, 0, 1, 1) == ZX_ERR_INVALID_ARGS);
  for (const uint32_t op : {ZX_PAGER_OP_DIRTY, ZX_PAGER_OP_WRITEBACK_BEGIN, ZX_PAGER_OP_WRITEBACK_END}) {
    CHECK(PagerOp(op, vmo, 16, 1) == ZX_ERR_OUT_OF_RANGE);
    CHECK(zx_pager_op_range(pager, op, vmo, 0 - kPage, 2 * kPage, 0) == ZX_ERR_OUT_OF_RANGE);
  }
  CHECK(Fail(vmo, 16, 1, ZX_ERR_IO) == ZX_ERR_OUT_OF_RANGE);
  CHECK(PagerOp(99, vmo, 0, 1) == ZX_ERR_NOT_SUPPORTED);
  CHECK(PagerOp(ZX_PAGER_OP_DIRTY, vmo, 0, 1) == ZX_ERR_NOT_FOUND);  // nothing was supplied
  Supply(vmo, 0, 1, 1);
  CHECK(PagerOp(ZX_PAGER_OP_DIRTY, vmo, 0, 2) == ZX_ERR_NOT_FOUND);
  CHECK(Dirty(vmo).empty());
  CHECK(PagerOp(ZX_PAGER_OP_DIRTY, vmo, 0, 1) == ZX_OK);
  CHECK(PagerOp(ZX_PAGER_OP_DIRTY, MakeSupplied(1, 1), 0, 1) == ZX_ERR_NOT_SUPPORTED);  // writes aren't trapped
}

TEST_CASE_METHOD(PagerTest, "dirty pages are found, written back, and clean then", "[pager]") {
  const zx_handle_t vmo = MakeSupplied(16, 0);
  Put(vmo, 1, 1);
  Put(vmo, 2, 1);
  REQUIRE(OpPages(vmo, ZX_VMO_OP_ZERO, 9, 1) == ZX_OK);
  std::array<zx_vmo_dirty_range_t, 2> ranges{};
  size_t actual = 0, avail = 0;
  const auto query = [&](uint64_t offset, uint64_t length, size_t buffer_size) {
    return zx_pager_query_dirty_ranges(pager, vmo, offset, length, ranges.data(), buffer_size, &actual, &avail);
  };
  REQUIRE(query(0, 16 * kPage, sizeof(ranges)) == ZX_OK);
  CHECK(actual == 2);
  CHECK(avail == 2);
  CHECK(Dirty(vmo) == Ranges{"1+2", "9+1z"});
  REQUIRE(query(0, 16 * kPage, sizeof(ranges[0])) == ZX_OK);
  CHECK(actual == 1);
  CHECK(avail == 2);
  REQUIRE(query(2 * kPage + 1, 1, sizeof(ranges)) == ZX_OK);  // rounded out to pages
  CHECK(actual == 1);
  CHECK(ranges[0].offset == 2 * kPage);
  CHECK(ranges[0].length == kPage);
  CHECK(query(16 * kPage, 1, 0) == ZX_ERR_OUT_OF_RANGE);
  CHECK(zx_pager_query_dirty_ranges(pager, vmo, 0, 16 * kPage, BadPointer<void>(), sizeof(ranges), nullptr, nullptr) ==
        ZX_ERR_INVALID_ARGS);

  REQUIRE(PagerOp(ZX_PAGER_OP_WRITEBACK_BEGIN, vmo, 0, 16, ZX_VMO_DIRTY_RANGE_IS_ZERO) == ZX_OK);
  REQUIRE(PagerOp(ZX_PAGER_OP_WRITEBACK_END, vmo, 0, 16) == ZX_OK);
  CHECK(Dirty(vmo) == Ranges{"1+2"});
  REQUIRE(PagerOp(ZX_PAGER_OP_WRITEBACK_BEGIN, vmo, 0, 16) == ZX_OK);
  Put(vmo, 2, 2);
  REQUIRE(PagerOp(ZX_PAGER_OP_WRITEBACK_END, vmo, 0, 16) == ZX_OK);
  CHECK(Dirty(vmo) == Ranges{"2+1"});
}

TEST_CASE_METHOD(PagerTest, "zx_pager_query_vmo_stats tells of modification, once if it is reset", "[pager]") {
  const zx_handle_t vmo = MakeSupplied(2, 1, ZX_VMO_RESIZABLE);
  zx_pager_vmo_stats_t stats{};
  CHECK_FALSE(Modified(vmo));
  Put(vmo, 0, 9);
  CHECK(Modified(vmo));
  CHECK(zx_pager_query_vmo_stats(pager, vmo, ZX_PAGER_RESET_VMO_STATS, BadPointer<void>(), sizeof(stats)) ==
        ZX_ERR_INVALID_ARGS);
  CHECK(Modified(vmo, ZX_PAGER_RESET_VMO_STATS));
  CHECK_FALSE(Modified(vmo));
  const zx_vaddr_t at = MapAt(0, vmo, 2);
  REQUIRE(kernel.Store(at, uint64_t{1}));
  CHECK(Modified(vmo, ZX_PAGER_RESET_VMO_STATS));
  REQUIRE(kernel.Load<uint64_t>(at) == 1u);
  CHECK_FALSE(Modified(vmo));
  REQUIRE(kernel.Store(at, uint64_t{2}));
  CHECK(Modified(vmo, ZX_PAGER_RESET_VMO_STATS));
  REQUIRE(zx_vmo_set_size(vmo, kPage) == ZX_OK);
  CHECK(Modified(vmo));
  CHECK(zx_pager_query_vmo_stats(pager, vmo, 2, &stats, sizeof(stats)) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_pager_query_vmo_stats(pager, vmo, 0, &stats, sizeof(stats) - 1) == ZX_ERR_BUFFER_TOO_SMALL);
}

TEST_CASE_METHOD(PagerTest, "what waits ends when the VMO is detached, or its pager closed", "[pager]") {
  const bool close = GENERATE(false, true);
  const zx_handle_t vmo = MakePaged(3);
  Supply(vmo, 0, 2, 10);
  Put(vmo, 1, 5);
  MapAt(0, vmo, 3);
  REQUIRE(kernel.Load<uint64_t>(base) == 10u);
  Background commit(kernel, [&] { return OpPages(vmo, ZX_VMO_OP_COMMIT, 2, 1); });
  CHECK(Next() == Read(2, 1));
  if (close) {
    Close(pager);
  } else {
    REQUIRE(zx_pager_detach_vmo(pager, vmo) == ZX_OK);
    CHECK(Next().command == ZX_PAGER_VMO_COMPLETE);
    REQUIRE(zx_pager_detach_vmo(pager, vmo) == ZX_OK);
  }
  CHECK(commit.Get() == ZX_ERR_BAD_STATE);
  // Nothing is asked for any more.
  CHECK_FALSE(kernel.Load<uint64_t>(base + 2 * kPage).has_value());
  uint64_t word = 0;
  CHECK(zx_vmo_read(vmo, &word, 2 * kPage, sizeof(word)) == ZX_ERR_BAD_STATE);
  CHECK(kernel.Load<uint64_t>(base + kPage) == 5u);  // dirty: it isn't anywhere else
  CHECK(kernel.Load<uint64_t>(base).has_value() == close);
  CHECK(NextNow() == Request{});
}

TEST_CASE_METHOD(PagerTest, "the last packet says that nothing refers to the VMO any more", "[pager]") {
  const zx_handle_t vmo = MakeSupplied(2, 10);
  const zx_handle_t clone = Child(vmo, kAtLeastOnWrite, 0, 2);
  MapAt(0, vmo, 2);
  Close(vmo);
  Unmap(0, 2);
  CHECK(NextNow() == Request{});
  CHECK(WordAt(clone, kPage) == 11);
  Close(clone);
  CHECK(NextNow().command == ZX_PAGER_VMO_COMPLETE);
  CHECK(kernel.pages_used() == 0);
}

}  // namespace
}  // namespace zirconia
