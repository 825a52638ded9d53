// Tests of VMARs through zx_* calls, each against the host page table and the software one, loads and stores included.
#ifndef ZIRCONIA_TEST_KERNEL_SIM_VMAR_FIXTURE_H_
#define ZIRCONIA_TEST_KERNEL_SIM_VMAR_FIXTURE_H_

#include <zircon/process.h>
#include <zircon/syscalls.h>
#include <zircon/syscalls/object.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <vector>

#include "zirconia/testing/kernel.h"

namespace zirconia {

inline constexpr uint64_t kPage = 4096;
inline constexpr zx_vm_option_t kRead = ZX_VM_PERM_READ;
inline constexpr zx_vm_option_t kReadWrite = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;
inline constexpr zx_vm_option_t kCanMapAll =
    ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_EXECUTE | ZX_VM_CAN_MAP_SPECIFIC;

inline testing::KernelOptions OnEitherPageTable() {
  testing::KernelOptions options;
  options.page_table = GENERATE(testing::PageTable::kHost, testing::PageTable::kSoftware);
  return options;
}

template <typename T>
T* BadPointer() {
  return reinterpret_cast<T*>(uint64_t{8});
}

// A kernel, and in the root VMAR of its process a region of 64 pages in which everything may be mapped anywhere.
struct VmarTest {
  static constexpr uint64_t kRegionSize = 64 * kPage;
  testing::Kernel kernel{OnEitherPageTable()};
  zx_handle_t root = zx_vmar_root_self();
  zx_vaddr_t base = 0;
  zx_handle_t vmar = Allocate(root, kCanMapAll, 0, kRegionSize, &base);

  ~VmarTest() { CHECK(kernel.Verify().empty()); }

  static zx_handle_t Allocate(zx_handle_t parent, zx_vm_option_t options, uint64_t offset, uint64_t size,
                              zx_vaddr_t* address = nullptr) {
    zx_handle_t out = ZX_HANDLE_INVALID;
    zx_vaddr_t at = 0;
    REQUIRE(zx_vmar_allocate(parent, options, offset, size, &out, &at) == ZX_OK);
    if (address != nullptr) *address = at;
    return out;
  }
  static zx_handle_t MakeVmo(uint64_t size, uint32_t options = 0) {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(zx_vmo_create(size, options, &out) == ZX_OK);
    return out;
  }
  // A VMO of so many pages, the i-th of which begins with the word `first + i`.
  static zx_handle_t MakeCountedVmo(uint64_t pages, uint64_t first) {
    const zx_handle_t vmo = MakeVmo(pages * kPage);
    for (uint64_t i = 0; i < pages; ++i) {
      const uint64_t word = first + i;
      REQUIRE(zx_vmo_write(vmo, &word, i * kPage, sizeof(word)) == ZX_OK);
    }
    return vmo;
  }
  static zx_handle_t Without(zx_handle_t handle, zx_rights_t rights) {
    zx_info_handle_basic_t info{};
    REQUIRE(zx_object_get_info(handle, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), nullptr, nullptr) == ZX_OK);
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(zx_handle_duplicate(handle, info.rights & ~rights, &out) == ZX_OK);
    return out;
  }
  // A mapping at page `page` of the region.
  zx_vaddr_t MapAt(uint64_t page, zx_handle_t vmo, uint64_t pages, zx_vm_option_t options = kReadWrite,
                   uint64_t vmo_page = 0) {
    zx_vaddr_t address = 0;
    REQUIRE(zx_vmar_map(vmar, options | ZX_VM_SPECIFIC, page * kPage, vmo, vmo_page * kPage, pages * kPage, &address) ==
            ZX_OK);
    REQUIRE(address == base + page * kPage);
    return address;
  }
  zx_status_t Map(zx_handle_t in, zx_vm_option_t options, uint64_t offset, zx_handle_t vmo, uint64_t vmo_offset,
                  uint64_t size) {
    zx_vaddr_t address = 0;
    return zx_vmar_map(in, options, offset, vmo, vmo_offset, size, &address);
  }
  // What stands at pages [0, pages) of the region: the word there; 0: nothing can be read.
  std::vector<uint64_t> Words(uint64_t pages) {
    std::vector<uint64_t> words;
    for (uint64_t i = 0; i < pages; ++i) words.push_back(kernel.Load<uint64_t>(base + i * kPage).value_or(0));
    return words;
  }
  bool Writable(zx_vaddr_t address) {
    const auto word = kernel.Load<uint64_t>(address);
    return word.has_value() && kernel.Store(address, *word);
  }
};

}  // namespace zirconia

#endif  // ZIRCONIA_TEST_KERNEL_SIM_VMAR_FIXTURE_H_
