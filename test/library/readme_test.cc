// The example of kernel_sim/library/README.md.
#include <lib/zx/vmar.h>
#include <lib/zx/vmo.h>
#include <zirconia/testing/kernel.h>
#include <zirconia/testing/status.h>

#include <catch2/catch.hpp>

TEST_CASE("what is decommitted reads as zeros through a live mapping") {
  zirconia::testing::Kernel kernel;  // fresh; zx_* calls of this thread go to it

  zx::vmo vmo;
  REQUIRE_OK(zx::vmo::create(8192, 0, &vmo));
  zx_vaddr_t address = 0;
  REQUIRE_OK(zx::vmar::root_self()->map(ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, 8192, &address));

  auto* const bytes = reinterpret_cast<char*>(address);
  bytes[0] = 42;  // a fault commits the page
  CHECK(kernel.pages_used() == 1);
  CHECK_OK(vmo.op_range(ZX_VMO_OP_DECOMMIT, 0, 4096, nullptr, 0));
  CHECK(bytes[0] == 0);
  CHECK(kernel.pages_used() == 0);
  CHECK_STATUS(vmo.set_size(0), ZX_ERR_UNAVAILABLE);
  CHECK_FALSE(kernel.Load<char>(address + 8192).has_value());  // beyond: a fault, and no crash
}
