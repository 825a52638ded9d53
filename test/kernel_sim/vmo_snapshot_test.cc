// zx_vmo_create_child: options, rights, and what snapshots hold.
#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {
namespace {

TEST_CASE_METHOD(VmoTest, "create_child: handles and rights, which come before options", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  for (const uint32_t options : {kSnapshot, kSlice, 0u}) {
    CHECK(CreateChild(3, options, 0, kPage) == ZX_ERR_BAD_HANDLE);
    CHECK(CreateChild(vmar, options, 0, kPage) == ZX_ERR_WRONG_TYPE);
    CHECK(CreateChild(Without(vmo, ZX_RIGHT_DUPLICATE), options, 0, kPage) == ZX_ERR_ACCESS_DENIED);
    CHECK(CreateChild(Without(vmo, ZX_RIGHT_READ), options, 0, kPage) == ZX_ERR_ACCESS_DENIED);
  }
  const zx_handle_t enough = Without(vmo, ~(ZX_RIGHT_DUPLICATE | ZX_RIGHT_READ));
  for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite, kSlice}) CHECK(CreateChild(enough, kind, 0, kPage) == ZX_OK);
}

TEST_CASE_METHOD(VmoTest, "create_child: exactly one kind, and flags that go together", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  constexpr uint32_t kResizable = ZX_VMO_CHILD_RESIZABLE, kNoWrite = ZX_VMO_CHILD_NO_WRITE;
  for (const uint32_t options :
       {0u, kResizable, kNoWrite, kSnapshot | kSlice, kSnapshot | kAtLeastOnWrite, kAtLeastOnWrite | kSlice,
        kSnapshot | kAtLeastOnWrite | kSlice, kSnapshot | kResizable | kNoWrite,
        kAtLeastOnWrite | kResizable | kNoWrite, kSlice | kResizable, kSlice | kResizable | kNoWrite, kSnapshot | 2u,
        kSnapshot | (1u << 6), kSlice | (1u << 31)}) {
    INFO("options " << options);
    CHECK(CreateChild(vmo, options, 0, kPage) == ZX_ERR_INVALID_ARGS);
  }
  for (const uint32_t options : {kSnapshot | kResizable, kSnapshot | kNoWrite, kAtLeastOnWrite | kResizable,
                                 kAtLeastOnWrite | kNoWrite, kSlice | kNoWrite}) {
    INFO("options " << options);
    CHECK(CreateChild(vmo, options, 0, kPage) == ZX_OK);
  }
}

TEST_CASE_METHOD(VmoTest, "create_child: offsets and sizes", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite, kSlice}) {
    CHECK(CreateChild(vmo, kind, 1, kPage) == ZX_ERR_INVALID_ARGS);
    CHECK(CreateChild(vmo, kind, kPage - 1, 1) == ZX_ERR_INVALID_ARGS);
    CHECK(CreateChild(vmo, kind, 0 - kPage, 2 * kPage) == ZX_ERR_OUT_OF_RANGE);
    CHECK(CreateChild(vmo, kind, kPage, 0 - kPage) == ZX_ERR_OUT_OF_RANGE);
    CHECK(CreateChild(vmo, kind, kPage, UINT64_MAX) == ZX_ERR_OUT_OF_RANGE);
    CHECK(CreateChild(vmo, kind, 0, 0) == ZX_OK);
    CHECK(CreateChild(vmo, kind, 2 * kPage, 0) == ZX_OK);
  }
  CHECK(CreateChild(vmo, kSnapshot, 0, (uint64_t{1} << 47) + 1) == ZX_ERR_OUT_OF_RANGE);
  CHECK(CreateChild(vmo, kSnapshot, uint64_t{1} << 60, kPage) == ZX_OK);  // far beyond its parent
}

TEST_CASE_METHOD(VmoTest, "create_child whose result has nowhere to go makes nothing", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  MapAt(0, vmo, 4);
  const uint64_t used = kernel.pages_used();
  const uint32_t handles = VmoHandles();
  for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite, kSlice}) {
    CHECK(zx_vmo_create_child(vmo, kind, 0, 2 * kPage, nullptr) == ZX_ERR_INVALID_ARGS);
    CHECK(zx_vmo_create_child(vmo, kind, 0, 2 * kPage, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
  }
  CHECK(Info(vmo).num_children == 0);
  CHECK(HasZeroChildrenSignal(vmo));
  CHECK(VmoHandles() == handles);
  for (uint64_t page = 0; page < 4; ++page) CHECK(Writable(base + page * kPage));
  CHECK(kernel.pages_used() == used);  // nothing was left to be copied
  CHECK(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 0, 4) == ZX_OK);
}

