// Contiguous and physical VMOs, and pages that are pinned for devices.
#include <zircon/syscalls/resource.h>

#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {
namespace {

zx_handle_t MakeResource(zx_handle_t parent, uint32_t kind, uint64_t address, uint64_t size) {
  zx_handle_t out = ZX_HANDLE_INVALID;
  REQUIRE(zx_resource_create(parent, kind, address, size, nullptr, 0, &out) == ZX_OK);
  return out;
}

TEST_CASE_METHOD(DeviceTest, "create_contiguous: errors, which leave nothing", "[vmo]") {
  const uint64_t used = kernel.pages_used();
  zx_handle_t out = 0;
  CHECK(zx_vmo_create_contiguous(3, kPage, 0, &out) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_vmo_create_contiguous(resource, kPage, 0, &out) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_vmo_create_contiguous(Without(bti, ZX_RIGHT_MAP), kPage, 0, &out) == ZX_ERR_ACCESS_DENIED);
  CHECK(zx_vmo_create_contiguous(bti, 0, 0, &out) == ZX_ERR_INVALID_ARGS);
  for (const uint32_t alignment : {1u, 11u, 64u, 100u, UINT32_MAX}) {
    CHECK(zx_vmo_create_contiguous(bti, kPage, alignment, &out) == ZX_ERR_INVALID_ARGS);
  }
  CHECK(zx_vmo_create_contiguous(bti, UINT64_MAX, 0, &out) == ZX_ERR_OUT_OF_RANGE);
  CHECK(zx_vmo_create_contiguous(bti, uint64_t{1} << 40, 0, &out) == ZX_ERR_NO_MEMORY);
  CHECK(zx_vmo_create_contiguous(bti, kPage, 63, &out) != ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmo_create_contiguous(bti, 4 * kPage, 0, nullptr) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmo_create_contiguous(bti, 4 * kPage, 0, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
  kernel.FailAllocation(1);
  CHECK(zx_vmo_create_contiguous(bti, 4 * kPage, 0, &out) == ZX_ERR_NO_MEMORY);
  if (out != ZX_HANDLE_INVALID) Close(out);
  CHECK(kernel.pages_used() == used);
}

TEST_CASE_METHOD(DeviceTest, "a contiguous VMO is committed zeros in a row, aligned as asked, until it is closed",
                 "[vmo]") {
  const uint64_t used = kernel.pages_used();
  for (const uint32_t alignment : {0u, 12u, 14u, 16u}) {
    const zx_handle_t vmo = MakeContiguous(5 * kPage - 1, alignment);
    CHECK(RightsOf(vmo) == ZX_DEFAULT_VMO_RIGHTS);
    CHECK(SizeOf(vmo) == 5 * kPage);
    CHECK(ContentSizeOf(vmo) == 5 * kPage - 1);
    CHECK((Info(vmo).flags & ZX_INFO_VMO_CONTIGUOUS) != 0);
    CHECK(ZX_INFO_VMO_TYPE(Info(vmo).flags) == ZX_INFO_VMO_TYPE_PAGED);
    CHECK(CommittedPages(vmo) == 5);
    CHECK(WordsOf(vmo) == std::vector<uint64_t>(5, 0));
    CHECK(HasZeroChildrenSignal(vmo));
    zx_paddr_t at[5];
    Unpin(Pin(vmo, 0, 5, at));
    for (uint64_t page = 0; page < 5; ++page) CHECK(at[page] == at[0] + page * kPage);
    CHECK(at[0] % (uint64_t{1} << std::max(alignment, 12u)) == 0);
    MapAt(0, vmo, 5);
    CHECK(kernel.Store<uint64_t>(base + 4 * kPage, 7));
    CHECK(WordAt(vmo, 4 * kPage) == 7);
    CHECK(zx_vmo_set_size(vmo, kPage) == ZX_ERR_UNAVAILABLE);
    REQUIRE(OpPages(vmo, ZX_VMO_OP_ZERO, 0, 5) == ZX_OK);
    CHECK(WordAt(vmo, 4 * kPage) == 0);
    CHECK(CommittedPages(vmo) == 5);
    Unmap(0, 5);
    Close(vmo);
    CHECK(kernel.pages_used() == used);
  }
}

TEST_CASE_METHOD(DeviceTest, "a slice of a contiguous VMO is contiguous", "[vmo]") {
  const zx_handle_t vmo = MakeContiguous(4 * kPage);
  const zx_handle_t slice = Child(vmo, kSlice, 1, 2);
  CHECK((Info(slice).flags & ZX_INFO_VMO_CONTIGUOUS) != 0);
  zx_paddr_t whole[4], at = 0;
  Unpin(Pin(vmo, 0, 4, whole));
  zx_handle_t token = 0;
  REQUIRE(zx_bti_pin(bti, ZX_BTI_PERM_READ | ZX_BTI_CONTIGUOUS, slice, 0, 2 * kPage, &at, 1, &token) == ZX_OK);
  CHECK(at == whole[1]);
  Unpin(token);
  const uint64_t used = kernel.pages_used();
  Close(vmo);
  CHECK(kernel.pages_used() == used - 2);  // what nobody sees any more goes
  Put(slice, 1, 7);
  CHECK(WordsOf(slice) == std::vector<uint64_t>{0, 7});
  CHECK(CommittedPages(slice) == 2);
}

TEST_CASE_METHOD(DeviceTest, "no snapshots of contiguous and physical memory, nor of slices of it", "[vmo]") {
  for (const zx_handle_t vmo : {MakeContiguous(4 * kPage), MakePhysical(0, 4 * kPage)}) {
    const zx_handle_t slice = Child(vmo, kSlice, 0, 4);
    for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite}) {
      CHECK(CreateChild(vmo, kind, 0, kPage) == ZX_ERR_NOT_SUPPORTED);
      CHECK(CreateChild(slice, kind, 0, kPage) == ZX_ERR_NOT_SUPPORTED);
      CHECK(CreateChild(vmo, kind | ZX_VMO_CHILD_NO_WRITE, 0, kPage) == ZX_ERR_NOT_SUPPORTED);
    }
    CHECK(Info(vmo).num_children == 1);
    Close(slice);
    CHECK(HasZeroChildrenSignal(vmo));
  }
}

TEST_CASE_METHOD(DeviceTest, "create_physical: a resource of kind MMIO that has the range", "[vmo]") {
  zx_handle_t out = 0;
  const auto create = [&](zx_handle_t by, zx_paddr_t address, size_t size) {
    return zx_vmo_create_physical(by, address, size, &out);
  };
  CHECK(create(3, 0, kPage) == ZX_ERR_BAD_HANDLE);
  CHECK(create(bti, 0, kPage) == ZX_ERR_WRONG_TYPE);
  CHECK(create(3, UINT64_MAX, kPage) == ZX_ERR_BAD_HANDLE);
  CHECK(create(MakeResource(resource, ZX_RSRC_KIND_IRQ, 0, 16), 0, kPage) == ZX_ERR_ACCESS_DENIED);
  const zx_handle_t window = MakeResource(resource, ZX_RSRC_KIND_MMIO, 4 * kPage, 2 * kPage);
  CHECK(create(window, 3 * kPage, kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(create(window, 5 * kPage, 2 * kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(create(window, 4 * kPage, 2 * kPage) == ZX_OK);
  CHECK(create(window, 5 * kPage, kPage) == ZX_OK);
}

TEST_CASE_METHOD(DeviceTest, "create_physical: errors of range and result", "[vmo]") {
  zx_handle_t out = 0;
  const uint64_t used = kernel.pages_used();
  CHECK(zx_vmo_create_physical(resource, 1, kPage, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmo_create_physical(resource, kPage, kPage - 1, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmo_create_physical(resource, kPage, 0, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmo_create_physical(resource, 0 - kPage, 2 * kPage, &out) == ZX_ERR_OUT_OF_RANGE);
  CHECK(zx_vmo_create_physical(resource, kPage, 0 - kPage, &out) == ZX_ERR_OUT_OF_RANGE);
  CHECK(zx_vmo_create_physical(resource, uint64_t{1} << 50, kPage, &out) == ZX_ERR_OUT_OF_RANGE);  // no memory there
  CHECK(zx_vmo_create_physical(resource, kPage, kPage, nullptr) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmo_create_physical(resource, kPage, kPage, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
  CHECK(kernel.pages_used() == used);
}

TEST_CASE_METHOD(DeviceTest, "a physical VMO shows what stands at its address, whoever has it", "[vmo]") {
  const zx_handle_t memory = MakeContiguous(2 * kPage);
  Put(memory, 0, 10);
  Put(memory, 1, 11);
  zx_paddr_t at[2];
  const zx_handle_t token = Pin(memory, 0, 2, at);
  const uint64_t used = kernel.pages_used();
  const zx_handle_t vmo = MakePhysical(at[0], 2 * kPage);
  CHECK(RightsOf(vmo) == (ZX_DEFAULT_VMO_RIGHTS | ZX_RIGHT_EXECUTE));
  CHECK(SizeOf(vmo) == 2 * kPage);
  CHECK(ContentSizeOf(vmo) == 2 * kPage);
  CHECK(ZX_INFO_VMO_TYPE(Info(vmo).flags) == ZX_INFO_VMO_TYPE_PHYSICAL);
  CHECK((Info(vmo).flags & ZX_INFO_VMO_CONTIGUOUS) != 0);
  CHECK(HasZeroChildrenSignal(vmo));
  MapAt(0, vmo, 2);
  CHECK(Words(2) == std::vector<uint64_t>{10, 11});
  REQUIRE(kernel.Store<uint64_t>(base + kPage, 21));
  CHECK(WordAt(memory, kPage) == 21);
  const zx_handle_t slice = Child(vmo, kSlice, 1, 1);
  CHECK_FALSE(HasZeroChildrenSignal(vmo));
  MapAt(4, slice, 1);
  CHECK(kernel.Load<uint64_t>(base + 4 * kPage) == 21u);
  CHECK(kernel.pages_used() == used);
  Unmap(0, 8);
  Close(slice);
  Close(vmo);
  CHECK(kernel.pages_used() == used);
  CHECK(WordAt(memory, 0) == 10);
  Unpin(token);
}

TEST_CASE_METHOD(DeviceTest, "slices of physical memory outlive their parent, whatever part they show", "[vmo]") {
  const zx_handle_t memory = MakeContiguous(4 * kPage);
  for (uint64_t page = 0; page < 4; ++page) Put(memory, page, 10 + page);
  zx_paddr_t at[4];
  const zx_handle_t token = Pin(memory, 0, 4, at);
  for (uint64_t first = 0; first < 4; ++first) {
    for (uint64_t pages = 0; first + pages <= 4; ++pages) {
      const zx_handle_t vmo = MakePhysical(at[0], 4 * kPage);
      const zx_handle_t slice = Child(vmo, kSlice, first, pages);
      const zx_handle_t rest = Child(vmo, kSlice, 3, 1);
      Close(vmo);
      if (pages != 0) {
        MapAt(0, slice, pages);
        CHECK(kernel.Load<uint64_t>(base) == 10 + first);
        Unmap(0, pages);
      }
      Close(rest);
      Close(slice);
    }
  }
  CHECK(WordsOf(memory) == std::vector<uint64_t>{10, 11, 12, 13});
  Unpin(token);
}

TEST_CASE_METHOD(DeviceTest, "a physical VMO isn't read or written through the kernel, nor resized", "[vmo]") {
  const zx_handle_t vmo = MakePhysical(0, kPage);
  uint64_t word = 0;
  CHECK(zx_vmo_read(vmo, &word, 0, sizeof(word)) == ZX_ERR_NOT_SUPPORTED);
  CHECK(zx_vmo_write(vmo, &word, 0, sizeof(word)) == ZX_ERR_NOT_SUPPORTED);
  CHECK(zx_vmo_read(Without(vmo, ZX_RIGHT_READ), &word, 0, sizeof(word)) == ZX_ERR_ACCESS_DENIED);
  CHECK(zx_vmo_read(Child(vmo, kSlice, 0, 1), &word, 0, sizeof(word)) == ZX_ERR_NOT_SUPPORTED);
  CHECK(zx_vmo_set_size(vmo, 0) == ZX_ERR_UNAVAILABLE);
}

TEST_CASE_METHOD(DeviceTest, "no snapshot while any page is pinned; slices go on", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  const zx_handle_t slice = Child(vmo, kSlice, 0, 2);
  const zx_handle_t token = Pin(vmo, 3, 1), second = Pin(slice, 0, 1);
  for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite}) {
    CHECK(CreateChild(vmo, kind, 0, kPage) == ZX_ERR_BAD_STATE);
    CHECK(CreateChild(slice, kind, 0, kPage) == ZX_ERR_BAD_STATE);
  }
  CHECK(CreateChild(vmo, kSlice, 3 * kPage, kPage) == ZX_OK);
  Unpin(second);
  CHECK(CreateChild(vmo, kSnapshot, 0, kPage) == ZX_ERR_BAD_STATE);
  Unpin(token);
  CHECK(CreateChild(vmo, kSnapshot, 0, kPage) == ZX_OK);
}

TEST_CASE_METHOD(DeviceTest, "zx_vmo_set_size that would discard pinned pages: BAD_STATE, and nothing changes",
                 "[vmo]") {
  const zx_handle_t vmo = MakeVmo(4 * kPage, ZX_VMO_RESIZABLE);
  for (uint64_t page = 0; page < 4; ++page) Put(vmo, page, 10 + page);
  const zx_handle_t token = Pin(vmo, 1, 2);
  for (const uint64_t size : {uint64_t{0}, uint64_t{4}, kPage + 4, 2 * kPage}) {
    CHECK(zx_vmo_set_size(vmo, size) == ZX_ERR_BAD_STATE);
    CHECK(ContentSizeOf(vmo) == 4 * kPage);
  }
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 11, 12, 13});
  CHECK(zx_vmo_set_size(vmo, 6 * kPage) == ZX_OK);
  CHECK(zx_vmo_set_size(vmo, 3 * kPage) == ZX_OK);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 11, 12});
  Unpin(token);
  CHECK(zx_vmo_set_size(vmo, 0) == ZX_OK);
}

TEST_CASE_METHOD(DeviceTest, "pinning a clone gives it pages of its own, which stay where they are", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 2);
  zx_paddr_t before[2], after[2];
  const zx_handle_t token = Pin(child, 0, 2, before);
  CHECK(CommittedPages({vmo, child}) == std::vector<uint64_t>{2, 2});
  Put(vmo, 0, 20);
  Put(child, 0, 30);
  Put(child, 1, 31);
  const zx_handle_t second = Pin(child, 0, 2, after);
  CHECK(std::equal(std::begin(before), std::end(before), std::begin(after)));
  MapAt(0, MakePhysical(before[1], kPage), 1);
  CHECK(kernel.Load<uint64_t>(base) == 31u);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{20, 11});
  Unpin(token);
  Unpin(second);
}

TEST_CASE_METHOD(DeviceTest, "pinned pages outlive every handle to their VMO", "[vmo]") {
  const uint64_t used = kernel.pages_used();
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  zx_paddr_t at[2];
  const zx_handle_t token = Pin(vmo, 0, 2, at);
  Close(vmo);
  CHECK(kernel.pages_used() == used + 2);
  MapAt(0, MakePhysical(at[1], kPage), 1);
  CHECK(kernel.Load<uint64_t>(base) == 11u);
  Unpin(token);
  CHECK(kernel.pages_used() == used);
}

}  // namespace
}  // namespace zirconia
