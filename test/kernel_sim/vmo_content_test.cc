// zx_vmo_create, _read, _write, _get_size, _set_size; content size, name, ZX_INFO_VMO of a VMO that stands alone.
#include <cstring>
#include <string>

#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {
namespace {

constexpr uint64_t kLargest = uint64_t{1} << 47;

TEST_CASE_METHOD(VmoTest, "sizes round up to a page, and none is valid", "[vmo]") {
  for (const auto& [size, rounded] : {std::pair<uint64_t, uint64_t>{0, 0},
                                      {1, kPage},
                                      {kPage, kPage},
                                      {kPage + 1, 2 * kPage},
                                      {kLargest, kLargest}}) {
    const zx_handle_t vmo = MakeVmo(size);
    CHECK(SizeOf(vmo) == rounded);
    CHECK(Info(vmo).size_bytes == rounded);
    CHECK(CommittedPages(vmo) == 0);
  }
  CHECK(zx_vmo_write(MakeVmo(0), "", 0, 0) == ZX_OK);
}

TEST_CASE_METHOD(VmoTest, "zx_vmo_create: errors, which leave nothing", "[vmo]") {
  zx_handle_t out = 0;
  const uint32_t before = VmoHandles();
  for (const uint32_t bit : {0u, 4u, 5u, 31u}) {
    CHECK(zx_vmo_create(kPage, ZX_VMO_RESIZABLE | (1u << bit), &out) == ZX_ERR_INVALID_ARGS);
  }
  for (const uint64_t size : {kLargest + 1, uint64_t{1} << 63, UINT64_MAX - kPage, UINT64_MAX}) {
    CHECK(zx_vmo_create(size, 0, &out) == ZX_ERR_OUT_OF_RANGE);
    CHECK(zx_vmo_create(size, ZX_VMO_RESIZABLE, &out) == ZX_ERR_OUT_OF_RANGE);
  }
  CHECK(zx_vmo_create(kPage, 0, nullptr) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmo_create(kPage, 0, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
  CHECK(VmoHandles() == before);
}

TEST_CASE_METHOD(VmoTest, "a new VMO is zeros, and its handle has the default rights", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  CHECK(RightsOf(vmo) == ZX_DEFAULT_VMO_RIGHTS);
  CHECK(Basic(vmo).type == ZX_OBJ_TYPE_VMO);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{0, 0});
  CHECK(HasZeroChildrenSignal(vmo));
  const zx_vaddr_t at = MapAt(0, vmo, 2);
  CHECK(kernel.Load<uint64_t>(at + 2 * kPage - 8) == 0u);
  CHECK(CommittedPages(vmo) == 0);  // reading commits nothing
}

TEST_CASE_METHOD(VmoTest, "what is written is read, by copies and through mappings", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(4 * kPage);
  const zx_vaddr_t at = MapAt(0, vmo, 4);
  const std::string text(kPage + 100, 'x');
  REQUIRE(zx_vmo_write(vmo, text.data(), kPage - 50, text.size()) == ZX_OK);
  std::string back(text.size(), '?');
  REQUIRE(zx_vmo_read(vmo, back.data(), kPage - 50, back.size()) == ZX_OK);
  CHECK(back == text);
  CHECK(kernel.Load<char>(at + kPage - 51) == '\0');
  CHECK(kernel.Load<char>(at + kPage - 50) == 'x');
  CHECK(kernel.Load<char>(at + 2 * kPage + 49) == 'x');
  CHECK(kernel.Load<char>(at + 2 * kPage + 50) == '\0');
  CHECK(kernel.Store<uint64_t>(at + 3 * kPage, 77));
  CHECK(WordAt(vmo, 3 * kPage) == 77);
  CHECK(CommittedPages(vmo) == 4);
}

TEST_CASE_METHOD(VmoTest, "reading and writing past the end: OUT_OF_RANGE, and nothing is transferred", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  std::array<char, 16> buffer;
  buffer.fill('a');
  const auto both = [&](uint64_t offset, size_t size) {
    const zx_status_t status = zx_vmo_read(vmo, buffer.data(), offset, size);
    CHECK(zx_vmo_write(vmo, buffer.data(), offset, size) == status);
    return status;
  };
  CHECK(both(2 * kPage - 15, 16) == ZX_ERR_OUT_OF_RANGE);
  CHECK(both(2 * kPage, 1) == ZX_ERR_OUT_OF_RANGE);
  CHECK(both(UINT64_MAX - 7, 16) == ZX_ERR_OUT_OF_RANGE);  // wraps around
  CHECK(both(8, UINT64_MAX) == ZX_ERR_OUT_OF_RANGE);
  CHECK(both(2 * kPage, 0) == ZX_OK);
  CHECK(both(2 * kPage + 1, 0) == ZX_ERR_OUT_OF_RANGE);
  CHECK(both(UINT64_MAX, 0) == ZX_ERR_OUT_OF_RANGE);
  CHECK(std::string(buffer.data(), buffer.size()) == std::string(16, 'a'));
  CHECK(CommittedPages(vmo) == 0);
}

TEST_CASE_METHOD(VmoTest, "reading, writing: bad handle, then wrong type, then missing right, whatever the length",
                 "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  char byte = 0;
  for (const auto& [offset, size] : {std::pair<uint64_t, size_t>{0, 1}, {0, 0}, {UINT64_MAX, UINT64_MAX}}) {
    CHECK(zx_vmo_read(3, &byte, offset, size) == ZX_ERR_BAD_HANDLE);
    CHECK(zx_vmo_write(3, &byte, offset, size) == ZX_ERR_BAD_HANDLE);
    CHECK(zx_vmo_read(ZX_HANDLE_INVALID, &byte, offset, size) == ZX_ERR_BAD_HANDLE);
    CHECK(zx_vmo_read(Without(vmar, ZX_RIGHT_READ), &byte, offset, size) == ZX_ERR_WRONG_TYPE);
    CHECK(zx_vmo_write(Without(vmar, ZX_RIGHT_WRITE), &byte, offset, size) == ZX_ERR_WRONG_TYPE);
    CHECK(zx_vmo_read(Without(vmo, ZX_RIGHT_READ), nullptr, offset, size) == ZX_ERR_ACCESS_DENIED);
    CHECK(zx_vmo_write(Without(vmo, ZX_RIGHT_WRITE), nullptr, offset, size) == ZX_ERR_ACCESS_DENIED);
  }
  CHECK(zx_vmo_read(Without(vmo, ZX_RIGHT_WRITE | ZX_RIGHT_MAP), &byte, 0, 1) == ZX_OK);
  CHECK(zx_vmo_write(Without(vmo, ZX_RIGHT_READ | ZX_RIGHT_MAP), &byte, 0, 1) == ZX_OK);
}

TEST_CASE_METHOD(VmoTest, "a buffer at no program's address: INVALID_ARGS; where nothing is mapped: NOT_FOUND",
                 "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  for (const uint64_t address : {uint64_t{0}, uint64_t{8}, uint64_t{1} << 47, UINT64_MAX}) {
    CHECK(zx_vmo_read(vmo, reinterpret_cast<void*>(address), 0, 1) == ZX_ERR_INVALID_ARGS);
    CHECK(zx_vmo_write(vmo, reinterpret_cast<void*>(address), 0, 1) == ZX_ERR_INVALID_ARGS);
  }
  CHECK(zx_vmo_read(vmo, nullptr, 0, 0) == ZX_OK);
  CHECK(zx_vmo_write(vmo, nullptr, 0, 0) == ZX_OK);
  // The second page of the buffer isn't there; then the whole of it.
  const zx_vaddr_t at = MapAt(0, MakeVmo(kPage), 1);
  for (const zx_vaddr_t buffer : {at, at + 16 * kPage}) {
    CHECK(zx_vmo_read(vmo, reinterpret_cast<void*>(buffer), 0, 2 * kPage) == ZX_ERR_NOT_FOUND);
    CHECK(zx_vmo_write(vmo, reinterpret_cast<void*>(buffer), 0, 2 * kPage) == ZX_ERR_NOT_FOUND);
  }
}

TEST_CASE_METHOD(VmoTest, "a VMO's own mapping may be the buffer", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(4, 10);
  const zx_vaddr_t at = MapAt(0, vmo, 4);
  REQUIRE(zx_vmo_read(vmo, reinterpret_cast<void*>(at), 2 * kPage, 2 * kPage) == ZX_OK);
  CHECK(Words(4) == std::vector<uint64_t>{12, 13, 12, 13});
  Put(vmo, 0, 50);
  REQUIRE(zx_vmo_write(vmo, reinterpret_cast<void*>(at), 3 * kPage, kPage) == ZX_OK);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{50, 13, 12, 50});
}

