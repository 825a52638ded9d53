// zx_vmo_op_range.
#include <string>

#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {
namespace {

constexpr std::array<uint32_t, 4> kCacheOperations = {ZX_VMO_OP_CACHE_SYNC, ZX_VMO_OP_CACHE_INVALIDATE,
                                                      ZX_VMO_OP_CACHE_CLEAN, ZX_VMO_OP_CACHE_CLEAN_INVALIDATE};

TEST_CASE_METHOD(VmoTest, "op_range: handles, and operations that don't exist", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  CHECK(Op(3, ZX_VMO_OP_COMMIT, 0, kPage) == ZX_ERR_BAD_HANDLE);
  CHECK(Op(vmar, ZX_VMO_OP_COMMIT, 0, kPage) == ZX_ERR_WRONG_TYPE);
  for (const uint32_t op : {0u, 5u, 14u, 1000u, UINT32_MAX}) {
    CHECK(Op(vmo, op, 0, kPage) == ZX_ERR_INVALID_ARGS);
    CHECK(Op(vmo, op, 0, 0) == ZX_ERR_INVALID_ARGS);
  }
}

TEST_CASE_METHOD(VmoTest, "op_range: the right that each operation needs", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  const zx_handle_t read = Without(vmo, ZX_RIGHT_WRITE);
  const zx_handle_t write = Without(vmo, ZX_RIGHT_READ);
  for (const uint32_t op : {ZX_VMO_OP_COMMIT, ZX_VMO_OP_DECOMMIT, ZX_VMO_OP_ZERO, ZX_VMO_OP_CACHE_INVALIDATE}) {
    CHECK(Op(read, op, 0, kPage) == ZX_ERR_ACCESS_DENIED);
    CHECK(Op(read, op, 1, UINT64_MAX) == ZX_ERR_ACCESS_DENIED);  // comes before the range
    CHECK(Op(write, op, 0, kPage) == ZX_OK);
  }
  for (const uint32_t op : {ZX_VMO_OP_CACHE_SYNC, ZX_VMO_OP_CACHE_CLEAN, ZX_VMO_OP_CACHE_CLEAN_INVALIDATE}) {
    CHECK(Op(write, op, 0, kPage) == ZX_ERR_ACCESS_DENIED);
    CHECK(Op(write, op, 0, 0) == ZX_ERR_ACCESS_DENIED);
    CHECK(Op(read, op, 0, kPage) == ZX_OK);
  }
}

TEST_CASE_METHOD(VmoTest, "op_range: locking is for discardable VMOs only", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  zx_vmo_lock_state_t state{};
  for (const uint32_t op : {ZX_VMO_OP_LOCK, ZX_VMO_OP_TRY_LOCK, ZX_VMO_OP_UNLOCK}) {
    CHECK(zx_vmo_op_range(vmo, op, 0, kPage, &state, sizeof(state)) == ZX_ERR_NOT_SUPPORTED);
    CHECK(zx_vmo_op_range(Without(vmo, ZX_RIGHT_READ), op, 0, kPage, &state, sizeof(state)) == ZX_ERR_NOT_SUPPORTED);
    CHECK(zx_vmo_op_range(Without(vmo, ZX_RIGHT_WRITE), op, 0, kPage, &state, sizeof(state)) == ZX_ERR_NOT_SUPPORTED);
    CHECK(zx_vmo_op_range(Without(vmo, ZX_RIGHT_WRITE | ZX_RIGHT_READ), op, 0, kPage, &state, sizeof(state)) ==
          ZX_ERR_ACCESS_DENIED);
  }
}

TEST_CASE_METHOD(VmoTest, "op_range: a range that isn't wholly inside is OUT_OF_RANGE, and nothing is done", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  Put(vmo, 1, 7);
  for (const uint32_t op : {ZX_VMO_OP_COMMIT, ZX_VMO_OP_DECOMMIT, ZX_VMO_OP_ZERO, ZX_VMO_OP_CACHE_SYNC,
                            ZX_VMO_OP_CACHE_INVALIDATE, ZX_VMO_OP_CACHE_CLEAN, ZX_VMO_OP_CACHE_CLEAN_INVALIDATE}) {
    CHECK(OpPages(vmo, op, 0, 3) == ZX_ERR_OUT_OF_RANGE);
    CHECK(OpPages(vmo, op, 2, 1) == ZX_ERR_OUT_OF_RANGE);
    CHECK(OpPages(vmo, op, 1, (UINT64_MAX / kPage)) == ZX_ERR_OUT_OF_RANGE);  // wraps around
    CHECK(Op(vmo, op, 0 - kPage, 2 * kPage) == ZX_ERR_OUT_OF_RANGE);
    if (op == ZX_VMO_OP_DECOMMIT) continue;
    CHECK(Op(vmo, op, kPage, kPage + 1) == ZX_ERR_OUT_OF_RANGE);
    CHECK(Op(vmo, op, 2 * kPage - 1, 2) == ZX_ERR_OUT_OF_RANGE);
  }
  for (const uint32_t op : {ZX_VMO_OP_COMMIT, ZX_VMO_OP_DECOMMIT, ZX_VMO_OP_ZERO}) {
    CHECK(OpPages(vmo, op, 2, 0) == ZX_OK);
    CHECK(OpPages(vmo, op, 3, 0) == ZX_ERR_OUT_OF_RANGE);
  }
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{0, 7});
  CHECK(CommittedPages(vmo) == 1);
}

