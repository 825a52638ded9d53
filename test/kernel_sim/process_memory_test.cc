// Another process's memory: zx_process_read_memory, zx_process_write_memory, ZX_INFO_PROCESS_MAPS, _VMOS.
#include <algorithm>
#include <cstring>
#include <set>
#include <string>

#include "test/kernel_sim/vmar_fixture.h"

namespace zirconia {
namespace {

// A process that never ran, and a region of 16 pages in it.
struct OtherProcess : VmarTest {
  zx_handle_t process = ZX_HANDLE_INVALID;
  zx_handle_t process_root = ZX_HANDLE_INVALID;
  zx_vaddr_t there = 0;  // where the region is
  zx_handle_t region = Make();

  zx_handle_t Make() {
    REQUIRE(zx_process_create(zx_job_default(), "other", 5, 0, &process, &process_root) == ZX_OK);
    return Allocate(process_root, kCanMapAll, 0, 16 * kPage, &there);
  }
  void MapThere(uint64_t page, zx_handle_t vmo, uint64_t pages, zx_vm_option_t options = kReadWrite) {
    REQUIRE(Map(region, options | ZX_VM_SPECIFIC, page * kPage, vmo, 0, pages * kPage) == ZX_OK);
  }
  std::string Read(zx_vaddr_t address, size_t size) const {
    std::string text(size, '?');
    size_t actual = 99999;
    REQUIRE(zx_process_read_memory(process, address, text.data(), size, &actual) == ZX_OK);
    return text.substr(0, actual);
  }
};

TEST_CASE_METHOD(OtherProcess, "memory of a process that never ran is read and written", "[process]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  MapThere(0, vmo, 2);
  size_t actual = 0;
  REQUIRE(zx_process_write_memory(process, there + kPage - 2, "hello", 5, &actual) == ZX_OK);
  CHECK(actual == 5);
  CHECK(Read(there + kPage - 2, 5) == "hello");
  char back[5];
  REQUIRE(zx_vmo_read(vmo, back, kPage - 2, 5) == ZX_OK);
  CHECK(std::string(back, 5) == "hello");
}

TEST_CASE_METHOD(OtherProcess, "memory that isn't cached: BAD_STATE, or what comes before it", "[process]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  REQUIRE(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED) == ZX_OK);
  MapThere(1, vmo, 1);
  char buffer[8] = {};
  size_t actual = 0;
  CHECK(zx_process_read_memory(process, there + kPage, buffer, 8, &actual) == ZX_ERR_BAD_STATE);
  CHECK(zx_process_write_memory(process, there + kPage, buffer, 8, &actual) == ZX_ERR_BAD_STATE);
  MapThere(0, MakeVmo(kPage), 1);
  CHECK(Read(there + kPage - 3, 8).size() == 3);
}

TEST_CASE_METHOD(OtherProcess, "nothing at the start: NO_MEMORY; a hole later: as much as there is", "[process]") {
  char buffer[3 * kPage] = {};
  size_t actual = 0;
  CHECK(zx_process_read_memory(process, there, buffer, 1, &actual) == ZX_ERR_NO_MEMORY);
  CHECK(zx_process_write_memory(process, there, buffer, 1, &actual) == ZX_ERR_NO_MEMORY);
  CHECK(zx_process_read_memory(process, 0, buffer, 1, &actual) == ZX_ERR_NO_MEMORY);
  CHECK(zx_process_read_memory(process, UINT64_MAX - 1, buffer, 16, &actual) == ZX_ERR_NO_MEMORY);
  MapThere(0, MakeVmo(kPage), 1);
  REQUIRE(zx_process_read_memory(process, there + 10, buffer, 2 * kPage, &actual) == ZX_OK);
  CHECK(actual == kPage - 10);
  REQUIRE(zx_process_write_memory(process, there + 10, buffer, 2 * kPage, &actual) == ZX_OK);
  CHECK(actual == kPage - 10);
  // Beyond the VMO's end is a hole too.
  MapThere(4, MakeVmo(kPage), 2);
  REQUIRE(zx_process_read_memory(process, there + 4 * kPage, buffer, 2 * kPage, &actual) == ZX_OK);
  CHECK(actual == kPage);
  CHECK(zx_process_read_memory(process, there + 5 * kPage, buffer, 1, &actual) == ZX_ERR_NO_MEMORY);
}

TEST_CASE_METHOD(OtherProcess, "mappings next to one another are read as one", "[process]") {
  MapThere(0, MakeCountedVmo(1, 1), 1);
  MapThere(1, MakeCountedVmo(1, 2), 1);
  CHECK(Read(there, 2 * kPage).size() == 2 * kPage);
}

TEST_CASE_METHOD(OtherProcess, "what the mapping permits doesn't matter to a debugger", "[process]") {
  MapThere(0, MakeVmo(kPage), 1, kRead);
  MapThere(1, MakeVmo(kPage), 1, 0);
  size_t actual = 0;
  for (const uint64_t page : {uint64_t{0}, uint64_t{1}}) {
    CHECK(zx_process_write_memory(process, there + page * kPage, "x", 1, &actual) == ZX_OK);
    CHECK(Read(there + page * kPage, 1) == "x");
  }
}

TEST_CASE_METHOD(OtherProcess, "zx_process_read_memory and _write_memory: errors", "[process]") {
  MapThere(0, MakeVmo(kPage), 1);
  char buffer[8] = {};
  size_t actual = 0;
  const auto read = [&](zx_handle_t handle, void* to, size_t size) {
    return zx_process_read_memory(handle, there, to, size, &actual);
  };
  const auto write = [&](zx_handle_t handle, const void* from, size_t size) {
    return zx_process_write_memory(handle, there, from, size, &actual);
  };
  CHECK(read(3, buffer, 8) == ZX_ERR_BAD_HANDLE);
  CHECK(write(3, buffer, 8) == ZX_ERR_BAD_HANDLE);
  CHECK(read(vmar, buffer, 8) == ZX_ERR_WRONG_TYPE);
  CHECK(write(vmar, buffer, 8) == ZX_ERR_WRONG_TYPE);
  CHECK(read(Without(process, ZX_RIGHT_READ), buffer, 8) == ZX_ERR_ACCESS_DENIED);
  CHECK(read(Without(process, ZX_RIGHT_WRITE), buffer, 8) == ZX_ERR_ACCESS_DENIED);
  CHECK(write(Without(process, ZX_RIGHT_WRITE), buffer, 8) == ZX_ERR_ACCESS_DENIED);
  CHECK(write(Without(process, ZX_RIGHT_READ), buffer, 8) == ZX_OK);
  for (const size_t size : {size_t{0}, size_t{64 * 1024 * 1024 + 1}}) {
    CHECK(read(process, buffer, size) == ZX_ERR_INVALID_ARGS);
    CHECK(write(process, buffer, size) == ZX_ERR_INVALID_ARGS);
  }
  CHECK(read(process, nullptr, 8) == ZX_ERR_INVALID_ARGS);
  CHECK(write(process, nullptr, 8) == ZX_ERR_INVALID_ARGS);
  CHECK(read(process, BadPointer<char>(), 8) == ZX_ERR_INVALID_ARGS);
  CHECK(write(process, BadPointer<char>(), 8) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_process_read_memory(process, there, buffer, 8, BadPointer<size_t>()) == ZX_ERR_INVALID_ARGS);
  REQUIRE(zx_task_kill(process) == ZX_OK);
  CHECK(read(process, buffer, 8) == ZX_ERR_BAD_STATE);
  CHECK(write(process, buffer, 8) == ZX_ERR_BAD_STATE);
}

TEST_CASE_METHOD(OtherProcess, "root VMARs of processes are apart, and what happens at their addresses too",
                 "[process]") {
  zx_info_vmar_t ours{}, theirs{};
  REQUIRE(zx_object_get_info(root, ZX_INFO_VMAR, &ours, sizeof(ours), nullptr, nullptr) == ZX_OK);
  REQUIRE(zx_object_get_info(process_root, ZX_INFO_VMAR, &theirs, sizeof(theirs), nullptr, nullptr) == ZX_OK);
  MapThere(0, MakeCountedVmo(1, 7), 1);
  MapAt(0, MakeCountedVmo(1, 8), 1);
  uint64_t word = 0;
  size_t actual = 0;
  REQUIRE(zx_process_read_memory(process, there, &word, sizeof(word), &actual) == ZX_OK);
  CHECK(word == 7);
  CHECK(Words(1) == std::vector<uint64_t>{8});
  REQUIRE(zx_vmar_unmap(vmar, base, kPage) == ZX_OK);
  CHECK(zx_process_read_memory(process, there, &word, sizeof(word), &actual) == ZX_OK);
  CHECK(zx_vmar_unmap(process_root, there, 16 * kPage) == ZX_OK);
  CHECK(ours.len != 0);
  CHECK(theirs.len != 0);
}

TEST_CASE_METHOD(OtherProcess, "ZX_INFO_PROCESS_MAPS is a walk of the tree, parents first, by address", "[process]") {
  const zx_handle_t vmo = MakeVmo(4 * kPage);
  REQUIRE(zx_object_set_property(vmo, ZX_PROP_NAME, "content", 7) == ZX_OK);
  REQUIRE(zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, kPage, kPage, nullptr, 0) == ZX_OK);
  MapThere(2, vmo, 4);
  zx_vaddr_t inner_at = 0;
  const zx_handle_t inner = Allocate(region, kCanMapAll | ZX_VM_SPECIFIC, 8 * kPage, 2 * kPage, &inner_at);
  REQUIRE(Map(inner, kRead | ZX_VM_SPECIFIC, kPage, vmo, 2 * kPage, kPage) == ZX_OK);
  std::vector<zx_info_maps_t> maps(16);
  size_t actual = 0, avail = 0;
  REQUIRE(zx_object_get_info(process, ZX_INFO_PROCESS_MAPS, maps.data(), maps.size() * sizeof(maps[0]), &actual,
                             &avail) == ZX_OK);
  REQUIRE(actual == 6);
  CHECK(avail == 6);
  const auto is = [&](size_t i, zx_info_maps_type_t type, size_t depth, zx_vaddr_t at, size_t size) {
    return maps[i].type == type && maps[i].depth == depth && maps[i].base == at && maps[i].size == size;
  };
  zx_info_vmar_t whole{};
  REQUIRE(zx_object_get_info(process_root, ZX_INFO_VMAR, &whole, sizeof(whole), nullptr, nullptr) == ZX_OK);
  CHECK(maps[0].type == ZX_INFO_MAPS_TYPE_ASPACE);
  CHECK(maps[0].depth == 0);
  CHECK(is(1, ZX_INFO_MAPS_TYPE_VMAR, 1, whole.base, whole.len));
  CHECK(is(2, ZX_INFO_MAPS_TYPE_VMAR, 2, there, 16 * kPage));
  CHECK(is(3, ZX_INFO_MAPS_TYPE_MAPPING, 3, there + 2 * kPage, 4 * kPage));
  CHECK(is(4, ZX_INFO_MAPS_TYPE_VMAR, 3, inner_at, 2 * kPage));
  CHECK(is(5, ZX_INFO_MAPS_TYPE_MAPPING, 4, inner_at + kPage, kPage));
  zx_info_handle_basic_t basic{};
  REQUIRE(zx_object_get_info(vmo, ZX_INFO_HANDLE_BASIC, &basic, sizeof(basic), nullptr, nullptr) == ZX_OK);
  CHECK(std::string(maps[3].name) == "content");
  CHECK(maps[3].u.mapping.mmu_flags == kReadWrite);
  CHECK(maps[3].u.mapping.vmo_koid == basic.koid);
  CHECK(maps[3].u.mapping.vmo_offset == 0);
  CHECK(maps[3].u.mapping.committed_pages == 1);
  CHECK(maps[5].u.mapping.mmu_flags == kRead);
  CHECK(maps[5].u.mapping.vmo_offset == 2 * kPage);
  CHECK(maps[5].u.mapping.committed_pages == 0);
  // A buffer that is too small gets what fits.
  REQUIRE(zx_object_get_info(process, ZX_INFO_PROCESS_MAPS, maps.data(), 2 * sizeof(maps[0]) + 1, &actual, &avail) ==
          ZX_OK);
  CHECK(actual == 2);
  CHECK(avail == 6);
}

TEST_CASE_METHOD(OtherProcess, "ZX_INFO_PROCESS_VMOS: what is mapped, and what there are handles to", "[process]") {
  const zx_handle_t vmo = MakeVmo(3 * kPage, ZX_VMO_RESIZABLE);
  MapThere(0, vmo, 1);
  MapThere(4, vmo, 2);
  zx_info_handle_basic_t basic{};
  REQUIRE(zx_object_get_info(vmo, ZX_INFO_HANDLE_BASIC, &basic, sizeof(basic), nullptr, nullptr) == ZX_OK);
  REQUIRE(zx_handle_close(vmo) == ZX_OK);
  std::vector<zx_info_vmo_t> vmos(16);
  size_t actual = 0, avail = 0;
  REQUIRE(zx_object_get_info(process, ZX_INFO_PROCESS_VMOS, vmos.data(), vmos.size() * sizeof(vmos[0]), &actual,
                             &avail) == ZX_OK);
  CHECK(actual == avail);
  size_t found = 0;
  for (size_t i = 0; i < actual; ++i) {
    if (vmos[i].koid != basic.koid) continue;
    ++found;
    CHECK(vmos[i].flags == (ZX_INFO_VMO_TYPE_PAGED | ZX_INFO_VMO_RESIZABLE | ZX_INFO_VMO_VIA_MAPPING));
    CHECK(vmos[i].size_bytes == 3 * kPage);
    CHECK(vmos[i].num_mappings == 2);
    CHECK(vmos[i].share_count == 1);
  }
  CHECK(found >= 1);
}

TEST_CASE_METHOD(OtherProcess, "ZX_INFO_PROCESS_MAPS and _VMOS: errors", "[process]") {
  MapThere(0, MakeVmo(kPage), 1);
  std::vector<char> buffer(4096);
  const auto get = [&](zx_handle_t handle, uint32_t topic) {
    return zx_object_get_info(handle, topic, buffer.data(), buffer.size(), nullptr, nullptr);
  };
  for (const uint32_t topic : {ZX_INFO_PROCESS_MAPS, ZX_INFO_PROCESS_VMOS}) {
    CHECK(get(3, topic) == ZX_ERR_BAD_HANDLE);
    CHECK(get(vmar, topic) == ZX_ERR_WRONG_TYPE);
    CHECK(get(Without(process, ZX_RIGHT_READ), topic) == ZX_ERR_ACCESS_DENIED);
    CHECK(get(Without(process, ZX_RIGHT_INSPECT), topic) == ZX_ERR_ACCESS_DENIED);
    CHECK(zx_object_get_info(process, topic, BadPointer<char>(), 4096, nullptr, nullptr) == ZX_ERR_INVALID_ARGS);
  }
  REQUIRE(zx_task_kill(process) == ZX_OK);
  CHECK(get(process, ZX_INFO_PROCESS_MAPS) == ZX_ERR_BAD_STATE);
}

}  // namespace
}  // namespace zirconia
