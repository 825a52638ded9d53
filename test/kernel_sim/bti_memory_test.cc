// What a device holds stays where it is: pins of every kind of VMO.
#include <zircon/syscalls/iommu.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "kernel_sim/bti.h"
#include "test/kernel_sim/syscall_fixture.h"

namespace zirconia::kernel {
namespace {

struct PinTest : SyscallTest {
  zx_handle_t root = program.Give(kernel->root_resource(), ZX_DEFAULT_RESOURCE_RIGHTS);
  zx_handle_t bti = Make();

  zx_handle_t Make() {
    const zx_iommu_desc_dummy_t desc{};
    zx_handle_t iommu = ZX_HANDLE_INVALID;
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(program(sys::iommu_create, root, ZX_IOMMU_TYPE_DUMMY, &desc, sizeof(desc), &iommu) == ZX_OK);
    REQUIRE(program(sys::bti_create, iommu, 0u, 0, &out) == ZX_OK);
    return out;
  }
  zx_handle_t Contiguous(uint64_t size) {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(program(sys::vmo_create_contiguous, bti, size, 0u, &out) == ZX_OK);
    return out;
  }
  zx_handle_t Pin(zx_handle_t vmo, uint64_t offset, uint64_t size, std::vector<zx_paddr_t>* addresses,
                  uint32_t options = 0) {
    zx_handle_t pmt = ZX_HANDLE_INVALID;
    addresses->resize((options & ZX_BTI_CONTIGUOUS) != 0 ? 1 : size / mm::kPageSize);
    REQUIRE(program(sys::bti_pin, bti, options | ZX_BTI_PERM_READ | ZX_BTI_PERM_WRITE, vmo, offset, size,
                    addresses->data(), addresses->size(), &pmt) == ZX_OK);
    return pmt;
  }
  std::byte* AtPhysical(zx_paddr_t address) {
    return kernel->frames().memory().data(mm::FrameNumber(address / mm::kPageSize));
  }
  zx_status_t Op(zx_handle_t vmo, uint32_t op, uint64_t offset, uint64_t size) {
    return program(sys::vmo_op_range, vmo, op, offset, size, nullptr, size_t{0});
  }
};

TEST_CASE_METHOD(PinTest, "pinned pages aren't decommitted, until they are unpinned", "[bti]") {
  const zx_handle_t vmo = program.MakeVmo(4 * 4096);
  std::vector<zx_paddr_t> a;
  const zx_handle_t first = Pin(vmo, 4096, 2 * 4096, &a);
  const zx_handle_t second = Pin(vmo, 4096, 4096, &a);  // pins count
  CHECK(Op(vmo, ZX_VMO_OP_DECOMMIT, 0, 4 * 4096) == ZX_ERR_BAD_STATE);
  CHECK(Op(vmo, ZX_VMO_OP_DECOMMIT, 0, 4096) == ZX_OK);
  CHECK(Op(vmo, ZX_VMO_OP_DECOMMIT, 3 * 4096, 4096) == ZX_OK);
  REQUIRE(program(sys::pmt_unpin, first) == ZX_OK);
  CHECK(Op(vmo, ZX_VMO_OP_DECOMMIT, 4096, 4096) == ZX_ERR_BAD_STATE);
  CHECK(Op(vmo, ZX_VMO_OP_DECOMMIT, 2 * 4096, 4096) == ZX_OK);
  REQUIRE(program(sys::pmt_unpin, second) == ZX_OK);
  CHECK(Op(vmo, ZX_VMO_OP_DECOMMIT, 0, 4 * 4096) == ZX_OK);
}

TEST_CASE_METHOD(PinTest, "what is in quarantine is pinned still", "[bti]") {
  const zx_handle_t vmo = program.MakeVmo(4096);
  std::vector<zx_paddr_t> a;
  program.Close(Pin(vmo, 0, 4096, &a));
  CHECK(Op(vmo, ZX_VMO_OP_DECOMMIT, 0, 4096) == ZX_ERR_BAD_STATE);
  REQUIRE(program(sys::bti_release_quarantine, bti) == ZX_OK);
  CHECK(Op(vmo, ZX_VMO_OP_DECOMMIT, 0, 4096) == ZX_OK);
}

TEST_CASE_METHOD(PinTest, "a resizable VMO can be pinned, and doesn't shrink below that", "[bti]") {
  const zx_handle_t vmo = program.MakeVmo(4 * 4096, ZX_VMO_RESIZABLE);
  std::vector<zx_paddr_t> a;
  const zx_handle_t pmt = Pin(vmo, 4096, 4096, &a);
  CHECK(program(sys::vmo_set_size, vmo, 4096) == ZX_ERR_BAD_STATE);
  CHECK(program(sys::vmo_set_size, vmo, 2 * 4096) == ZX_OK);
  CHECK(program(sys::vmo_set_size, vmo, 8 * 4096) == ZX_OK);
  REQUIRE(program(sys::pmt_unpin, pmt) == ZX_OK);
  CHECK(program(sys::vmo_set_size, vmo, 0) == ZX_OK);
}

TEST_CASE_METHOD(PinTest, "a device and the VMO's users see the same bytes, whatever happens to the VMO", "[bti]") {
  const zx_handle_t vmo = program.MakeVmo(2 * 4096);
  std::vector<zx_paddr_t> a;
  const zx_handle_t pmt = Pin(vmo, 0, 2 * 4096, &a);
  AtPhysical(a[1])[5] = std::byte{42};
  unsigned char byte = 0;
  REQUIRE(program(sys::vmo_read, vmo, &byte, 4096 + 5, size_t{1}) == ZX_OK);
  CHECK(byte == 42);
  byte = 43;
  REQUIRE(program(sys::vmo_write, vmo, &byte, 4096 + 5, size_t{1}) == ZX_OK);
  CHECK(AtPhysical(a[1])[5] == std::byte{43});
  Op(vmo, ZX_VMO_OP_ZERO, 0, 2 * 4096);
  REQUIRE(program(sys::vmo_write, vmo, &byte, 7, size_t{1}) == ZX_OK);
  CHECK(AtPhysical(a[0])[7] == std::byte{43});
  REQUIRE(program(sys::pmt_unpin, pmt) == ZX_OK);
}

TEST_CASE_METHOD(PinTest, "a contiguous VMO is one address, and page by page as well", "[bti]") {
  const zx_handle_t vmo = Contiguous(4 * 4096);
  std::vector<zx_paddr_t> one;
  std::vector<zx_paddr_t> each;
  const zx_handle_t whole = Pin(vmo, 4096, 3 * 4096, &one, ZX_BTI_CONTIGUOUS);
  const zx_handle_t pages = Pin(vmo, 0, 4 * 4096, &each);
  CHECK(one[0] == each[1]);
  for (size_t i = 1; i < each.size(); ++i) CHECK(each[i] == each[0] + i * 4096);
  REQUIRE(program(sys::pmt_unpin, whole) == ZX_OK);
  REQUIRE(program(sys::pmt_unpin, pages) == ZX_OK);
}

TEST_CASE_METHOD(PinTest, "CONTIGUOUS wants one address", "[bti]") {
  const zx_handle_t vmo = Contiguous(2 * 4096);
  zx_paddr_t two[2];
  zx_handle_t pmt = 0;
  CHECK(program(sys::bti_pin, bti, ZX_BTI_PERM_READ | ZX_BTI_CONTIGUOUS, vmo, 0, 2 * 4096, two, size_t{2}, &pmt) ==
        ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(PinTest, "a physical VMO's addresses are those that it was made of", "[bti]") {
  std::vector<zx_paddr_t> there;
  const zx_handle_t contiguous = Contiguous(2 * 4096);
  Pin(contiguous, 0, 2 * 4096, &there, ZX_BTI_CONTIGUOUS);
  zx_handle_t physical = ZX_HANDLE_INVALID;
  REQUIRE(program(sys::vmo_create_physical, root, there[0], size_t{2 * 4096}, &physical) == ZX_OK);
  std::vector<zx_paddr_t> a;
  const zx_handle_t pmt = Pin(physical, 4096, 4096, &a, ZX_BTI_CONTIGUOUS);
  CHECK(a[0] == there[0] + 4096);
  REQUIRE(program(sys::pmt_unpin, pmt) == ZX_OK);
}

TEST_CASE_METHOD(PinTest, "a clone that is pinned has pages of its own", "[bti]") {
  const zx_handle_t vmo = program.MakeVmo(4096);
  unsigned char byte = 7;
  REQUIRE(program(sys::vmo_write, vmo, &byte, 0, size_t{1}) == ZX_OK);
  zx_handle_t clone = ZX_HANDLE_INVALID;
  REQUIRE(program(sys::vmo_create_child, vmo, ZX_VMO_CHILD_SNAPSHOT, 0, 4096, &clone) == ZX_OK);
  std::vector<zx_paddr_t> a;
  const zx_handle_t pmt = Pin(clone, 0, 4096, &a);
  CHECK(AtPhysical(a[0])[0] == std::byte{7});
  AtPhysical(a[0])[0] = std::byte{8};
  REQUIRE(program(sys::vmo_read, vmo, &byte, 0, size_t{1}) == ZX_OK);
  CHECK(byte == 7);
  REQUIRE(program(sys::pmt_unpin, pmt) == ZX_OK);
}

TEST_CASE_METHOD(PinTest, "a slice is pinned as its parent is", "[bti]") {
  const zx_handle_t vmo = program.MakeVmo(4 * 4096);
  zx_handle_t slice = ZX_HANDLE_INVALID;
  REQUIRE(program(sys::vmo_create_child, vmo, ZX_VMO_CHILD_SLICE, 4096, 2 * 4096, &slice) == ZX_OK);
  std::vector<zx_paddr_t> a;
  std::vector<zx_paddr_t> b;
  const zx_handle_t pmt = Pin(slice, 4096, 4096, &a);
  Pin(vmo, 2 * 4096, 4096, &b);
  CHECK(a == b);
  CHECK(Op(vmo, ZX_VMO_OP_DECOMMIT, 2 * 4096, 4096) == ZX_ERR_BAD_STATE);
  REQUIRE(program(sys::pmt_unpin, pmt) == ZX_OK);
}

}  // namespace
}  // namespace zirconia::kernel
