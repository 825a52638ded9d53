// Mapping the vDSO by zx_vmar_map.
#include <zircon/processargs.h>

#include "kernel_sim/kernel.h"
#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {
namespace {

struct VdsoTest : VmoTest {
  static constexpr zx_vm_option_t kReadExecute = ZX_VM_PERM_READ | ZX_VM_PERM_EXECUTE;
  const zx_handle_t vdso = zx_take_startup_handle(PA_HND(PA_VMO_VDSO, 0));
  const uint64_t code = kernel.object().vdso().code_offset();
  const uint64_t size = kernel.object().vdso().code_size();

  zx_status_t MapCode(zx_handle_t vmo, uint64_t offset, uint64_t length, zx_vaddr_t* at) const {
    return zx_vmar_map(root, kReadExecute, 0, vmo, offset, length, at);
  }
};

TEST_CASE_METHOD(VdsoTest, "the vDSO's code is mapped once, as a whole, and stays", "[vmar]") {
  zx_vaddr_t at = 0, again = 0;
  CHECK(MapCode(vdso, code, size + kPage, &at) == ZX_ERR_ACCESS_DENIED);
  REQUIRE(MapCode(vdso, code, size, &at) == ZX_OK);
  CHECK(MapCode(vdso, code, size, &again) == ZX_ERR_ACCESS_DENIED);
  CHECK(zx_vmar_unmap(root, at, size) == ZX_ERR_ACCESS_DENIED);
  CHECK(zx_vmar_protect(root, kRead, at, size) == ZX_ERR_ACCESS_DENIED);
}

TEST_CASE_METHOD(VdsoTest, "a mapping of the vDSO that is refused doesn't count", "[vmar]") {
  REQUIRE(size <= kRegionSize);
  MapAt(0, MakeVmo(size), size / kPage);
  zx_vaddr_t at = 0;
  // The result would lie in the code.
  CHECK(zx_vmar_map(vmar, kReadExecute | ZX_VM_SPECIFIC_OVERWRITE, 0, vdso, code, size,
                    reinterpret_cast<zx_vaddr_t*>(base)) != ZX_OK);
  CHECK(zx_vmar_map(vmar, kReadExecute | ZX_VM_SPECIFIC_OVERWRITE, 0, vdso, code, size, BadPointer<zx_vaddr_t>()) ==
        ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_map(vmar, kReadExecute | ZX_VM_SPECIFIC, kRegionSize, vdso, code, size, &at) == ZX_ERR_INVALID_ARGS);
  CHECK(MapCode(vdso, code, size, &at) == ZX_OK);
}

TEST_CASE_METHOD(VdsoTest, "a slice of the vDSO is the vDSO", "[vmar]") {
  const uint64_t pages = (code + size) / kPage;
  const zx_handle_t slice = Child(vdso, kSlice, 0, pages);
  const zx_handle_t code_alone = Child(vdso, kSlice, code / kPage, size / kPage);
  zx_vaddr_t at = 0, again = 0;
  CHECK(MapCode(slice, code - kPage, size, &at) == ZX_ERR_ACCESS_DENIED);
  CHECK(MapCode(code_alone, kPage, size, &at) == ZX_ERR_ACCESS_DENIED);
  REQUIRE(MapCode(code_alone, 0, size, &at) == ZX_OK);
  for (const zx_handle_t vmo : {vdso, slice}) CHECK(MapCode(vmo, code, size, &again) == ZX_ERR_ACCESS_DENIED);
  CHECK(zx_vmar_unmap(root, at, size) == ZX_ERR_ACCESS_DENIED);
  REQUIRE(zx_vmar_map(root, kRead, 0, slice, code, size, &again) == ZX_OK);
  CHECK(zx_vmar_protect(root, kReadExecute, again, size) == ZX_ERR_ACCESS_DENIED);
}

}  // namespace
}  // namespace zirconia
