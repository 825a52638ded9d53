// Slices: zx_vmo_create_child with ZX_VMO_CHILD_SLICE.
#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {
namespace {

TEST_CASE_METHOD(VmoTest, "a resizable VMO has no slices", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage, ZX_VMO_RESIZABLE);
  CHECK(CreateChild(vmo, kSlice, 0, kPage) == ZX_ERR_NOT_SUPPORTED);
  CHECK(CreateChild(Child(MakeVmo(kPage), kSnapshot | ZX_VMO_CHILD_RESIZABLE, 0, 1), kSlice, 0, kPage) ==
        ZX_ERR_NOT_SUPPORTED);
  CHECK(HasZeroChildrenSignal(vmo));
}

TEST_CASE_METHOD(VmoTest, "a slice that isn't wholly inside: INVALID_ARGS; offset and size overflow: OUT_OF_RANGE",
                 "[vmo]") {
  const zx_handle_t vmo = MakeVmo(4 * kPage);
  const zx_handle_t slice = Child(vmo, kSlice, 1, 2);
  CHECK(CreateChild(vmo, kSlice, 0, 4 * kPage + 1) == ZX_ERR_INVALID_ARGS);
  CHECK(CreateChild(vmo, kSlice, 4 * kPage, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(CreateChild(vmo, kSlice, 5 * kPage, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(CreateChild(vmo, kSlice, 2 * kPage, 0 - kPage) == ZX_ERR_OUT_OF_RANGE);
  CHECK(CreateChild(vmo, kSlice, 0 - kPage, kPage) == ZX_ERR_OUT_OF_RANGE);
  // Inside of its parent is not enough for a slice of a slice.
  CHECK(CreateChild(slice, kSlice, 0, 3 * kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(CreateChild(slice, kSlice, kPage, kPage) == ZX_OK);
  CHECK(CreateChild(vmo, kSlice, 0, 4 * kPage) == ZX_OK);
}

TEST_CASE_METHOD(VmoTest, "a slice's handle has its parent's rights, plus properties; NO_WRITE takes WRITE", "[vmo]") {
  zx_handle_t vmo = MakeVmo(kPage);
  REQUIRE(zx_vmo_replace_as_executable(vmo, ZX_HANDLE_INVALID, &vmo) == ZX_OK);
  CHECK(RightsOf(Child(vmo, kSlice, 0, 1)) == RightsOf(vmo));
  CHECK(RightsOf(Child(vmo, kSlice | ZX_VMO_CHILD_NO_WRITE, 0, 1)) == (RightsOf(vmo) & ~ZX_RIGHT_WRITE));
  const zx_handle_t read_only = Without(vmo, ZX_RIGHT_WRITE | ZX_RIGHT_EXECUTE);
  CHECK(RightsOf(Child(read_only, kSlice, 0, 1)) == RightsOf(read_only));
  const zx_handle_t weak = Without(vmo, ~(ZX_RIGHT_DUPLICATE | ZX_RIGHT_READ));
  CHECK(RightsOf(Child(weak, kSlice, 0, 1)) ==
        (ZX_RIGHT_DUPLICATE | ZX_RIGHT_READ | ZX_RIGHT_GET_PROPERTY | ZX_RIGHT_SET_PROPERTY));
}

TEST_CASE_METHOD(VmoTest, "everything done to a slice is done to its parent", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  const zx_handle_t slice = Child(vmo, kSlice, 1, 2);
  CHECK(WordsOf(slice) == std::vector<uint64_t>{11, 12});
  Put(slice, 0, 21);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 21, 12, 13});
  Put(vmo, 2, 32);
  CHECK(WordsOf(slice) == std::vector<uint64_t>{21, 32});
  REQUIRE(OpPages(slice, ZX_VMO_OP_ZERO, 1, 1) == ZX_OK);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 21, 0, 13});
  REQUIRE(OpPages(slice, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_OK);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 0, 0, 13});
  CHECK(CommittedPages(vmo) == 2);
  REQUIRE(OpPages(slice, ZX_VMO_OP_COMMIT, 0, 2) == ZX_OK);
  CHECK(CommittedPages(vmo) == 4);
  CHECK(zx_vmo_set_size(slice, 0) == ZX_ERR_UNAVAILABLE);
}

TEST_CASE_METHOD(VmoTest, "a slice ends where it ends", "[vmo]") {
  const zx_handle_t slice = Child(MakeCountedVmo(4, 10), kSlice, 1, 2);
  uint64_t word = 0;
  CHECK(zx_vmo_read(slice, &word, 2 * kPage, 1) == ZX_ERR_OUT_OF_RANGE);
  CHECK(zx_vmo_write(slice, &word, 2 * kPage - 1, 2) == ZX_ERR_OUT_OF_RANGE);
  CHECK(OpPages(slice, ZX_VMO_OP_ZERO, 1, 2) == ZX_ERR_OUT_OF_RANGE);
  CHECK(OpPages(slice, ZX_VMO_OP_COMMIT, 0, 3) == ZX_ERR_OUT_OF_RANGE);
  MapAt(0, slice, 3);
  CHECK(Words(2) == std::vector<uint64_t>{11, 12});
  CHECK_FALSE(kernel.Load<uint64_t>(base + 2 * kPage).has_value());
  CHECK_FALSE(kernel.Store<uint64_t>(base + 2 * kPage, 1));
}

TEST_CASE_METHOD(VmoTest, "slice and parent show the same in their mappings, at once", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(4 * kPage);
  const zx_handle_t slice = Child(vmo, kSlice, 1, 2);
  MapAt(0, vmo, 4);
  MapAt(8, slice, 2);
  CHECK(Words(10) == std::vector<uint64_t>(10, 0));  // zeros are mapped
  REQUIRE(kernel.Store<uint64_t>(base + 8 * kPage, 11));
  REQUIRE(kernel.Store<uint64_t>(base + 2 * kPage, 12));
  CHECK(Words(10) == std::vector<uint64_t>{0, 11, 12, 0, 0, 0, 0, 0, 11, 12});
  REQUIRE(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 1, 1) == ZX_OK);
  CHECK(Words(10) == std::vector<uint64_t>{0, 0, 12, 0, 0, 0, 0, 0, 0, 12});
  CHECK(Info(vmo).num_mappings == 1);
  CHECK(Info(slice).num_mappings == 1);
}

