// Bus transaction initiators: zx_iommu_create, zx_bti_*, zx_pmt_unpin, ZX_INFO_BTI.
#include "kernel_sim/bti.h"

#include <zircon/syscalls/iommu.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "test/kernel_sim/syscall_fixture.h"

namespace zirconia::kernel {
namespace {

constexpr uint32_t kReadWrite = ZX_BTI_PERM_READ | ZX_BTI_PERM_WRITE;

struct BtiTest : SyscallTest {
  zx_handle_t root = program.Give(kernel->root_resource(), ZX_DEFAULT_RESOURCE_RIGHTS);
  zx_handle_t iommu = MakeIommu();
  zx_handle_t bti = MakeBti();

  zx_handle_t MakeIommu() {
    const zx_iommu_desc_dummy_t desc{};
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(program(sys::iommu_create, root, ZX_IOMMU_TYPE_DUMMY, &desc, sizeof(desc), &out) == ZX_OK);
    return out;
  }
  zx_handle_t MakeBti() {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(program(sys::bti_create, iommu, 0u, 0xdead, &out) == ZX_OK);
    return out;
  }
  zx_status_t Pin(zx_handle_t vmo, uint32_t options, uint64_t offset, uint64_t size, std::vector<zx_paddr_t>* addresses,
                  zx_handle_t* pmt) {
    return program(sys::bti_pin, bti, options, vmo, offset, size, addresses->data(), addresses->size(), pmt);
  }
  zx_info_bti_t Info(zx_handle_t handle) {
    zx_info_bti_t info{};
    REQUIRE(program(sys::object_get_info, handle, ZX_INFO_BTI, &info, sizeof(info), nullptr, nullptr) == ZX_OK);
    return info;
  }
  uint64_t UsedFrames() { return kernel->frames().stats().used.value(); }
};

TEST_CASE_METHOD(BtiTest, "IOMMUs and BTIs have the documented rights", "[bti]") {
  CHECK(program.RightsOf(iommu) == ZX_DEFAULT_IOMMU_RIGHTS);
  CHECK(program.Basic(iommu).type == ZX_OBJ_TYPE_IOMMU);
  CHECK(program.RightsOf(bti) ==
        (ZX_RIGHT_READ | ZX_RIGHT_WRITE | ZX_RIGHT_MAP | ZX_RIGHT_INSPECT | ZX_RIGHT_DUPLICATE | ZX_RIGHT_TRANSFER));
  CHECK(program.Basic(bti).type == ZX_OBJ_TYPE_BTI);
}

TEST_CASE_METHOD(BtiTest, "zx_iommu_create: errors", "[bti]") {
  const zx_iommu_desc_dummy_t desc{};
  zx_handle_t out = 0;
  const auto create = [&](zx_handle_t resource, uint32_t type, size_t size) {
    return program(sys::iommu_create, resource, type, &desc, size, &out);
  };
  CHECK(create(zx_handle_t{3}, 0, 1) == ZX_ERR_BAD_HANDLE);
  CHECK(create(program.vmar, 0, 1) == ZX_ERR_WRONG_TYPE);
  zx_handle_t mmio = 0;
  REQUIRE(program(sys::resource_create, root, ZX_RSRC_KIND_MMIO, 0, 4096, nullptr, size_t{0}, &mmio) == ZX_OK);
  CHECK(create(mmio, 0, 1) == ZX_ERR_ACCESS_DENIED);
  CHECK(create(root, ZX_IOMMU_TYPE_INTEL, 1) == ZX_ERR_NOT_SUPPORTED);
  CHECK(create(root, 77, 1) == ZX_ERR_NOT_SUPPORTED);
  CHECK(create(root, 0, ZX_IOMMU_MAX_DESC_LEN + 1) == ZX_ERR_INVALID_ARGS);
  CHECK(create(root, 0, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::iommu_create, root, 0u, BadPointer<void>(), size_t{1}, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::iommu_create, root, 0u, &desc, size_t{1}, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(BtiTest, "zx_bti_create: errors", "[bti]") {
  zx_handle_t out = 0;
  CHECK(program(sys::bti_create, zx_handle_t{3}, 0u, 0, &out) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::bti_create, root, 0u, 0, &out) == ZX_ERR_WRONG_TYPE);
  CHECK(program(sys::bti_create, iommu, 1u, 0, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::bti_create, iommu, 0u, 0, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(BtiTest, "pinning commits the range and tells where its pages are", "[bti]") {
  const zx_handle_t vmo = program.MakeVmo(4 * 4096);
  const char text[] = "to the device";
  REQUIRE(program(sys::vmo_write, vmo, text, 2 * 4096, sizeof(text)) == ZX_OK);
  std::vector<zx_paddr_t> addresses(2);
  zx_handle_t pmt = 0;
  REQUIRE(Pin(vmo, kReadWrite, 4096, 2 * 4096, &addresses, &pmt) == ZX_OK);
  CHECK(program.Basic(pmt).type == ZX_OBJ_TYPE_PMT);
  CHECK(program.RightsOf(pmt) == ZX_DEFAULT_PMT_RIGHTS);
  CHECK(addresses[0] != addresses[1]);
  // A device sees the VMO at the physical address: that many bytes into the memory.
  const auto* memory = kernel->frames().memory().data(mm::FrameNumber(addresses[1] / mm::kPageSize));
  CHECK(std::memcmp(memory, text, sizeof(text)) == 0);
  zx_info_vmo_t info{};
  REQUIRE(program(sys::object_get_info, vmo, ZX_INFO_VMO, &info, sizeof(info), nullptr, nullptr) == ZX_OK);
  CHECK(info.committed_bytes == 2 * 4096);
  CHECK(program(sys::pmt_unpin, pmt) == ZX_OK);
}

TEST_CASE_METHOD(BtiTest, "compressed addresses stand for minimum-contiguity each", "[bti]") {
  const uint64_t unit = Info(bti).minimum_contiguity;
  REQUIRE(unit >= 4096);
  const uint64_t size = 5 * 4096;
  const zx_handle_t vmo = program.MakeVmo(size);
  std::vector<zx_paddr_t> addresses((size + unit - 1) / unit);
  zx_handle_t pmt = 0;
  REQUIRE(Pin(vmo, ZX_BTI_PERM_READ | ZX_BTI_COMPRESS, 0, size, &addresses, &pmt) == ZX_OK);
  for (const zx_paddr_t a : addresses) CHECK(a % unit == 0);
  addresses.push_back(0);
  CHECK(Pin(vmo, ZX_BTI_PERM_READ | ZX_BTI_COMPRESS, 0, size, &addresses, &pmt) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(BtiTest, "zx_bti_pin: handles and rights", "[bti]") {
  const zx_handle_t vmo = program.MakeVmo(4096);
  std::vector<zx_paddr_t> a(1);
  zx_handle_t pmt = 0;
  const auto pin = [&](zx_handle_t initiator, uint32_t options, zx_handle_t of) {
    return program(sys::bti_pin, initiator, options, of, 0, 4096, a.data(), a.size(), &pmt);
  };
  CHECK(pin(zx_handle_t{3}, kReadWrite, vmo) == ZX_ERR_BAD_HANDLE);
  CHECK(pin(bti, kReadWrite, zx_handle_t{3}) == ZX_ERR_BAD_HANDLE);
  CHECK(pin(iommu, kReadWrite, vmo) == ZX_ERR_WRONG_TYPE);
  CHECK(pin(bti, kReadWrite, bti) == ZX_ERR_WRONG_TYPE);
  CHECK(pin(program.Without(bti, ZX_RIGHT_MAP), kReadWrite, vmo) == ZX_ERR_ACCESS_DENIED);
  CHECK(pin(bti, kReadWrite, program.Without(vmo, ZX_RIGHT_MAP)) == ZX_ERR_ACCESS_DENIED);
  CHECK(pin(bti, ZX_BTI_PERM_READ, program.Without(vmo, ZX_RIGHT_READ)) == ZX_ERR_ACCESS_DENIED);
  CHECK(pin(bti, ZX_BTI_PERM_WRITE, program.Without(vmo, ZX_RIGHT_WRITE)) == ZX_ERR_ACCESS_DENIED);
  CHECK(pin(bti, ZX_BTI_PERM_EXECUTE, program.Without(vmo, ZX_RIGHT_READ)) == ZX_ERR_ACCESS_DENIED);
  CHECK(pin(bti, ZX_BTI_PERM_EXECUTE, program.Without(vmo, ZX_RIGHT_EXECUTE)) == ZX_OK);
  CHECK(pin(bti, ZX_BTI_PERM_READ, program.Without(vmo, ZX_RIGHT_WRITE)) == ZX_OK);
}

TEST_CASE_METHOD(BtiTest, "zx_bti_pin: arguments; nothing stays pinned where one is bad", "[bti]") {
  const zx_handle_t vmo = program.MakeVmo(4 * 4096);
  std::vector<zx_paddr_t> one(1), two(2);
  zx_handle_t pmt = 0;
  CHECK(Pin(vmo, 0, 0, 4096, &one, &pmt) == ZX_ERR_INVALID_ARGS);
  CHECK(Pin(vmo, ZX_BTI_COMPRESS, 0, 4096, &one, &pmt) == ZX_ERR_INVALID_ARGS);
  CHECK(Pin(vmo, kReadWrite | 0x80, 0, 4096, &one, &pmt) == ZX_ERR_INVALID_ARGS);
  CHECK(Pin(vmo, kReadWrite | ZX_BTI_COMPRESS | ZX_BTI_CONTIGUOUS, 0, 4096, &one, &pmt) == ZX_ERR_INVALID_ARGS);
  CHECK(Pin(vmo, kReadWrite | ZX_BTI_CONTIGUOUS, 0, 4096, &one, &pmt) == ZX_ERR_INVALID_ARGS);  // it is paged
  CHECK(Pin(vmo, kReadWrite, 1, 4096, &one, &pmt) == ZX_ERR_INVALID_ARGS);
  CHECK(Pin(vmo, kReadWrite, 0, 4095, &one, &pmt) == ZX_ERR_INVALID_ARGS);
  CHECK(Pin(vmo, kReadWrite, 0, 0, &one, &pmt) == ZX_ERR_INVALID_ARGS);
  CHECK(Pin(vmo, kReadWrite, 0, 4096, &two, &pmt) == ZX_ERR_INVALID_ARGS);
  CHECK(Pin(vmo, kReadWrite, 0, 2 * 4096, &one, &pmt) == ZX_ERR_INVALID_ARGS);
  CHECK(Pin(vmo, kReadWrite, 3 * 4096, 2 * 4096, &two, &pmt) == ZX_ERR_OUT_OF_RANGE);
  CHECK(Pin(vmo, kReadWrite, 0 - uint64_t{4096}, 2 * 4096, &two, &pmt) == ZX_ERR_OUT_OF_RANGE);
  CHECK(program(sys::bti_pin, bti, kReadWrite, vmo, 0, 4096, BadPointer<zx_paddr_t>(), size_t{1}, &pmt) ==
        ZX_ERR_INVALID_ARGS);
  CHECK(Pin(vmo, kReadWrite, 0, 4096, &one, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
  CHECK(Info(bti).pmo_count == 0);
  CHECK(Info(bti).quarantine_count == 0);
}

TEST_CASE_METHOD(BtiTest, "a range larger than the machine can't be pinned", "[bti]") {
  const uint64_t size = uint64_t{1} << 30;
  const zx_handle_t vmo = program.MakeVmo(size);
  std::vector<zx_paddr_t> addresses(size / 4096);
  zx_handle_t pmt = 0;
  CHECK(Pin(vmo, kReadWrite, 0, size, &addresses, &pmt) == ZX_ERR_NO_MEMORY);
}

TEST_CASE_METHOD(BtiTest, "unpinning consumes its handle, and what was pinned is let go", "[bti]") {
  const uint64_t before = UsedFrames();
  zx_handle_t vmo = program.MakeVmo(4096);
  std::vector<zx_paddr_t> a(1);
  zx_handle_t pmt = 0;
  REQUIRE(Pin(vmo, kReadWrite, 0, 4096, &a, &pmt) == ZX_OK);
  CHECK(Info(bti).pmo_count == 1);
  program.Close(vmo);
  CHECK(UsedFrames() == before + 1);  // the token keeps the VMO
  CHECK(program(sys::pmt_unpin, pmt) == ZX_OK);
  CHECK(program(sys::handle_close, pmt) == ZX_ERR_BAD_HANDLE);
  CHECK(UsedFrames() == before);
  CHECK(Info(bti).pmo_count == 0);
  CHECK(Info(bti).quarantine_count == 0);
}

TEST_CASE_METHOD(BtiTest, "zx_pmt_unpin: errors", "[bti]") {
  CHECK(program(sys::pmt_unpin, zx_handle_t{3}) == ZX_ERR_BAD_HANDLE);
  const zx_handle_t event = program.MakeEvent();
  CHECK(program(sys::pmt_unpin, event) == ZX_ERR_WRONG_TYPE);
  CHECK(program(sys::handle_close, event) == ZX_ERR_BAD_HANDLE);  // consumed all the same
}

TEST_CASE_METHOD(BtiTest, "a token that is closed and not unpinned goes to quarantine, until that is released",
                 "[bti]") {
  const uint64_t before = UsedFrames();
  const zx_handle_t vmo = program.MakeVmo(4096);
  std::vector<zx_paddr_t> a(1);
  zx_handle_t pmt = 0;
  REQUIRE(Pin(vmo, kReadWrite, 0, 4096, &a, &pmt) == ZX_OK);
  program.Close(pmt);
  program.Close(vmo);
  CHECK(Info(bti).pmo_count == 1);
  CHECK(Info(bti).quarantine_count == 1);
  CHECK(UsedFrames() == before + 1);
  CHECK(program(sys::bti_release_quarantine, bti) == ZX_OK);
  CHECK(Info(bti).pmo_count == 0);
  CHECK(Info(bti).quarantine_count == 0);
  CHECK(UsedFrames() == before);
}

TEST_CASE_METHOD(BtiTest, "what is in quarantine when the last handle of its BTI goes stays pinned", "[bti]") {
  const uint64_t before = UsedFrames();
  std::vector<zx_paddr_t> a(1);
  std::array<zx_handle_t, 2> pmts{};
  for (zx_handle_t& pmt : pmts) {
    const zx_handle_t vmo = program.MakeVmo(4096);
    REQUIRE(Pin(vmo, kReadWrite, 0, 4096, &a, &pmt) == ZX_OK);
    program.Close(vmo);
  }
  program.Close(pmts[0]);
  program.Close(bti);
  CHECK(UsedFrames() == before + 2);
  program.Close(pmts[1]);
  CHECK(UsedFrames() == before + 2);
}

TEST_CASE_METHOD(BtiTest, "zx_bti_release_quarantine: errors", "[bti]") {
  CHECK(program(sys::bti_release_quarantine, zx_handle_t{3}) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::bti_release_quarantine, iommu) == ZX_ERR_WRONG_TYPE);
  CHECK(program(sys::bti_release_quarantine, program.Without(bti, ZX_RIGHT_WRITE)) == ZX_ERR_ACCESS_DENIED);
}

TEST_CASE_METHOD(BtiTest, "ZX_INFO_BTI", "[bti]") {
  CHECK(Info(bti).aspace_size == UINT64_MAX);
  zx_info_bti_t info{};
  const auto get = [&](zx_handle_t handle) {
    return program(sys::object_get_info, handle, ZX_INFO_BTI, &info, sizeof(info), nullptr, nullptr);
  };
  CHECK(get(iommu) == ZX_ERR_WRONG_TYPE);
  CHECK(get(program.Without(bti, ZX_RIGHT_INSPECT)) == ZX_ERR_ACCESS_DENIED);
}

}  // namespace
}  // namespace zirconia::kernel