TEST_CASE_METHOD(VmoTest, "no memory is left: NO_MEMORY", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  kernel.FailAllocation(1);
  CHECK(Write(vmo, 0, 1) == ZX_ERR_NO_MEMORY);
  CHECK(WordAt(vmo, 0) == 0);
  CHECK(CommittedPages(vmo) == 0);
  kernel.FailAllocation(1);
  CHECK(Op(vmo, ZX_VMO_OP_COMMIT, 0, kPage) == ZX_ERR_NO_MEMORY);
  CHECK(CommittedPages(vmo) == 0);
  CHECK(Write(vmo, 0, 1) == ZX_OK);
}

TEST_CASE_METHOD(VmoTest, "zx_vmo_get_size needs no right", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  uint64_t size = 0;
  CHECK(zx_vmo_get_size(Without(vmo, ~zx_rights_t{0}), &size) == ZX_OK);
  CHECK(size == kPage);
  CHECK(zx_vmo_get_size(3, &size) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_vmo_get_size(vmar, &size) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_vmo_get_size(vmo, nullptr) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmo_get_size(vmo, BadPointer<uint64_t>()) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(VmoTest, "zx_vmo_set_size: errors, which change nothing", "[vmo]") {
  const zx_handle_t fixed = MakeCountedVmo(2, 10);
  const zx_handle_t resizable = MakeVmo(2 * kPage, ZX_VMO_RESIZABLE);
  Put(resizable, 1, 7);
  CHECK(zx_vmo_set_size(3, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_vmo_set_size(vmar, 0) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_vmo_set_size(Without(resizable, ZX_RIGHT_WRITE), 0) == ZX_ERR_ACCESS_DENIED);
  CHECK(zx_vmo_set_size(Without(fixed, ZX_RIGHT_WRITE), 0) == ZX_ERR_ACCESS_DENIED);
  for (const uint64_t size : {uint64_t{0}, kPage, 2 * kPage, 3 * kPage}) {
    CHECK(zx_vmo_set_size(fixed, size) == ZX_ERR_UNAVAILABLE);
  }
  for (const uint64_t size : {kLargest + 1, UINT64_MAX - kPage, UINT64_MAX}) {
    CHECK(zx_vmo_set_size(resizable, size) == ZX_ERR_OUT_OF_RANGE);
  }
  CHECK(WordsOf(fixed) == std::vector<uint64_t>{10, 11});
  CHECK(WordsOf(resizable) == std::vector<uint64_t>{0, 7});
}

TEST_CASE_METHOD(VmoTest, "zx_vmo_set_size rounds up; what was cut off is zeros when it comes back", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage, ZX_VMO_RESIZABLE);
  CHECK((Info(vmo).flags & ZX_INFO_VMO_RESIZABLE) != 0);
  CHECK((Info(MakeVmo(0)).flags & ZX_INFO_VMO_RESIZABLE) == 0);
  REQUIRE(zx_vmo_set_size(vmo, 2 * kPage + 1) == ZX_OK);
  CHECK(SizeOf(vmo) == 3 * kPage);
  for (uint64_t page = 0; page < 3; ++page) Put(vmo, page, 10 + page);
  REQUIRE(zx_vmo_set_size(vmo, kPage) == ZX_OK);
  CHECK(CommittedPages(vmo) == 1);
  CHECK(Write(vmo, kPage, 1) == ZX_ERR_OUT_OF_RANGE);
  REQUIRE(zx_vmo_set_size(vmo, 3 * kPage) == ZX_OK);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 0, 0});
  CHECK(CommittedPages(vmo) == 1);
  REQUIRE(zx_vmo_set_size(vmo, kLargest) == ZX_OK);
  CHECK(SizeOf(vmo) == kLargest);
  REQUIRE(zx_vmo_set_size(vmo, 0) == ZX_OK);
  CHECK(CommittedPages(vmo) == 0);
}