TEST_CASE_METHOD(VmoTest, "a snapshot's handle: the parent's rights less EXECUTE, plus WRITE and properties", "[vmo]") {
  zx_handle_t vmo = MakeVmo(kPage);
  REQUIRE(zx_vmo_replace_as_executable(vmo, ZX_HANDLE_INVALID, &vmo) == ZX_OK);
  constexpr zx_rights_t kProperties = ZX_RIGHT_GET_PROPERTY | ZX_RIGHT_SET_PROPERTY;
  for (const zx_rights_t missing : {zx_rights_t{0}, ZX_RIGHT_WRITE, ZX_RIGHT_MAP | ZX_RIGHT_TRANSFER, kProperties,
                                    ZX_RIGHT_EXECUTE | ZX_RIGHT_WAIT, ~(ZX_RIGHT_DUPLICATE | ZX_RIGHT_READ)}) {
    const zx_handle_t parent = Without(vmo, missing);
    const zx_rights_t kept = (RightsOf(parent) & ~ZX_RIGHT_EXECUTE) | kProperties;
    for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite}) {
      CHECK(RightsOf(Child(parent, kind, 0, 1)) == (kept | ZX_RIGHT_WRITE));
      CHECK(RightsOf(Child(parent, kind | ZX_VMO_CHILD_NO_WRITE, 0, 1)) == (kept & ~ZX_RIGHT_WRITE));
    }
  }
}

TEST_CASE_METHOD(VmoTest, "a child's size rounds up, its content size doesn't", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite, kSlice}) {
    zx_handle_t child = 0;
    REQUIRE(zx_vmo_create_child(vmo, kind, kPage, 100, &child) == ZX_OK);
    CHECK(SizeOf(child) == kPage);
    CHECK(ContentSizeOf(child) == 100);
    const uint64_t size = 5;
    REQUIRE(zx_object_set_property(child, ZX_PROP_VMO_CONTENT_SIZE, &size, sizeof(size)) == ZX_OK);
    CHECK(ContentSizeOf(child) == 5);
    CHECK(ContentSizeOf(vmo) == 2 * kPage);
  }
}

TEST_CASE_METHOD(VmoTest, "what ZX_INFO_VMO says of the kind of a child", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage, ZX_VMO_RESIZABLE);
  const auto flags = [&](zx_handle_t parent, uint32_t options) {
    const zx_info_vmo_t info = Info(Child(parent, options, 0, 1));
    CHECK(info.parent_koid == KoidOf(parent));
    return info.flags & ~ZX_INFO_VMO_VIA_HANDLE;
  };
  constexpr uint32_t kClone = ZX_INFO_VMO_TYPE_PAGED | ZX_INFO_VMO_IS_COW_CLONE;
  CHECK(flags(vmo, kSnapshot) == kClone);
  CHECK(flags(vmo, kAtLeastOnWrite) == kClone);
  CHECK(flags(vmo, kSnapshot | ZX_VMO_CHILD_RESIZABLE) == (kClone | ZX_INFO_VMO_RESIZABLE));
  CHECK(flags(vmo, kSnapshot | ZX_VMO_CHILD_NO_WRITE) == (kClone | ZX_INFO_VMO_IMMUTABLE));
  CHECK(flags(MakeVmo(kPage), kSlice) == ZX_INFO_VMO_TYPE_PAGED);
}

TEST_CASE_METHOD(VmoTest, "a snapshot is as if copied: writes of either side don't show in the other", "[vmo]") {
  for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite}) {
    const zx_handle_t vmo = MakeCountedVmo(4, 10);
    REQUIRE(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 3, 1) == ZX_OK);
    const zx_handle_t child = Child(vmo, kind, 0, 4);
    CHECK(WordsOf(child) == std::vector<uint64_t>{10, 11, 12, 0});
    Put(vmo, 0, 20);
    Put(child, 1, 31);
    Put(vmo, 3, 23);
    CHECK(WordsOf(vmo) == std::vector<uint64_t>{20, 11, 12, 23});
    CHECK(WordsOf(child) == std::vector<uint64_t>{10, 31, 12, 0});
    Close(vmo);
    CHECK(WordsOf(child) == std::vector<uint64_t>{10, 31, 12, 0});
  }
}