TEST_CASE_METHOD(VmoTest, "a mapping beyond a slice's end shows nothing of the parent, whoever looks", "[vmo]") {
  const zx_handle_t parent = MakeCountedVmo(16, 10), other = MakeVmo(kPage);
  const zx_handle_t slice = Child(parent, kSlice, 4, 4);
  // Just beyond, and so far that the place in the parent, in bytes, is its beginning again.
  for (const uint64_t offset : {5 * kPage, 0 - 4 * kPage}) {
    zx_vaddr_t at = 0;
    REQUIRE(zx_vmar_map(root, kReadWrite | ZX_VM_MAP_RANGE, 0, slice, offset, kPage, &at) == ZX_OK);
    CHECK(kernel.Verify().empty());
    CHECK_FALSE(kernel.Load<uint64_t>(at).has_value());
    CHECK(zx_vmar_op_range(root, ZX_VMAR_OP_MAP_RANGE, at, kPage, nullptr, 0) == ZX_OK);
    CHECK(zx_vmo_write(other, reinterpret_cast<void*>(at), 0, 8) == ZX_ERR_NOT_FOUND);
    CHECK(zx_vmo_read(other, reinterpret_cast<void*>(at), 0, 8) == ZX_ERR_NOT_FOUND);
    uint64_t word = 0;
    size_t actual = 0;
    CHECK(zx_process_read_memory(zx_process_self(), at, &word, 8, &actual) != ZX_OK);
    CHECK(zx_process_write_memory(zx_process_self(), at, &word, 8, &actual) != ZX_OK);
  }
  CHECK(WordAt(parent, 0) == 10);
  CHECK(WordAt(other, 0) == 0);
}

TEST_CASE_METHOD(VmoTest, "slices of slices", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(8, 10);
  const zx_handle_t slice = Child(vmo, kSlice, 2, 5);
  const zx_handle_t inner = Child(slice, kSlice, 1, 3);
  CHECK(WordsOf(inner) == std::vector<uint64_t>{13, 14, 15});
  Put(inner, 2, 25);
  CHECK(WordAt(vmo, 5 * kPage) == 25);
  Close(slice);
  Close(vmo);
  CHECK(WordsOf(inner) == std::vector<uint64_t>{13, 14, 25});
  Put(inner, 0, 33);
  CHECK(WordsOf(inner) == std::vector<uint64_t>{33, 14, 25});
}

TEST_CASE_METHOD(VmoTest, "when the parent is gone, a slice keeps what it shows and nothing else", "[vmo]") {
  const uint64_t used = kernel.pages_used();
  const zx_handle_t vmo = MakeCountedVmo(8, 10);
  const zx_handle_t low = Child(vmo, kSlice, 1, 3);
  const zx_handle_t high = Child(vmo, kSlice, 3, 2);
  Close(vmo);
  CHECK(kernel.pages_used() == used + 4);
  CHECK(WordsOf(low) == std::vector<uint64_t>{11, 12, 13});
  Put(low, 2, 23);
  CHECK(WordsOf(high) == std::vector<uint64_t>{23, 14});  // both show it still
  Close(low);
  CHECK(kernel.pages_used() == used + 2);
  CHECK(WordsOf(high) == std::vector<uint64_t>{23, 14});
  Close(high);
  CHECK(kernel.pages_used() == used);
}

TEST_CASE_METHOD(VmoTest, "a snapshot of a slice sees the slice alone; one of the parent leaves slices with the parent",
                 "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  const zx_handle_t slice = Child(vmo, kSlice, 1, 2);
  const zx_handle_t of_slice = Child(slice, kSnapshot, 0, 4);
  const zx_handle_t of_vmo = Child(vmo, kSnapshot, 0, 4);
  Put(slice, 0, 21);
  Put(vmo, 2, 32);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 21, 32, 13});
  CHECK(WordsOf(slice) == std::vector<uint64_t>{21, 32});
  CHECK(WordsOf(of_slice) == std::vector<uint64_t>{11, 12, 0, 0});
  CHECK(WordsOf(of_vmo) == std::vector<uint64_t>{10, 11, 12, 13});
}

TEST_CASE_METHOD(VmoTest, "a slice of a snapshot is done to the snapshot, not to its parent", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(3, 10);
  const zx_handle_t snapshot = Child(vmo, kSnapshot, 0, 3);
  const zx_handle_t slice = Child(snapshot, kSlice, 1, 1);
  MapAt(0, slice, 1);
  REQUIRE(kernel.Store<uint64_t>(base, 21));
  CHECK(WordsOf(snapshot) == std::vector<uint64_t>{10, 21, 12});
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 11, 12});
  Put(vmo, 1, 31);
  CHECK(WordsOf(slice) == std::vector<uint64_t>{21});
}

}  // namespace
}  // namespace zirconia