TEST_CASE_METHOD(VmoTest, "zx_vmo_set_size: the last page holds zeros beyond the new size", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage, ZX_VMO_RESIZABLE);
  const zx_vaddr_t at = MapAt(0, vmo, 2);
  const std::string text(2 * kPage, 'x');
  REQUIRE(zx_vmo_write(vmo, text.data(), 0, text.size()) == ZX_OK);
  const zx_handle_t snapshot = Child(vmo, kSnapshot, 0, 2);
  REQUIRE(zx_vmo_set_size(vmo, 100) == ZX_OK);
  CHECK(kernel.Load<char>(at + 99) == 'x');
  CHECK(kernel.Load<char>(at + 100) == '\0');
  CHECK(kernel.Load<char>(at + kPage - 1) == '\0');
  CHECK(ContentSizeOf(vmo) == 100);
  CHECK(WordAt(snapshot, 104) == 0x7878787878787878);
  // Also when it isn't made smaller.
  REQUIRE(zx_vmo_write(vmo, text.data(), 0, kPage) == ZX_OK);
  REQUIRE(zx_vmo_set_size(vmo, 200) == ZX_OK);
  CHECK(WordAt(vmo, 192) == 0x7878787878787878);
  CHECK(WordAt(vmo, 200) == 0);
}