TEST_CASE_METHOD(VmoTest, "op_range: cache operations of nothing are INVALID_ARGS", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  for (const uint32_t op : kCacheOperations) {
    CHECK(Op(vmo, op, 0, 0) == ZX_ERR_INVALID_ARGS);
    CHECK(Op(vmo, op, 2 * kPage, 0) == ZX_ERR_INVALID_ARGS);
    CHECK(Op(vmo, op, 5, 9) == ZX_OK);  // need not be aligned
    CHECK(Op(vmo, op, kPage - 1, kPage + 1) == ZX_OK);
  }
  CHECK(CommittedPages(vmo) == 0);
}

TEST_CASE_METHOD(VmoTest, "COMMIT commits every page that the range touches, with what they hold", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(5 * kPage);
  Put(vmo, 2, 7);
  REQUIRE(Op(vmo, ZX_VMO_OP_COMMIT, 2 * kPage - 1, kPage + 2) == ZX_OK);
  CHECK(CommittedPages(vmo) == 3);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{0, 0, 7, 0, 0});
  REQUIRE(Op(vmo, ZX_VMO_OP_COMMIT, kPage, 0) == ZX_OK);
  CHECK(CommittedPages(vmo) == 3);
  const uint64_t used = kernel.pages_used();
  MapAt(0, vmo, 5);
  CHECK(Writable(base + kPage));
  CHECK(kernel.pages_used() == used);
}

TEST_CASE_METHOD(VmoTest, "COMMIT is all or nothing", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(uint64_t{1} << 40);
  CHECK(Op(vmo, ZX_VMO_OP_COMMIT, 0, uint64_t{1} << 40) == ZX_ERR_NO_MEMORY);
  CHECK(CommittedPages(vmo) == 0);
}

TEST_CASE_METHOD(VmoTest, "DECOMMIT and ZERO show through every live mapping at once", "[vmo]") {
  for (const uint32_t op : {ZX_VMO_OP_DECOMMIT, ZX_VMO_OP_ZERO}) {
    const zx_handle_t vmo = MakeCountedVmo(4, 10);
    MapAt(0, vmo, 4);
    MapAt(8, vmo, 2, kRead, 1);
    CHECK(Words(10) == std::vector<uint64_t>{10, 11, 12, 13, 0, 0, 0, 0, 11, 12});
    REQUIRE(OpPages(vmo, op, 1, 2) == ZX_OK);
    CHECK(Words(10) == std::vector<uint64_t>{10, 0, 0, 13, 0, 0, 0, 0, 0, 0});
    CHECK(CommittedPages(vmo) == 2);  // ZERO gives whole pages back, too
    REQUIRE(kernel.Store<uint64_t>(base + kPage, 5));
    CHECK(kernel.Load<uint64_t>(base + 8 * kPage) == 5u);
    CHECK(CommittedPages(vmo) == 3);
    Unmap(0, 16);
    Close(vmo);
  }
}

