// zx_vmar_allocate and zx_vmar_map: options, rights, placement, overwriting.
#include <array>

#include "test/kernel_sim/vmar_fixture.h"

namespace zirconia {
namespace {

TEST_CASE_METHOD(VmarTest, "allocate, map: handles come first, then rights, then options", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  zx_handle_t out = 0;
  zx_vaddr_t at = 0;
  constexpr zx_vm_option_t kNonsense = 1u << 20;
  CHECK(zx_vmar_allocate(3, kNonsense, 0, kPage, &out, &at) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_vmar_allocate(vmo, kNonsense, 0, kPage, &out, &at) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_vmar_map(3, kNonsense, 0, vmo, 0, kPage, &at) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_vmar_map(vmar, kNonsense, 0, 3, 0, kPage, &at) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_vmar_map(vmo, kNonsense, 0, vmo, 0, kPage, &at) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_vmar_map(vmar, kNonsense, 0, vmar, 0, kPage, &at) == ZX_ERR_WRONG_TYPE);
  const std::array<std::pair<zx_rights_t, zx_vm_option_t>, 3> can{{{ZX_RIGHT_READ, ZX_VM_CAN_MAP_READ},
                                                                   {ZX_RIGHT_WRITE, ZX_VM_CAN_MAP_WRITE},
                                                                   {ZX_RIGHT_EXECUTE, ZX_VM_CAN_MAP_EXECUTE}}};
  for (const auto& [right, option] : can) {
    CHECK(zx_vmar_allocate(Without(vmar, right), option | kNonsense, 0, kPage, &out, &at) == ZX_ERR_ACCESS_DENIED);
  }
  // PERM_WRITE without PERM_READ would be INVALID_ARGS: the missing right comes first.
  CHECK(Map(Without(vmar, ZX_RIGHT_WRITE), ZX_VM_PERM_WRITE, 0, vmo, 0, kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(Map(Without(vmar, ZX_RIGHT_READ), kRead | kNonsense, 0, vmo, 0, kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(Map(vmar, ZX_VM_PERM_WRITE, 0, Without(vmo, ZX_RIGHT_WRITE), 0, kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(Map(vmar, kRead | kNonsense, 0, Without(vmo, ZX_RIGHT_READ), 0, kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(Map(vmar, kRead | ZX_VM_PERM_EXECUTE, 0, vmo, 0, kPage) == ZX_ERR_ACCESS_DENIED);  // not an executable VMO
  CHECK(Map(vmar, 0, 0, Without(vmo, ZX_RIGHT_MAP), 0, kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(Map(vmar, kNonsense, 0, vmo, 0, kPage) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(VmarTest, "writing or executing needs reading; no permission at all is fine", "[vmar]") {
  zx_handle_t vmo = MakeVmo(kPage);
  REQUIRE(zx_vmo_replace_as_executable(vmo, ZX_HANDLE_INVALID, &vmo) == ZX_OK);
  CHECK(Map(vmar, ZX_VM_PERM_WRITE, 0, vmo, 0, kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(Map(vmar, ZX_VM_PERM_EXECUTE, 0, vmo, 0, kPage) == ZX_ERR_INVALID_ARGS);
  const zx_vaddr_t address = MapAt(0, vmo, 1, 0);
  CHECK_FALSE(kernel.Load<char>(address).has_value());
  CHECK_FALSE(kernel.Store<char>(address, 1));
}

TEST_CASE_METHOD(VmarTest, "permissions are for mappings, CAN_MAP_* for regions", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  zx_handle_t out = 0;
  zx_vaddr_t at = 0;
  for (const zx_vm_option_t o : {ZX_VM_PERM_READ, ZX_VM_PERM_WRITE, ZX_VM_PERM_EXECUTE, ZX_VM_SPECIFIC_OVERWRITE,
                                 ZX_VM_MAP_RANGE, ZX_VM_REQUIRE_NON_RESIZABLE, ZX_VM_ALLOW_FAULTS}) {
    CHECK(zx_vmar_allocate(vmar, o, 0, kPage, &out, &at) == ZX_ERR_INVALID_ARGS);
  }
  const zx_vaddr_t address = MapAt(0, vmo, 1);
  for (const zx_vm_option_t o :
       {ZX_VM_CAN_MAP_READ, ZX_VM_CAN_MAP_WRITE, ZX_VM_CAN_MAP_EXECUTE, ZX_VM_CAN_MAP_SPECIFIC}) {
    CHECK(Map(vmar, o, 0, vmo, 0, kPage) == ZX_ERR_INVALID_ARGS);
    CHECK(zx_vmar_protect(vmar, kRead | o, address, kPage) == ZX_ERR_INVALID_ARGS);
  }
}

TEST_CASE_METHOD(VmarTest, "a region permits no more than its parent, but for choosing places", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  const zx_handle_t read_only = Allocate(vmar, ZX_VM_CAN_MAP_READ, 0, 16 * kPage);
  zx_handle_t out = 0;
  zx_vaddr_t at = 0;
  CHECK(zx_vmar_allocate(read_only, ZX_VM_CAN_MAP_WRITE, 0, kPage, &out, &at) == ZX_ERR_ACCESS_DENIED);
  CHECK(Map(read_only, kReadWrite, 0, vmo, 0, kPage) == ZX_ERR_ACCESS_DENIED);
  CHECK(Map(read_only, kRead, 0, vmo, 0, kPage) == ZX_OK);
  CHECK(Map(read_only, kRead | ZX_VM_SPECIFIC, kPage, vmo, 0, kPage) == ZX_ERR_ACCESS_DENIED);
  const zx_handle_t child = Allocate(read_only, ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_SPECIFIC, 0, 4 * kPage);
  CHECK(Map(child, kRead | ZX_VM_SPECIFIC, kPage, vmo, 0, kPage) == ZX_OK);
}

TEST_CASE_METHOD(VmarTest, "an offset needs an option that says what it is", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  zx_handle_t out = 0;
  zx_vaddr_t at = 0;
  CHECK(Map(vmar, kRead, kPage, vmo, 0, kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_allocate(vmar, 0, kPage, kPage, &out, &at) == ZX_ERR_INVALID_ARGS);
  for (const zx_vm_option_t o : {ZX_VM_SPECIFIC, ZX_VM_SPECIFIC_OVERWRITE, ZX_VM_OFFSET_IS_UPPER_LIMIT}) {
    CHECK(Map(vmar, kRead | o, 8 * kPage, vmo, 0, kPage) == ZX_OK);
    CHECK(zx_vmar_unmap(vmar, base, kRegionSize) == ZX_OK);
  }
  CHECK(zx_vmar_allocate(vmar, ZX_VM_OFFSET_IS_UPPER_LIMIT, 8 * kPage, kPage, &out, &at) == ZX_OK);
  CHECK(at + kPage <= base + 8 * kPage);
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC | ZX_VM_OFFSET_IS_UPPER_LIMIT, 8 * kPage, vmo, 0, kPage) ==
        ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(VmarTest, "chosen places need CAN_MAP_SPECIFIC", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  const zx_handle_t random = Allocate(vmar, ZX_VM_CAN_MAP_READ, 0, 16 * kPage);
  for (const zx_vm_option_t o : {ZX_VM_SPECIFIC, ZX_VM_SPECIFIC_OVERWRITE, ZX_VM_OFFSET_IS_UPPER_LIMIT}) {
    CHECK(Map(random, kRead | o, 8 * kPage, vmo, 0, kPage) == ZX_ERR_ACCESS_DENIED);
  }
  zx_handle_t out = 0;
  zx_vaddr_t at = 0;
  CHECK(zx_vmar_allocate(random, ZX_VM_SPECIFIC, 0, kPage, &out, &at) == ZX_ERR_ACCESS_DENIED);
}

TEST_CASE_METHOD(VmarTest, "outside of the parent: INVALID_ARGS; occupied or no room: NO_MEMORY", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  zx_handle_t out = 0;
  zx_vaddr_t at = 0;
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC, kRegionSize, vmo, 0, kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC, kRegionSize - kPage, vmo, 0, 2 * kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC, uint64_t{0} - kPage, vmo, 0, 2 * kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_allocate(vmar, ZX_VM_SPECIFIC, kRegionSize, kPage, &out, &at) == ZX_ERR_INVALID_ARGS);
  MapAt(4, vmo, 1);
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC, 4 * kPage, vmo, 0, kPage) == ZX_ERR_NO_MEMORY);
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC, 3 * kPage, vmo, 0, 2 * kPage) == ZX_ERR_NO_MEMORY);
  CHECK(zx_vmar_allocate(vmar, ZX_VM_SPECIFIC, 4 * kPage, kPage, &out, &at) == ZX_ERR_NO_MEMORY);
  CHECK(Map(vmar, kRead, 0, vmo, 0, kRegionSize) == ZX_ERR_NO_MEMORY);
  CHECK(zx_vmar_allocate(vmar, 0, 0, kRegionSize, &out, &at) == ZX_ERR_NO_MEMORY);
  CHECK(Map(vmar, kRead | ZX_VM_OFFSET_IS_UPPER_LIMIT, kPage, vmo, 0, 2 * kPage) != ZX_OK);
}

TEST_CASE_METHOD(VmarTest, "lengths of mappings round up, those of regions must be whole pages", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  zx_handle_t out = 0;
  zx_vaddr_t at = 0;
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC, 0, vmo, 0, kPage + 1) == ZX_OK);
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC, kPage, vmo, 0, kPage) == ZX_ERR_NO_MEMORY);
  CHECK(zx_vmar_allocate(vmar, 0, 0, kPage + 1, &out, &at) == ZX_ERR_INVALID_ARGS);
  for (const uint64_t nothing : {uint64_t{0}, UINT64_MAX}) {
    CHECK(Map(vmar, kRead, 0, vmo, 0, nothing) == ZX_ERR_INVALID_ARGS);
    CHECK(zx_vmar_allocate(vmar, 0, 0, nothing, &out, &at) == ZX_ERR_INVALID_ARGS);
  }
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC, 8 * kPage + 1, vmo, 0, kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_allocate(vmar, ZX_VM_SPECIFIC, 8 * kPage + 1, kPage, &out, &at) == ZX_ERR_INVALID_ARGS);
  CHECK(Map(vmar, kRead, 0, vmo, 1, kPage) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(VmarTest, "alignments from 1 KiB to 4 GiB; others don't exist", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  for (uint32_t log2 = 10; log2 <= 32; ++log2) {
    zx_vaddr_t at = 0;
    if (zx_vmar_map(root, kRead | (log2 << ZX_VM_ALIGN_BASE), 0, vmo, 0, kPage, &at) != ZX_OK) {
      CHECK(log2 == 32);  // if at all, the software machine's address space is too small for the largest
      continue;
    }
    CHECK((at & ((uint64_t{1} << log2) - 1)) == 0);
  }
  for (const uint32_t log2 : {1u, 9u, 33u, 255u}) {
    CHECK(Map(root, kRead | (log2 << ZX_VM_ALIGN_BASE), 0, vmo, 0, kPage) == ZX_ERR_INVALID_ARGS);
    zx_handle_t out = 0;
    zx_vaddr_t at = 0;
    CHECK(zx_vmar_allocate(root, log2 << ZX_VM_ALIGN_BASE, 0, kPage, &out, &at) == ZX_ERR_INVALID_ARGS);
  }
}

TEST_CASE_METHOD(VmarTest, "a chosen place that isn't aligned as wanted: INVALID_ARGS", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  const uint64_t first = ((base + 0x7fff) & ~uint64_t{0x7fff}) - base;
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC | ZX_VM_ALIGN_32KB, first + kPage, vmo, 0, kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC | ZX_VM_ALIGN_32KB, first, vmo, 0, kPage) == ZX_OK);
}

TEST_CASE_METHOD(VmarTest, "a compact region packs what is mapped in it", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  zx_vaddr_t at = 0;
  const zx_handle_t compact = Allocate(root, kCanMapAll | ZX_VM_COMPACT, 0, 4096 * kPage, &at);
  zx_vaddr_t lowest = UINT64_MAX, highest = 0;
  for (int i = 0; i < 8; ++i) {
    zx_vaddr_t address = 0;
    REQUIRE(zx_vmar_map(compact, kRead, 0, vmo, 0, kPage, &address) == ZX_OK);
    lowest = std::min(lowest, address);
    highest = std::max(highest, address);
  }
  CHECK(highest - lowest == 7 * kPage);
}

TEST_CASE_METHOD(VmarTest, "COMPACT is for regions: a mapping's is INVALID_ARGS", "[vmar]") {
  CHECK(Map(vmar, kRead | ZX_VM_COMPACT, 0, MakeVmo(kPage), 0, kPage) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(VmarTest, "MAP_RANGE, REQUIRE_NON_RESIZABLE, ALLOW_FAULTS", "[vmar]") {
  const zx_handle_t fixed = MakeVmo(kPage);
  const zx_handle_t resizable = MakeVmo(kPage, ZX_VMO_RESIZABLE);
  CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC_OVERWRITE | ZX_VM_MAP_RANGE, 0, fixed, 0, kPage) == ZX_ERR_INVALID_ARGS);
  CHECK(Map(vmar, kRead | ZX_VM_MAP_RANGE, 0, fixed, 0, kPage) == ZX_OK);
  CHECK(Map(vmar, kRead | ZX_VM_REQUIRE_NON_RESIZABLE, 0, resizable, 0, kPage) == ZX_ERR_NOT_SUPPORTED);
  CHECK(Map(vmar, kRead | ZX_VM_REQUIRE_NON_RESIZABLE, 0, fixed, 0, kPage) == ZX_OK);
  for (const zx_handle_t vmo : {fixed, resizable}) {
    CHECK(Map(vmar, kRead | ZX_VM_ALLOW_FAULTS, 0, vmo, 0, 2 * kPage) == ZX_OK);
    CHECK(Map(vmar, kRead, 0, vmo, 0, 2 * kPage) == ZX_OK);  // and isn't missed
  }
}

TEST_CASE_METHOD(VmarTest, "a mapping may reach past its VMO; touching it there is a fault", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage, ZX_VMO_RESIZABLE);
  const zx_vaddr_t address = MapAt(0, vmo, 3);
  CHECK(kernel.Store<uint64_t>(address, 1));
  CHECK_FALSE(kernel.Load<uint64_t>(address + kPage).has_value());
  CHECK_FALSE(kernel.Store<uint64_t>(address + 2 * kPage, 1));
  REQUIRE(zx_vmo_set_size(vmo, 2 * kPage) == ZX_OK);
  CHECK(kernel.Load<uint64_t>(address + kPage) == 0u);
  CHECK(Map(vmar, kRead, 0, vmo, 16 * kPage, kPage) == ZX_OK);  // wholly past it
  CHECK(Map(vmar, kRead, 0, vmo, uint64_t{0} - kPage, 2 * kPage) == ZX_ERR_OUT_OF_RANGE);
}

TEST_CASE_METHOD(VmarTest, "a bad pointer for a result undoes the call", "[vmar]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  zx_handle_t out = 0;
  zx_vaddr_t at = 0;
  CHECK(zx_vmar_map(vmar, kRead | ZX_VM_SPECIFIC, 0, vmo, 0, kPage, BadPointer<zx_vaddr_t>()) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_map(vmar, kRead | ZX_VM_SPECIFIC, 0, vmo, 0, kPage, nullptr) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_allocate(vmar, ZX_VM_SPECIFIC, 0, kPage, BadPointer<zx_handle_t>(), &at) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_allocate(vmar, ZX_VM_SPECIFIC, 0, kPage, &out, BadPointer<zx_vaddr_t>()) == ZX_ERR_INVALID_ARGS);
  MapAt(0, vmo, 1);  // the place is free
}

TEST_CASE_METHOD(VmarTest, "overwriting replaces what it covers and leaves the rest of it", "[vmar]") {
  MapAt(1, MakeCountedVmo(3, 10), 3);
  MapAt(5, MakeCountedVmo(2, 20), 2);
  zx_vaddr_t at = 0;
  REQUIRE(zx_vmar_map(vmar, kRead | ZX_VM_SPECIFIC_OVERWRITE, 2 * kPage, MakeCountedVmo(4, 30), 0, 4 * kPage, &at) ==
          ZX_OK);
  CHECK(at == base + 2 * kPage);
  CHECK(Words(8) == std::vector<uint64_t>{0, 10, 30, 31, 32, 33, 21, 0});
  CHECK(Writable(base + kPage));
  CHECK_FALSE(Writable(base + 2 * kPage));
}

TEST_CASE_METHOD(VmarTest, "an overwrite whose result has nowhere to go leaves what it would have replaced", "[vmar]") {
  MapAt(0, MakeCountedVmo(2, 10), 2);
  const zx_handle_t vmo = MakeCountedVmo(2, 20);
  CHECK(zx_vmar_map(vmar, kRead | ZX_VM_SPECIFIC_OVERWRITE, 0, vmo, 0, kPage, BadPointer<zx_vaddr_t>()) ==
        ZX_ERR_INVALID_ARGS);
  CHECK(Words(2) == std::vector<uint64_t>{10, 11});
  CHECK(Writable(base));
}

TEST_CASE_METHOD(VmarTest, "the result of an overwrite may go where it overwrites, if it can stand there afterwards",
                 "[vmar]") {
  MapAt(0, MakeCountedVmo(2, 10), 2);
  const zx_handle_t vmo = MakeCountedVmo(2, 20);
  auto* const result = reinterpret_cast<zx_vaddr_t*>(base + kPage + 8);
  // It couldn't be written, or is beyond the VMO's end.
  CHECK(zx_vmar_map(vmar, kRead | ZX_VM_SPECIFIC_OVERWRITE, 0, vmo, 0, 2 * kPage, result) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmar_map(vmar, kReadWrite | ZX_VM_SPECIFIC_OVERWRITE, 0, vmo, kPage, 2 * kPage, result) ==
        ZX_ERR_INVALID_ARGS);
  CHECK(Words(2) == std::vector<uint64_t>{10, 11});
  CHECK(kernel.Load<uint64_t>(base + kPage + 8) == 0u);
  REQUIRE(zx_vmar_map(vmar, kReadWrite | ZX_VM_SPECIFIC_OVERWRITE, 0, vmo, 0, 2 * kPage, result) == ZX_OK);
  CHECK(Words(2) == std::vector<uint64_t>{20, 21});
  CHECK(kernel.Load<uint64_t>(base + kPage + 8) == base);
}

TEST_CASE_METHOD(VmarTest, "overwriting a part of a region is refused, and nothing changes", "[vmar]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  MapAt(0, vmo, 1);
  const zx_handle_t child = Allocate(vmar, kCanMapAll | ZX_VM_SPECIFIC, 2 * kPage, 2 * kPage);
  REQUIRE(Map(child, kRead | ZX_VM_SPECIFIC, 0, vmo, kPage, kPage) == ZX_OK);
  const auto before = Words(8);
  for (const uint64_t page : {uint64_t{0}, uint64_t{1}, uint64_t{3}}) {
    CHECK(Map(vmar, kRead | ZX_VM_SPECIFIC_OVERWRITE, page * kPage, vmo, 0, 2 * kPage + (page == 0 ? kPage : 0)) ==
          ZX_ERR_INVALID_ARGS);
  }
  CHECK(Words(8) == before);
}

TEST_CASE_METHOD(VmarTest, "a region's address and length are told by ZX_INFO_VMAR", "[vmar]") {
  zx_info_vmar_t info{};
  REQUIRE(zx_object_get_info(vmar, ZX_INFO_VMAR, &info, sizeof(info), nullptr, nullptr) == ZX_OK);
  CHECK(info.base == base);
  CHECK(info.len == kRegionSize);
  CHECK(zx_object_get_info(Without(vmar, ZX_RIGHT_INSPECT), ZX_INFO_VMAR, &info, sizeof(info), nullptr, nullptr) ==
        ZX_ERR_ACCESS_DENIED);
  CHECK(zx_object_get_info(MakeVmo(0), ZX_INFO_VMAR, &info, sizeof(info), nullptr, nullptr) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_object_get_info(vmar, ZX_INFO_VMAR, &info, sizeof(info) - 1, nullptr, nullptr) == ZX_ERR_BUFFER_TOO_SMALL);
}

}  // namespace
}  // namespace zirconia