TEST_CASE_METHOD(VmoTest, "zx_vmo_set_size that lacks memory for the last page changes nothing", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage, ZX_VMO_RESIZABLE);
  Put(vmo, 0, 10);
  Put(vmo, 1, 11);
  const zx_handle_t snapshot = Child(vmo, kSnapshot, 0, 2);
  kernel.FailAllocation(1);
  CHECK(zx_vmo_set_size(vmo, 4) == ZX_ERR_NO_MEMORY);
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 11});
  CHECK(ContentSizeOf(vmo) == 2 * kPage);
  CHECK(WordsOf(snapshot) == std::vector<uint64_t>{10, 11});
}

TEST_CASE_METHOD(VmoTest, "shrinking makes access beyond the end a fault at once, in every mapping", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(4 * kPage, ZX_VMO_RESIZABLE);
  for (uint64_t page = 0; page < 4; ++page) Put(vmo, page, 10 + page);
  MapAt(0, vmo, 4);
  MapAt(8, vmo, 4, kRead);
  MapAt(16, vmo, 2, kReadWrite, 2);
  CHECK(Words(4) == std::vector<uint64_t>{10, 11, 12, 13});
  CHECK(Writable(base + 16 * kPage));
  REQUIRE(zx_vmo_set_size(vmo, 2 * kPage) == ZX_OK);
  for (const uint64_t page : {2, 3, 10, 11, 16, 17}) {
    CHECK_FALSE(kernel.Load<uint64_t>(base + page * kPage).has_value());
    CHECK_FALSE(kernel.Store<uint64_t>(base + page * kPage, 1));
  }
  CHECK(Words(2) == std::vector<uint64_t>{10, 11});
  REQUIRE(zx_vmo_set_size(vmo, 4 * kPage) == ZX_OK);
  for (const uint64_t page : {2, 3, 10, 11, 16, 17}) CHECK(kernel.Load<uint64_t>(base + page * kPage) == 0u);
  CHECK(kernel.Store<uint64_t>(base + 17 * kPage, 5));
  CHECK(kernel.Load<uint64_t>(base + 11 * kPage) == 5u);
}