TEST_CASE_METHOD(VmoTest, "DECOMMIT wants a page-aligned range", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  CHECK(Op(vmo, ZX_VMO_OP_DECOMMIT, 1, kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(Op(vmo, ZX_VMO_OP_DECOMMIT, 0, kPage - 1) == ZX_ERR_INVALID_ARGS);
  CHECK(Op(vmo, ZX_VMO_OP_DECOMMIT, 8, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 11});
  CHECK(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 0, 0) == ZX_OK);
  CHECK(CommittedPages(vmo) == 2);
}

TEST_CASE_METHOD(VmoTest, "DECOMMIT gives memory back", "[vmo]") {
  const uint64_t used = kernel.pages_used();
  const zx_handle_t vmo = MakeCountedVmo(8, 10);
  CHECK(kernel.pages_used() == used + 8);
  REQUIRE(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 0, 8) == ZX_OK);
  CHECK(kernel.pages_used() == used);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>(8, 0));
}

TEST_CASE_METHOD(VmoTest, "DECOMMIT: not of a snapshot, nor while there are any; of slices it is", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  const zx_handle_t slice = Child(vmo, kSlice, 1, 2);
  for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite}) {
    const zx_handle_t child = Child(vmo, kind, 0, 4);
    for (const zx_handle_t one : {vmo, slice, child}) {
      CHECK(OpPages(one, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_ERR_NOT_SUPPORTED);
    }
    const zx_handle_t slice_of_child = Child(child, kSlice, 0, 4);
    CHECK(OpPages(slice_of_child, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_ERR_NOT_SUPPORTED);
    // Its parent being gone, it is a child no less.
    Close(slice_of_child);
    Close(child);
  }
  const zx_handle_t of_slice = Child(slice, kSnapshot, 0, 2);
  CHECK(OpPages(slice, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_ERR_NOT_SUPPORTED);
  Close(of_slice);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 11, 12, 13});
  CHECK(OpPages(slice, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_OK);
  CHECK(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 3, 1) == ZX_OK);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 0, 12, 0});
}

TEST_CASE_METHOD(VmoTest, "DECOMMIT while only a slice of a snapshot is left of it: NOT_SUPPORTED still", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  const zx_handle_t snapshot = Child(vmo, ZX_VMO_CHILD_SNAPSHOT, 0, 1);
  const zx_handle_t slice = Child(snapshot, ZX_VMO_CHILD_SLICE, 0, 1);
  Close(snapshot);
  CHECK(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_ERR_NOT_SUPPORTED);
  Close(slice);
  CHECK(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_OK);
}

TEST_CASE_METHOD(VmoTest, "DECOMMIT of a snapshot whose parent is gone: NOT_SUPPORTED still", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 2);
  Close(vmo);
  CHECK(OpPages(child, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_ERR_NOT_SUPPORTED);
  CHECK(WordsOf(child) == std::vector<uint64_t>{10, 11});
}

TEST_CASE_METHOD(VmoTest, "ZERO clears bytes, of any range", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(4 * kPage);
  const std::string text(4 * kPage, 'x');
  REQUIRE(zx_vmo_write(vmo, text.data(), 0, text.size()) == ZX_OK);
  const uint64_t from = kPage - 3, to = 3 * kPage + 5;
  REQUIRE(Op(vmo, ZX_VMO_OP_ZERO, from, to - from) == ZX_OK);
  std::string back(text.size(), '?');
  REQUIRE(zx_vmo_read(vmo, back.data(), 0, back.size()) == ZX_OK);
  CHECK(back == std::string(from, 'x') + std::string(to - from, '\0') + std::string(4 * kPage - to, 'x'));
  CHECK(CommittedPages(vmo) == 2);
  REQUIRE(Op(vmo, ZX_VMO_OP_ZERO, 10, 20) == ZX_OK);
  CHECK(WordAt(vmo, 16) == 0);
  CHECK(WordAt(vmo, 32) == 0x7878787878787878);
}