TEST_CASE_METHOD(VmoTest, "a write copies the whole page, and shows in the writer's mappings alone", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  REQUIRE(Write(vmo, kPage - 8, 99) == ZX_OK);
  MapAt(0, vmo, 2);
  MapAt(8, vmo, 2, kRead);
  CHECK(Writable(base));  // was shown writable before
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 2);
  MapAt(4, child, 2);
  MapAt(12, child, 2, kRead);
  CHECK(Words(14) == std::vector<uint64_t>{10, 11, 0, 0, 10, 11, 0, 0, 10, 11, 0, 0, 10, 11});
  REQUIRE(kernel.Store<uint64_t>(base, 20));
  CHECK(Words(14) == std::vector<uint64_t>{20, 11, 0, 0, 10, 11, 0, 0, 20, 11, 0, 0, 10, 11});
  REQUIRE(kernel.Store<uint64_t>(base + 5 * kPage, 31));
  CHECK(Words(14) == std::vector<uint64_t>{20, 11, 0, 0, 10, 31, 0, 0, 20, 11, 0, 0, 10, 31});
  CHECK(kernel.Load<uint64_t>(base + kPage - 8) == 99u);
  CHECK(kernel.Load<uint64_t>(base + 5 * kPage - 8) == 99u);
  Put(vmo, 1, 41);
  Put(child, 0, 50);
  CHECK(Words(14) == std::vector<uint64_t>{20, 41, 0, 0, 50, 31, 0, 0, 20, 41, 0, 0, 50, 31});
}

TEST_CASE_METHOD(VmoTest, "a write into zeros that are mapped doesn't show in a snapshot", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  MapAt(0, vmo, 2);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 2);
  MapAt(4, child, 2);
  CHECK(Words(6) == std::vector<uint64_t>(6, 0));
  REQUIRE(kernel.Store<uint64_t>(base, 1));
  REQUIRE(kernel.Store<uint64_t>(base + 5 * kPage, 2));
  CHECK(Words(6) == std::vector<uint64_t>{1, 0, 0, 0, 0, 2});
}

TEST_CASE_METHOD(VmoTest, "a clone may reach beyond its parent: there it is zeros, and its own", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  const zx_handle_t child = Child(vmo, kSnapshot, 1, 3);
  const zx_handle_t outside = Child(vmo, kSnapshot, 8, 2);
  CHECK(WordsOf(child) == std::vector<uint64_t>{11, 0, 0});
  CHECK(WordsOf(outside) == std::vector<uint64_t>{0, 0});
  Put(child, 2, 7);
  Put(outside, 0, 8);
  CHECK(WordsOf(child) == std::vector<uint64_t>{11, 0, 7});
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 11});
  CHECK(SizeOf(vmo) == 2 * kPage);
}

TEST_CASE_METHOD(VmoTest, "a parent that shrinks leaves its snapshots whole, and grows with what they never see",
                 "[vmo]") {
  const zx_handle_t vmo = MakeVmo(3 * kPage, ZX_VMO_RESIZABLE);
  for (uint64_t page = 0; page < 3; ++page) Put(vmo, page, 10 + page);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 5);
  REQUIRE(zx_vmo_set_size(vmo, kPage) == ZX_OK);
  CHECK(WordsOf(child) == std::vector<uint64_t>{10, 11, 12, 0, 0});
  REQUIRE(zx_vmo_set_size(vmo, 5 * kPage) == ZX_OK);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 0, 0, 0, 0});
  for (uint64_t page = 1; page < 5; ++page) Put(vmo, page, 20 + page);
  CHECK(WordsOf(child) == std::vector<uint64_t>{10, 11, 12, 0, 0});
  // One that is made while the parent is small sees zeros for good.
  REQUIRE(zx_vmo_set_size(vmo, kPage) == ZX_OK);
  const zx_handle_t late = Child(vmo, kSnapshot, 0, 3);
  REQUIRE(zx_vmo_set_size(vmo, 3 * kPage) == ZX_OK);
  Put(vmo, 1, 31);
  CHECK(WordsOf(late) == std::vector<uint64_t>{10, 0, 0});
}

TEST_CASE_METHOD(VmoTest, "a grandchild sees no more than its parent's window", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(6, 10);
  const zx_handle_t child = Child(vmo, kSnapshot, 1, 2);
  const zx_handle_t grandchild = Child(child, kSnapshot, 0, 5);
  CHECK(WordsOf(grandchild) == std::vector<uint64_t>{11, 12, 0, 0, 0});
  const zx_handle_t shifted = Child(child, kSnapshot, 1, 4);
  CHECK(WordsOf(shifted) == std::vector<uint64_t>{12, 0, 0, 0});
  // The child grown, and cut and grown again, doesn't let its descendants see more.
  const zx_handle_t resizable = Child(vmo, kSnapshot | ZX_VMO_CHILD_RESIZABLE, 1, 3);
  REQUIRE(zx_vmo_set_size(resizable, kPage) == ZX_OK);
  REQUIRE(zx_vmo_set_size(resizable, 4 * kPage) == ZX_OK);
  CHECK(WordsOf(resizable) == std::vector<uint64_t>{11, 0, 0, 0});
  CHECK(WordsOf(Child(resizable, kSnapshot, 0, 6)) == std::vector<uint64_t>{11, 0, 0, 0, 0, 0});
}