TEST_CASE_METHOD(VmoTest, "the content size is what was asked for, unrounded, and can be set up to the size", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(100, ZX_VMO_RESIZABLE);
  CHECK(ContentSizeOf(vmo) == 100);
  const auto set = [&](uint64_t size) {
    return zx_object_set_property(vmo, ZX_PROP_VMO_CONTENT_SIZE, &size, sizeof(size));
  };
  CHECK(set(kPage) == ZX_OK);
  CHECK(ContentSizeOf(vmo) == kPage);
  CHECK(SizeOf(vmo) == kPage);  // isn't resized
  CHECK(set(kPage + 1) == ZX_ERR_OUT_OF_RANGE);
  CHECK(ContentSizeOf(vmo) == kPage);
  REQUIRE(zx_vmo_set_size(vmo, 3 * kPage - 5) == ZX_OK);
  CHECK(ContentSizeOf(vmo) == 3 * kPage - 5);
  REQUIRE(zx_vmo_set_size(vmo, 7) == ZX_OK);
  CHECK(ContentSizeOf(vmo) == 7);
  CHECK(zx_vmo_set_size(vmo, UINT64_MAX) == ZX_ERR_OUT_OF_RANGE);
  CHECK(ContentSizeOf(vmo) == 7);
}

TEST_CASE_METHOD(VmoTest, "properties of VMOs: errors", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  uint64_t size = 1;
  constexpr uint32_t kProperty = ZX_PROP_VMO_CONTENT_SIZE;
  CHECK(zx_object_get_property(3, kProperty, &size, sizeof(size)) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_object_get_property(zx_process_self(), kProperty, &size, sizeof(size)) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_object_get_property(Without(vmo, ZX_RIGHT_GET_PROPERTY), kProperty, &size, sizeof(size)) ==
        ZX_ERR_ACCESS_DENIED);
  CHECK(zx_object_set_property(Without(vmo, ZX_RIGHT_SET_PROPERTY), kProperty, &size, sizeof(size)) ==
        ZX_ERR_ACCESS_DENIED);
  CHECK(zx_object_get_property(vmo, kProperty, &size, sizeof(size) - 1) == ZX_ERR_BUFFER_TOO_SMALL);
  CHECK(zx_object_set_property(vmo, kProperty, &size, sizeof(size) - 1) == ZX_ERR_BUFFER_TOO_SMALL);
  CHECK(zx_object_get_property(vmo, kProperty, BadPointer<void>(), sizeof(size)) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_object_set_property(vmo, kProperty, BadPointer<void>(), sizeof(size)) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_object_get_property(vmo, 0x7777, &size, sizeof(size)) == ZX_ERR_NOT_SUPPORTED);
  CHECK(ContentSizeOf(vmo) == kPage);
}

TEST_CASE_METHOD(VmoTest, "ZX_INFO_VMO needs no right, and tells name, mappings and address spaces", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(3 * kPage);
  REQUIRE(zx_object_set_property(vmo, ZX_PROP_NAME, "blue", 4) == ZX_OK);
  zx_info_vmo_t info = Info(vmo);
  CHECK(info.koid == KoidOf(vmo));
  CHECK(std::string(info.name) == "blue");
  CHECK(info.parent_koid == 0);
  CHECK(info.num_children == 0);
  CHECK(info.num_mappings == 0);
  CHECK(info.share_count == 0);
  CHECK(info.flags == (ZX_INFO_VMO_TYPE_PAGED | ZX_INFO_VMO_VIA_HANDLE));
  CHECK(info.handle_rights == RightsOf(vmo));
  CHECK(info.cache_policy == ZX_CACHE_POLICY_CACHED);
  MapAt(0, vmo, 2);
  MapAt(4, vmo, 1);
  const zx_handle_t weak = Without(vmo, ~zx_rights_t{0});
  info = Info(weak);
  CHECK(info.num_mappings == 2);
  CHECK(info.share_count == 1);
  CHECK(info.handle_rights == 0);
  Unmap(0, 8);
  CHECK(Info(weak).num_mappings == 0);
  CHECK(Info(weak).share_count == 0);
  const auto get = [&](zx_handle_t handle, void* to, size_t size) {
    return zx_object_get_info(handle, ZX_INFO_VMO, to, size, nullptr, nullptr);
  };
  CHECK(get(3, &info, sizeof(info)) == ZX_ERR_BAD_HANDLE);
  CHECK(get(vmar, &info, sizeof(info)) == ZX_ERR_WRONG_TYPE);
  CHECK(get(vmo, &info, sizeof(info) - 1) == ZX_ERR_BUFFER_TOO_SMALL);
  CHECK(get(vmo, BadPointer<void>(), sizeof(info)) == ZX_ERR_INVALID_ARGS);
}

}  // namespace
}  // namespace zirconia
