// zx_channel_* calls, as far as another test doesn't make them.
#include <zircon/syscalls.h>

#include <vector>

#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {
namespace {

TEST_CASE_METHOD(VmoTest, "channel_write consumes all handles, also of what is too much for a message", "[channel]") {
  zx_handle_t ends[2] = {};
  REQUIRE(zx_channel_create(0, &ends[0], &ends[1]) == ZX_OK);
  const uint32_t before = VmoHandles();
  const zx_handle_t vmo = MakeVmo(kPage);
  for (const uint32_t count : {64u, 65u, 200u}) {
    std::vector<zx_handle_t> handles(count);
    for (zx_handle_t& handle : handles) REQUIRE(zx_handle_duplicate(vmo, ZX_RIGHT_SAME_RIGHTS, &handle) == ZX_OK);
    CHECK(zx_channel_write(ends[0], 0, nullptr, 0, handles.data(), count) ==
          (count == 64 ? ZX_OK : ZX_ERR_OUT_OF_RANGE));
    CHECK(VmoHandles() == before + 1);
  }
  // What can be read of them, where not all can.
  std::vector<zx_handle_t> handle(1);
  REQUIRE(zx_handle_duplicate(vmo, ZX_RIGHT_SAME_RIGHTS, &handle[0]) == ZX_OK);
  REQUIRE(zx_vmo_write(vmo, handle.data(), kPage - sizeof(zx_handle_t), sizeof(zx_handle_t)) == ZX_OK);
  MapAt(0, vmo, 1);
  const auto* const last = reinterpret_cast<const zx_handle_t*>(base + kPage - sizeof(zx_handle_t));
  CHECK(zx_channel_write(ends[0], 0, nullptr, 0, last, UINT32_MAX) == ZX_ERR_OUT_OF_RANGE);
  CHECK(VmoHandles() == before + 1);
}

}  // namespace
}  // namespace zirconia