TEST_CASE_METHOD(VmoTest, "generations go their own ways, in whatever order they are closed", "[vmo]") {
  const std::vector<std::vector<size_t>> orders = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  const uint64_t used = kernel.pages_used();
  for (const auto& order : orders) {
    std::array<zx_handle_t, 3> vmos{};
    vmos[0] = MakeCountedVmo(3, 10);
    vmos[1] = Child(vmos[0], kSnapshot, 0, 3);
    Put(vmos[1], 1, 21);
    vmos[2] = Child(vmos[1], kSnapshot, 0, 3);
    Put(vmos[2], 2, 32);
    Put(vmos[0], 0, 40);
    const std::array<std::vector<uint64_t>, 3> expected{{{40, 11, 12}, {10, 21, 12}, {10, 21, 32}}};
    for (size_t closed = 0; closed < 3; ++closed) {
      for (size_t left = closed; left < 3; ++left) CHECK(WordsOf(vmos[order[left]]) == expected[order[left]]);
      CHECK(kernel.Verify().empty());
      Close(vmos[order[closed]]);
    }
    CHECK(kernel.pages_used() == used);
  }
}

TEST_CASE_METHOD(VmoTest, "a child is resizable when it was asked for, whatever its parent is", "[vmo]") {
  const zx_handle_t fixed = MakeCountedVmo(2, 10);
  const zx_handle_t child = Child(fixed, kSnapshot | ZX_VMO_CHILD_RESIZABLE, 0, 2);
  REQUIRE(zx_vmo_set_size(child, 3 * kPage) == ZX_OK);
  CHECK(WordsOf(child) == std::vector<uint64_t>{10, 11, 0});
  REQUIRE(zx_vmo_set_size(child, kPage) == ZX_OK);
  CHECK(WordsOf(fixed) == std::vector<uint64_t>{10, 11});
  CHECK(zx_vmo_set_size(Child(MakeVmo(kPage, ZX_VMO_RESIZABLE), kSnapshot, 0, 1), 0) == ZX_ERR_UNAVAILABLE);
}

TEST_CASE_METHOD(VmoTest, "NO_WRITE: nobody writes to the child, who still reads it", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(1, 10);
  const zx_handle_t child = Child(vmo, kSnapshot | ZX_VMO_CHILD_NO_WRITE, 0, 1);
  CHECK(Write(child, 0, 1) == ZX_ERR_ACCESS_DENIED);
  CHECK(Map(vmar, kReadWrite, 0, child, 0, kPage) == ZX_ERR_ACCESS_DENIED);
  Put(vmo, 0, 20);
  CHECK(WordAt(child, 0) == 10);
}

TEST_CASE_METHOD(VmoTest, "COMMIT of a child copies what its parent holds, and leaves the parent alone", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 4);
  REQUIRE(OpPages(child, ZX_VMO_OP_COMMIT, 0, 4) == ZX_OK);
  CHECK(WordsOf(child) == std::vector<uint64_t>{10, 11, 0, 0});
  CHECK(CommittedPages({vmo, child}) == std::vector<uint64_t>{2, 4});
  const uint64_t used = kernel.pages_used();
  Put(child, 0, 20);
  Put(vmo, 1, 31);
  CHECK(kernel.pages_used() == used);  // nothing is shared any more
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 31});
  const zx_handle_t again = Child(vmo, kSnapshot, 0, 2);
  kernel.FailAllocation(1);
  CHECK(OpPages(again, ZX_VMO_OP_COMMIT, 0, 2) == ZX_ERR_NO_MEMORY);
  CHECK(CommittedPages({vmo, again}) == std::vector<uint64_t>{2, 0});
}

TEST_CASE_METHOD(VmoTest, "a write that finds no frame for its copy: NO_MEMORY; both sides stay as they are", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(1, 10);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 1);
  kernel.FailAllocation(1);
  CHECK(Write(child, 0, 1) == ZX_ERR_NO_MEMORY);
  kernel.FailAllocation(1);
  CHECK(Write(vmo, 0, 1) == ZX_ERR_NO_MEMORY);
  CHECK(WordAt(vmo, 0) == 10);
  CHECK(WordAt(child, 0) == 10);
}

}  // namespace
}  // namespace zirconia
