// zx_vmar_unmap, zx_vmar_protect, zx_vmar_destroy, zx_vmar_op_range.
#include "test/kernel_sim/vmar_fixture.h"

namespace zirconia {
namespace {

using Numbers = std::vector<uint64_t>;

TEST_CASE_METHOD(VmarTest, "unmap: gaps are fine, mappings are cut, the length rounds up", "[vmar]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  MapAt(1, vmo, 2);
  MapAt(4, vmo, 3);
  CHECK(zx_vmar_unmap(vmar, base + 2 * kPage, 2 * kPage + 1) == ZX_OK);
  CHECK(Words(8) == Numbers{0, 10, 0, 0, 0, 11, 12, 0});
  CHECK(zx_vmar_unmap(vmar, base + 20 * kPage, kPage) == ZX_OK);  // nothing was there
}

TEST_CASE_METHOD(VmarTest, "unmap: regions that are covered whole go too; one that would be cut stays", "[vmar]") {
  const zx_handle_t vmo = MakeCountedVmo(8, 10);
  const zx_handle_t child = Allocate(vmar, kCanMapAll | ZX_VM_SPECIFIC, 2 * kPage, 2 * kPage);
  REQUIRE(Map(child, kRead | ZX_VM_SPECIFIC, 0, vmo, 2 * kPage, 2 * kPage) == ZX_OK);
  MapAt(0, vmo, 2);
  MapAt(4, vmo, 1, kRead, 4);
  const auto all = Words(6);
  CHECK(zx_vmar_unmap(vmar, base, 3 * kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_unmap(vmar, base + 3 * kPage, 2 * kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(Words(6) == all);
  CHECK(zx_vmar_unmap(vmar, base + kPage, 4 * kPage) == ZX_OK);
  CHECK(Words(6) == Numbers{10, 0, 0, 0, 0, 0});
  CHECK(zx_vmar_unmap(child, base + 2 * kPage, kPage) == ZX_ERR_BAD_STATE);
}

TEST_CASE_METHOD(VmarTest, "unmap: errors", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  MapAt(0, vmo, 1);
  CHECK(zx_vmar_unmap(3, base, kPage) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_vmar_unmap(vmo, base, kPage) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_vmar_unmap(vmar, base + 1, kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_unmap(vmar, base, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_unmap(vmar, base, UINT64_MAX) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_unmap(vmar, base - kPage, kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_unmap(vmar, base, kRegionSize + kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(Writable(base));
}

TEST_CASE_METHOD(VmarTest, "protect changes just the pages that it names, at once", "[vmar]") {
  MapAt(0, MakeCountedVmo(4, 10), 4);
  CHECK(Writable(base + kPage));
  REQUIRE(zx_vmar_protect(vmar, kRead, base + kPage, kPage + 1) == ZX_OK);
  CHECK(Writable(base));
  CHECK_FALSE(Writable(base + kPage));
  CHECK_FALSE(Writable(base + 2 * kPage));
  CHECK(Writable(base + 3 * kPage));
  REQUIRE(zx_vmar_protect(vmar, 0, base, kPage) == ZX_OK);
  CHECK_FALSE(kernel.Load<uint64_t>(base).has_value());
  REQUIRE(zx_vmar_protect(vmar, kReadWrite, base, 4 * kPage) == ZX_OK);
  CHECK(Writable(base));
  CHECK(Words(4) == Numbers{10, 11, 12, 13});
}

TEST_CASE_METHOD(VmarTest, "protect: a gap, a region, too much: nothing changes", "[vmar]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  MapAt(0, vmo, 1);
  MapAt(2, vmo, 1);
  CHECK(zx_vmar_protect(vmar, kRead, base, 3 * kPage) == ZX_ERR_NOT_FOUND);
  CHECK(zx_vmar_protect(vmar, kRead, base + kPage, kPage) == ZX_ERR_NOT_FOUND);
  CHECK(Writable(base));
  const zx_handle_t child = Allocate(vmar, kCanMapAll | ZX_VM_SPECIFIC, kPage, kPage);
  REQUIRE(Map(child, kRead | ZX_VM_SPECIFIC, 0, vmo, 0, kPage) == ZX_OK);
  CHECK(zx_vmar_protect(vmar, kRead, base, 3 * kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(Writable(base));
  MapAt(4, vmo, 1);
  MapAt(5, Without(vmo, ZX_RIGHT_WRITE), 1, kRead);
  CHECK(zx_vmar_protect(vmar, 0, base + 4 * kPage, kPage) == ZX_OK);
  CHECK(zx_vmar_protect(vmar, kReadWrite, base + 4 * kPage, 2 * kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK_FALSE(kernel.Load<uint64_t>(base + 4 * kPage).has_value());
}

TEST_CASE_METHOD(VmarTest, "what a mapping may have was fixed by the VMO's rights when it was mapped", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  MapAt(0, vmo, 1, kRead);
  MapAt(1, Without(vmo, ZX_RIGHT_WRITE), 1, kRead);
  REQUIRE(zx_handle_close(vmo) == ZX_OK);
  CHECK(zx_vmar_protect(vmar, kReadWrite, base, kPage) == ZX_OK);
  CHECK(zx_vmar_protect(vmar, kReadWrite, base + kPage, kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(zx_vmar_protect(vmar, kRead | ZX_VM_PERM_EXECUTE, base, kPage) == ZX_ERR_ACCESS_DENIED);
}

TEST_CASE_METHOD(VmarTest, "protect: errors", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  MapAt(0, vmo, 1);
  CHECK(zx_vmar_protect(3, kRead, base, kPage) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_vmar_protect(vmo, kRead, base, kPage) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_vmar_protect(Without(vmar, ZX_RIGHT_READ), kRead, base, kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(zx_vmar_protect(Without(vmar, ZX_RIGHT_WRITE), kReadWrite, base, kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(zx_vmar_protect(vmar, ZX_VM_PERM_WRITE, base, kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_protect(vmar, kRead, base + 1, kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_protect(vmar, kRead, base, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_protect(vmar, kRead, base, UINT64_MAX) == ZX_ERR_INVALID_ARGS);
  CHECK(Writable(base));
}

TEST_CASE_METHOD(VmarTest, "destroy takes all below; every later operation is BAD_STATE", "[vmar]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  const zx_handle_t child = Allocate(vmar, kCanMapAll | ZX_VM_SPECIFIC, 2 * kPage, 2 * kPage);
  REQUIRE(Map(child, kRead | ZX_VM_SPECIFIC, 0, vmo, 0, kPage) == ZX_OK);
  MapAt(0, vmo, 1);
  REQUIRE(zx_vmar_destroy(vmar) == ZX_OK);
  CHECK(Words(4) == Numbers{0, 0, 0, 0});
  zx_handle_t out = 0;
  zx_vaddr_t at = 0;
  for (const zx_handle_t dead : {vmar, child}) {
    CHECK(zx_vmar_allocate(dead, 0, 0, kPage, &out, &at) == ZX_ERR_BAD_STATE);
    CHECK(Map(dead, kRead, 0, vmo, 0, kPage) == ZX_ERR_BAD_STATE);
    CHECK(zx_vmar_unmap(dead, base, kPage) == ZX_ERR_BAD_STATE);
    CHECK(zx_vmar_protect(dead, kRead, base, kPage) == ZX_ERR_BAD_STATE);
    CHECK(zx_vmar_op_range(dead, ZX_VMAR_OP_DECOMMIT, base, kPage, nullptr, 0) == ZX_ERR_BAD_STATE);
    CHECK(zx_vmar_destroy(dead) == ZX_ERR_BAD_STATE);
  }
}

TEST_CASE_METHOD(VmarTest, "destroy: errors", "[vmar]") {
  CHECK(zx_vmar_destroy(3) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_vmar_destroy(MakeVmo(0)) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_vmar_destroy(root) == ZX_ERR_NOT_SUPPORTED);
}

TEST_CASE_METHOD(VmarTest, "a region's place stays taken when its handle is closed", "[vmar]") {
  zx_handle_close(Allocate(vmar, ZX_VM_SPECIFIC, 0, kPage));
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC, 0, MakeVmo(kPage), 0, kPage) == ZX_ERR_NO_MEMORY);
}

TEST_CASE_METHOD(VmarTest, "op_range commits and decommits what is mapped there", "[vmar]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  MapAt(0, vmo, 2);
  MapAt(2, vmo, 2, kReadWrite, 2);
  const uint64_t used = kernel.pages_used();
  REQUIRE(zx_vmar_op_range(vmar, ZX_VMAR_OP_DECOMMIT, base + kPage, 2 * kPage, nullptr, 0) == ZX_OK);
  CHECK(kernel.pages_used() == used - 2);
  CHECK(Words(4) == Numbers{10, 0, 0, 13});
  REQUIRE(zx_vmar_op_range(vmar, ZX_VMAR_OP_COMMIT, base, 4 * kPage, nullptr, 0) == ZX_OK);
  CHECK(kernel.pages_used() == used);
}

TEST_CASE_METHOD(VmarTest, "op_range: what isn't an operation of VMARs is refused, operations of VMOs too", "[vmar]") {
  MapAt(0, MakeCountedVmo(1, 10), 1);
  for (const uint32_t op :
       {0u, ZX_VMO_OP_UNLOCK, ZX_VMO_OP_CACHE_SYNC, ZX_VMO_OP_CACHE_INVALIDATE, ZX_VMO_OP_CACHE_CLEAN,
        ZX_VMO_OP_CACHE_CLEAN_INVALIDATE, ZX_VMO_OP_ZERO, ZX_VMO_OP_TRY_LOCK, 14u, 99u}) {
    CHECK(zx_vmar_op_range(vmar, op, base, kPage, nullptr, 0) == ZX_ERR_INVALID_ARGS);
  }
  CHECK(Words(1) == Numbers{10});
}

TEST_CASE_METHOD(VmarTest, "op_range: MAP_RANGE shows what is committed and commits nothing", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(4 * kPage);
  MapAt(0, vmo, 4);
  const uint64_t used = kernel.pages_used();
  CHECK(zx_vmar_op_range(vmar, ZX_VMAR_OP_MAP_RANGE, base, 4 * kPage, nullptr, 0) == ZX_OK);
  CHECK(kernel.pages_used() == used);
  CHECK(zx_vmar_op_range(Without(vmar, ZX_RIGHT_WRITE), ZX_VMAR_OP_MAP_RANGE, base, kPage, nullptr, 0) == ZX_OK);
}

TEST_CASE_METHOD(VmarTest, "op_range: advice succeeds for memory that no pager provides", "[vmar]") {
  MapAt(0, MakeCountedVmo(2, 10), 2);
  for (const uint32_t op : {ZX_VMAR_OP_DONT_NEED, ZX_VMAR_OP_ALWAYS_NEED}) {
    CHECK(zx_vmar_op_range(Without(vmar, ZX_RIGHT_WRITE), op, base, 2 * kPage, nullptr, 0) == ZX_OK);
    CHECK(zx_vmar_op_range(vmar, op, base, 3 * kPage, nullptr, 0) == ZX_ERR_BAD_STATE);
    CHECK(zx_vmar_op_range(vmar, op, base + 4 * kPage, kPage, nullptr, 0) == ZX_ERR_BAD_STATE);
  }
  CHECK(Words(2) == Numbers{10, 11});
}

TEST_CASE_METHOD(VmarTest, "op_range: errors, after which everything is as it was", "[vmar]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  MapAt(0, vmo, 1);
  MapAt(1, vmo, 1, kRead, 1);
  const auto op = [&](zx_handle_t handle, uint32_t which, uint64_t address, uint64_t size) {
    return zx_vmar_op_range(handle, which, address, size, nullptr, 0);
  };
  constexpr uint32_t kDecommit = ZX_VMAR_OP_DECOMMIT;
  CHECK(op(3, kDecommit, base, kPage) == ZX_ERR_BAD_HANDLE);
  CHECK(op(vmo, kDecommit, base, kPage) == ZX_ERR_WRONG_TYPE);
  CHECK(op(Without(vmar, ZX_RIGHT_WRITE), kDecommit, base, kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(op(vmar, kDecommit, base, 2 * kPage) == ZX_ERR_ACCESS_DENIED);  // one mapping isn't writable
  CHECK(op(vmar, kDecommit, base + 4 * kPage, kPage) == ZX_ERR_BAD_STATE);
  CHECK(op(vmar, ZX_VMAR_OP_COMMIT, base + 4 * kPage, kPage) == ZX_ERR_BAD_STATE);
  char buffer = 0;
  CHECK(zx_vmar_op_range(vmar, kDecommit, base, kPage, &buffer, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_op_range(vmar, kDecommit, base, kPage, nullptr, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(op(vmar, kDecommit, base, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(op(vmar, kDecommit, base + 1, kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(op(vmar, kDecommit, base, kPage - 1) == ZX_ERR_INVALID_ARGS);
  CHECK(op(vmar, kDecommit, base - kPage, kPage) == ZX_ERR_OUT_OF_RANGE);
  CHECK(op(vmar, kDecommit, base, kRegionSize + kPage) == ZX_ERR_OUT_OF_RANGE);
  CHECK(op(vmar, kDecommit, uint64_t{0} - kPage, 2 * kPage) == ZX_ERR_OUT_OF_RANGE);
  CHECK(Words(2) == Numbers{10, 11});
}

}  // namespace
}  // namespace zirconia