TEST_CASE_METHOD(VmoTest, "ZERO of a snapshot or its parent leaves the other one alone", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(3, 10);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 3);
  REQUIRE(OpPages(child, ZX_VMO_OP_ZERO, 0, 1) == ZX_OK);
  REQUIRE(OpPages(vmo, ZX_VMO_OP_ZERO, 1, 1) == ZX_OK);
  REQUIRE(Op(vmo, ZX_VMO_OP_ZERO, 2 * kPage, 8) == ZX_OK);
  CHECK(WordsOf(child) == std::vector<uint64_t>{0, 11, 12});
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 0, 0});
}

TEST_CASE_METHOD(VmoTest, "ZERO of a part of a shared page, and no memory for a copy: NO_MEMORY, nothing changed",
                 "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(3, 10);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 3);
  kernel.FailAllocation(1);
  CHECK(Op(child, ZX_VMO_OP_ZERO, 4, 2 * kPage) == ZX_ERR_NO_MEMORY);
  CHECK(WordsOf(child) == std::vector<uint64_t>{10, 11, 12});
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 11, 12});
  CHECK(CommittedPages({vmo, child}) == std::vector<uint64_t>{3, 0});
}

TEST_CASE_METHOD(VmoTest, "DONT_NEED and ALWAYS_NEED of anonymous memory change nothing", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  for (const uint32_t op : {ZX_VMO_OP_DONT_NEED, ZX_VMO_OP_ALWAYS_NEED}) {
    CHECK(OpPages(vmo, op, 0, 2) == ZX_OK);
    CHECK(OpPages(vmo, op, 1, 2) == ZX_ERR_OUT_OF_RANGE);
  }
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 11});
  CHECK(CommittedPages(vmo) == 2);
}

TEST_CASE_METHOD(DeviceTest, "DECOMMIT of contiguous and physical memory: NOT_SUPPORTED", "[vmo]") {
  const zx_handle_t contiguous = MakeContiguous(2 * kPage);
  const zx_handle_t physical = MakePhysical(0, 2 * kPage);
  for (const zx_handle_t vmo : {contiguous, physical}) {
    CHECK(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_ERR_NOT_SUPPORTED);
    CHECK(OpPages(Child(vmo, kSlice, 0, 1), ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_ERR_NOT_SUPPORTED);
  }
  CHECK(CommittedPages(contiguous) == 2);
}

TEST_CASE_METHOD(DeviceTest, "DECOMMIT of pinned pages: BAD_STATE; of others it goes on", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  const zx_handle_t token = Pin(vmo, 1, 2);
  for (const uint64_t first : {0, 1, 2}) CHECK(OpPages(vmo, ZX_VMO_OP_DECOMMIT, first, 2) == ZX_ERR_BAD_STATE);
  CHECK(OpPages(Child(vmo, kSlice, 2, 1), ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_ERR_BAD_STATE);
  CHECK(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 3, 1) == ZX_OK);
  CHECK(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_OK);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{0, 11, 12, 0});
  Unpin(token);
  CHECK(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 0, 4) == ZX_OK);
  CHECK(CommittedPages(vmo) == 0);
}

TEST_CASE_METHOD(DeviceTest, "ZERO of pinned pages clears them where they are", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  zx_paddr_t before[2], after[2];
  const zx_handle_t token = Pin(vmo, 0, 2, before);
  REQUIRE(OpPages(vmo, ZX_VMO_OP_ZERO, 0, 2) == ZX_OK);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{0, 0});
  CHECK(CommittedPages(vmo) == 2);
  const zx_handle_t second = Pin(vmo, 0, 2, after);
  CHECK(before[0] == after[0]);
  CHECK(before[1] == after[1]);
  Unpin(token);
  Unpin(second);
}

}  // namespace
}  // namespace zirconia
