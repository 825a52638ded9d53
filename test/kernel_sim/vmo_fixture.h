// Tests of VMOs through zx_* calls, each against the host page table and the software one, loads and stores included.
#ifndef ZIRCONIA_TEST_KERNEL_SIM_VMO_FIXTURE_H_
#define ZIRCONIA_TEST_KERNEL_SIM_VMO_FIXTURE_H_

#include <zircon/syscalls/iommu.h>

#include <array>
#include <initializer_list>

#include "test/kernel_sim/vmar_fixture.h"

namespace zirconia {

inline constexpr uint32_t kSnapshot = ZX_VMO_CHILD_SNAPSHOT;
inline constexpr uint32_t kAtLeastOnWrite = ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE;
inline constexpr uint32_t kSlice = ZX_VMO_CHILD_SLICE;

struct VmoTest : VmarTest {
  static zx_status_t CreateChild(zx_handle_t parent, uint32_t options, uint64_t offset, uint64_t size) {
    zx_handle_t out = ZX_HANDLE_INVALID;
    const zx_status_t status = zx_vmo_create_child(parent, options, offset, size, &out);
    if (status == ZX_OK) Close(out);
    return status;
  }
  static zx_handle_t Child(zx_handle_t parent, uint32_t options, uint64_t first_page, uint64_t pages) {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(zx_vmo_create_child(parent, options, first_page * kPage, pages * kPage, &out) == ZX_OK);
    return out;
  }
  static void Close(zx_handle_t handle) { REQUIRE(zx_handle_close(handle) == ZX_OK); }

  // Handles to VMOs that the process has.
  static uint32_t VmoHandles() {
    zx_info_process_handle_stats_t stats{};
    REQUIRE(zx_object_get_info(zx_process_self(), ZX_INFO_PROCESS_HANDLE_STATS, &stats, sizeof(stats), nullptr,
                               nullptr) == ZX_OK);
    return stats.handle_count[ZX_OBJ_TYPE_VMO];
  }
  static zx_info_vmo_t Info(zx_handle_t vmo) {
    zx_info_vmo_t info{};
    REQUIRE(zx_object_get_info(vmo, ZX_INFO_VMO, &info, sizeof(info), nullptr, nullptr) == ZX_OK);
    return info;
  }
  static uint64_t CommittedPages(zx_handle_t vmo) {
    const uint64_t bytes = Info(vmo).committed_bytes;
    CHECK(bytes % kPage == 0);
    return bytes / kPage;
  }
  static std::vector<uint64_t> CommittedPages(std::initializer_list<zx_handle_t> vmos) {
    std::vector<uint64_t> pages;
    for (const zx_handle_t vmo : vmos) pages.push_back(CommittedPages(vmo));
    return pages;
  }
  static zx_info_handle_basic_t Basic(zx_handle_t handle) {
    zx_info_handle_basic_t info{};
    REQUIRE(zx_object_get_info(handle, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), nullptr, nullptr) == ZX_OK);
    return info;
  }
  static zx_rights_t RightsOf(zx_handle_t handle) { return Basic(handle).rights; }
  static zx_koid_t KoidOf(zx_handle_t handle) { return Basic(handle).koid; }
  static uint64_t SizeOf(zx_handle_t vmo) {
    uint64_t size = 99;
    REQUIRE(zx_vmo_get_size(vmo, &size) == ZX_OK);
    return size;
  }
  static uint64_t ContentSizeOf(zx_handle_t vmo) {
    uint64_t size = 99;
    REQUIRE(zx_object_get_property(vmo, ZX_PROP_VMO_CONTENT_SIZE, &size, sizeof(size)) == ZX_OK);
    return size;
  }
  static bool HasZeroChildrenSignal(zx_handle_t vmo) {
    zx_signals_t seen = 0;
    const zx_status_t status = zx_object_wait_one(vmo, ZX_VMO_ZERO_CHILDREN, 0, &seen);
    REQUIRE((status == ZX_OK || status == ZX_ERR_TIMED_OUT));
    CHECK((status == ZX_OK) == ((seen & ZX_VMO_ZERO_CHILDREN) != 0));
    return status == ZX_OK;
  }

  static zx_status_t Write(zx_handle_t vmo, uint64_t offset, uint64_t word) {
    return zx_vmo_write(vmo, &word, offset, sizeof(word));
  }
  // The word at the beginning of a page.
  static void Put(zx_handle_t vmo, uint64_t page, uint64_t word) { REQUIRE(Write(vmo, page * kPage, word) == ZX_OK); }
  static uint64_t WordAt(zx_handle_t vmo, uint64_t offset) {
    uint64_t word = 99;
    REQUIRE(zx_vmo_read(vmo, &word, offset, sizeof(word)) == ZX_OK);
    return word;
  }
  // The words at the beginning of each of its pages.
  static std::vector<uint64_t> WordsOf(zx_handle_t vmo) {
    std::vector<uint64_t> words;
    for (uint64_t at = 0; at < SizeOf(vmo); at += kPage) words.push_back(WordAt(vmo, at));
    return words;
  }
  static zx_status_t Op(zx_handle_t vmo, uint32_t op, uint64_t offset, uint64_t size) {
    return zx_vmo_op_range(vmo, op, offset, size, nullptr, 0);
  }
  static zx_status_t OpPages(zx_handle_t vmo, uint32_t op, uint64_t first, uint64_t pages) {
    return Op(vmo, op, first * kPage, pages * kPage);
  }
  // Unmaps pages of the region.
  void Unmap(uint64_t page, uint64_t pages) {
    REQUIRE(zx_vmar_unmap(vmar, base + page * kPage, pages * kPage) == ZX_OK);
  }
};

// With the privileges of device drivers.
struct DeviceTest : VmoTest {
  zx_handle_t resource = kernel.root_resource();
  zx_handle_t bti = MakeBti();

  zx_handle_t MakeBti() {
    const zx_iommu_desc_dummy_t desc{};
    zx_handle_t iommu = ZX_HANDLE_INVALID;
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(zx_iommu_create(resource, ZX_IOMMU_TYPE_DUMMY, &desc, sizeof(desc), &iommu) == ZX_OK);
    REQUIRE(zx_bti_create(iommu, 0, 1, &out) == ZX_OK);
    return out;
  }
  zx_handle_t MakeContiguous(uint64_t size, uint32_t alignment_log2 = 0) {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(zx_vmo_create_contiguous(bti, size, alignment_log2, &out) == ZX_OK);
    return out;
  }
  zx_handle_t MakePhysical(zx_paddr_t address, uint64_t size) {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(zx_vmo_create_physical(resource, address, size, &out) == ZX_OK);
    return out;
  }
  // Pins at most 16 pages; returns the token, and where they are.
  zx_handle_t Pin(zx_handle_t vmo, uint64_t first, uint64_t pages, zx_paddr_t* addresses = nullptr) {
    std::array<zx_paddr_t, 16> where{};
    zx_handle_t token = ZX_HANDLE_INVALID;
    REQUIRE(zx_bti_pin(bti, ZX_BTI_PERM_READ | ZX_BTI_PERM_WRITE, vmo, first * kPage, pages * kPage,
                       addresses != nullptr ? addresses : where.data(), pages, &token) == ZX_OK);
    return token;
  }
  void Unpin(zx_handle_t token) { REQUIRE(zx_pmt_unpin(token) == ZX_OK); }
};

}  // namespace zirconia

#endif  // ZIRCONIA_TEST_KERNEL_SIM_VMO_FIXTURE_H_
