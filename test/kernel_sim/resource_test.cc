// Resources: zx_resource_create, ZX_INFO_RESOURCE, and who asks for one.
#include "kernel_sim/resource.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "test/kernel_sim/syscall_fixture.h"

namespace zirconia::kernel {
namespace {

struct ResourceTest : SyscallTest {
  zx_handle_t root = program.Give(kernel->root_resource(), ZX_DEFAULT_RESOURCE_RIGHTS);

  zx_status_t Create(zx_handle_t parent, uint32_t options, uint64_t base, uint64_t size, zx_handle_t* out) {
    return program(sys::resource_create, parent, options, base, size, "name", size_t{4}, out);
  }
  zx_handle_t Make(uint32_t options, uint64_t base, uint64_t size) {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(Create(root, options, base, size, &out) == ZX_OK);
    return out;
  }
  zx_info_resource_t Info(zx_handle_t handle) {
    zx_info_resource_t info{};
    REQUIRE(program(sys::object_get_info, handle, ZX_INFO_RESOURCE, &info, sizeof(info), nullptr, nullptr) == ZX_OK);
    return info;
  }
};

TEST_CASE_METHOD(ResourceTest, "a resource has the documented rights, and tells what it is", "[resource]") {
  const zx_handle_t mmio = Make(ZX_RSRC_KIND_MMIO | ZX_RSRC_FLAG_EXCLUSIVE, 0x1000, 0x2000);
  CHECK(program.RightsOf(mmio) == (ZX_RIGHT_TRANSFER | ZX_RIGHT_DUPLICATE | ZX_RIGHT_INSPECT | ZX_RIGHT_WRITE));
  CHECK(program.Basic(mmio).type == ZX_OBJ_TYPE_RESOURCE);
  const auto info = Info(mmio);
  CHECK(info.kind == ZX_RSRC_KIND_MMIO);
  CHECK(info.flags == ZX_RSRC_FLAG_EXCLUSIVE);
  CHECK(info.base == 0x1000);
  CHECK(info.size == 0x2000);
  CHECK(std::string(info.name) == "name");
  CHECK(Info(root).kind == ZX_RSRC_KIND_ROOT);
}

TEST_CASE_METHOD(ResourceTest, "ZX_INFO_RESOURCE: errors", "[resource]") {
  zx_info_resource_t info{};
  const auto get = [&](zx_handle_t handle, size_t size) {
    return program(sys::object_get_info, handle, ZX_INFO_RESOURCE, &info, size, nullptr, nullptr);
  };
  CHECK(get(program.vmar, sizeof(info)) == ZX_ERR_WRONG_TYPE);
  CHECK(get(program.Without(root, ZX_RIGHT_INSPECT), sizeof(info)) == ZX_ERR_ACCESS_DENIED);
  CHECK(get(root, sizeof(info) - 1) == ZX_ERR_BUFFER_TOO_SMALL);
}

TEST_CASE_METHOD(ResourceTest, "the name of a resource is cut, and may be left out", "[resource]") {
  zx_handle_t out = 0;
  const std::string name(100, 'x');
  REQUIRE(program(sys::resource_create, root, ZX_RSRC_KIND_IRQ, 1, 1, name.c_str(), name.size(), &out) == ZX_OK);
  CHECK(std::strlen(Info(out).name) == ZX_MAX_NAME_LEN - 1);
  REQUIRE(program(sys::resource_create, root, ZX_RSRC_KIND_IRQ, 1, 1, nullptr, size_t{0}, &out) == ZX_OK);
  CHECK(std::string(Info(out).name).empty());
}

TEST_CASE_METHOD(ResourceTest, "zx_resource_create: handles and rights", "[resource]") {
  zx_handle_t out = 0;
  CHECK(Create(zx_handle_t{3}, ZX_RSRC_KIND_MMIO, 0, 1, &out) == ZX_ERR_BAD_HANDLE);
  CHECK(Create(program.vmar, ZX_RSRC_KIND_MMIO, 0, 1, &out) == ZX_ERR_WRONG_TYPE);
  CHECK(Create(program.Without(root, ZX_RIGHT_WRITE), ZX_RSRC_KIND_MMIO, 0, 1, &out) == ZX_ERR_ACCESS_DENIED);
}

TEST_CASE_METHOD(ResourceTest, "a resource makes resources of its kind within its range only", "[resource]") {
  const zx_handle_t parent = Make(ZX_RSRC_KIND_MMIO, 0x10000, 0x1000);
  zx_handle_t out = 0;
  CHECK(Create(parent, ZX_RSRC_KIND_MMIO, 0x10000, 0x1000, &out) == ZX_OK);
  CHECK(Create(out, ZX_RSRC_KIND_MMIO, 0x10800, 0x10, &out) == ZX_OK);
  CHECK(Create(parent, ZX_RSRC_KIND_MMIO, 0xf000, 0x2000, &out) == ZX_ERR_ACCESS_DENIED);
  CHECK(Create(parent, ZX_RSRC_KIND_MMIO, 0x10800, 0x1000, &out) == ZX_ERR_ACCESS_DENIED);
  CHECK(Create(parent, ZX_RSRC_KIND_IRQ, 0x10000, 1, &out) == ZX_ERR_ACCESS_DENIED);
  CHECK(Create(parent, ZX_RSRC_KIND_ROOT, 0, 0, &out) == ZX_ERR_ACCESS_DENIED);
  const zx_handle_t exclusive = Make(ZX_RSRC_KIND_MMIO | ZX_RSRC_FLAG_EXCLUSIVE, 0x20000, 0x1000);
  CHECK(Create(exclusive, ZX_RSRC_KIND_MMIO, 0x20000, 0x10, &out) == ZX_ERR_ACCESS_DENIED);
}

TEST_CASE_METHOD(ResourceTest, "zx_resource_create: bad kinds, flags, ranges and pointers", "[resource]") {
  zx_handle_t out = 0;
  CHECK(Create(root, ZX_RSRC_KIND_COUNT, 0, 1, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(Create(root, ZX_RSRC_KIND_SMC, 0, 1, &out) == ZX_ERR_INVALID_ARGS);  // ARM's
  CHECK(Create(root, ZX_RSRC_KIND_MMIO | 0x20000, 0, 1, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(Create(root, ZX_RSRC_KIND_ROOT | ZX_RSRC_FLAG_EXCLUSIVE, 0, 0, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(Create(root, ZX_RSRC_KIND_ROOT, 1, 0, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(Create(root, ZX_RSRC_KIND_ROOT, 0, 1, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(Create(root, ZX_RSRC_KIND_HYPERVISOR, 0, 1, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(Create(root, ZX_RSRC_KIND_VMEX, 1, 0, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(Create(root, ZX_RSRC_KIND_MMIO, 0, 0, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(Create(root, ZX_RSRC_KIND_MMIO, UINT64_MAX, 2, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(Create(root, ZX_RSRC_KIND_IOPORT, 0xffff, 2, &out) == ZX_ERR_NOT_FOUND);
  CHECK(program(sys::resource_create, root, ZX_RSRC_KIND_IRQ, 0, 1, BadPointer<char>(), size_t{4}, &out) ==
        ZX_ERR_INVALID_ARGS);
  CHECK(Create(root, ZX_RSRC_KIND_IRQ, 0, 1, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(ResourceTest, "an exclusive range overlaps no other as long as it has a handle", "[resource]") {
  zx_handle_t out = 0;
  const zx_handle_t exclusive = Make(ZX_RSRC_KIND_IOPORT | ZX_RSRC_FLAG_EXCLUSIVE, 0x100, 0x10);
  CHECK(Create(root, ZX_RSRC_KIND_IOPORT, 0x10f, 1, &out) == ZX_ERR_NOT_FOUND);
  CHECK(Create(root, ZX_RSRC_KIND_IOPORT, 0x110, 1, &out) == ZX_OK);
  CHECK(Create(root, ZX_RSRC_KIND_IRQ, 0x100, 1, &out) == ZX_OK);  // another kind
  program.Close(exclusive);
  const zx_handle_t shared = Make(ZX_RSRC_KIND_IOPORT, 0x100, 8);
  CHECK(Create(root, ZX_RSRC_KIND_IOPORT | ZX_RSRC_FLAG_EXCLUSIVE, 0x107, 2, &out) == ZX_ERR_NOT_FOUND);
  CHECK(Create(root, ZX_RSRC_KIND_IOPORT, 0x107, 2, &out) == ZX_OK);  // shared ones may overlap
  program.Close(out);
  program.Close(shared);
  CHECK(Create(root, ZX_RSRC_KIND_IOPORT | ZX_RSRC_FLAG_EXCLUSIVE, 0x107, 2, &out) == ZX_OK);
}

TEST_CASE_METHOD(ResourceTest, "the older kinds are privileges of the system kind", "[resource]") {
  const auto vmex = Info(Make(ZX_RSRC_KIND_VMEX, 0, 0));
  CHECK(vmex.kind == ZX_RSRC_KIND_SYSTEM);
  CHECK(vmex.base == ZX_RSRC_SYSTEM_VMEX_BASE);
  CHECK(vmex.size == 1);
  CHECK(Info(Make(ZX_RSRC_KIND_HYPERVISOR, 0, 0)).base == ZX_RSRC_SYSTEM_HYPERVISOR_BASE);
}

TEST_CASE_METHOD(ResourceTest, "zx_vmo_replace_as_executable adds EXECUTE, and consumes its handle",
                 "[resource][vmo]") {
  for (const zx_handle_t vmex : {zx_handle_t{ZX_HANDLE_INVALID}, Make(ZX_RSRC_KIND_VMEX, 0, 0),
                                 Make(ZX_RSRC_KIND_SYSTEM, ZX_RSRC_SYSTEM_VMEX_BASE, 1),
                                 Make(ZX_RSRC_KIND_SYSTEM, 0, ZX_RSRC_SYSTEM_COUNT), root}) {
    const zx_handle_t vmo = program.MakeVmo(4096);
    const zx_rights_t rights = program.RightsOf(vmo);
    zx_handle_t out = 0;
    REQUIRE(program(sys::vmo_replace_as_executable, vmo, vmex, &out) == ZX_OK);
    CHECK(program.RightsOf(out) == (rights | ZX_RIGHT_EXECUTE));
    CHECK(program(sys::handle_close, vmo) == ZX_ERR_BAD_HANDLE);
  }
}

TEST_CASE_METHOD(ResourceTest, "zx_vmo_replace_as_executable: errors, each of which consumes the handle",
                 "[resource][vmo]") {
  zx_handle_t out = 0;
  CHECK(program(sys::vmo_replace_as_executable, zx_handle_t{3}, ZX_HANDLE_INVALID, &out) == ZX_ERR_BAD_HANDLE);
  const auto fails = [&](zx_handle_t handle, zx_handle_t vmex, zx_handle_t* to) {
    const zx_status_t s = program(sys::vmo_replace_as_executable, handle, vmex, to);
    CHECK(program(sys::handle_close, handle) == ZX_ERR_BAD_HANDLE);
    return s;
  };
  CHECK(fails(program.MakeEvent(), ZX_HANDLE_INVALID, &out) == ZX_ERR_BAD_HANDLE);
  CHECK(fails(program.MakeVmo(0), zx_handle_t{3}, &out) == ZX_ERR_BAD_HANDLE);
  CHECK(fails(program.MakeVmo(0), program.MakeEvent(), &out) == ZX_ERR_BAD_HANDLE);
  CHECK(fails(program.MakeVmo(0), Make(ZX_RSRC_KIND_MMIO, 0, 4096), &out) == ZX_ERR_BAD_HANDLE);
  CHECK(fails(program.MakeVmo(0), Make(ZX_RSRC_KIND_HYPERVISOR, 0, 0), &out) == ZX_ERR_BAD_HANDLE);
  CHECK(fails(program.MakeVmo(0), ZX_HANDLE_INVALID, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(ResourceTest, "what the machine has and uses is told to who holds the root resource", "[resource]") {
  zx_info_kmem_stats_t stats{};
  const auto get = [&](zx_handle_t handle) {
    return program(sys::object_get_info, handle, ZX_INFO_KMEM_STATS, &stats, sizeof(stats), nullptr, nullptr);
  };
  REQUIRE(get(root) == ZX_OK);
  CHECK(stats.total_bytes == uint64_t{64} << 20);
  CHECK(stats.free_bytes + stats.vmo_bytes == stats.total_bytes);
  CHECK(get(Make(ZX_RSRC_KIND_MMIO, 0, 4096)) == ZX_ERR_ACCESS_DENIED);
  CHECK(get(program.vmar) == ZX_ERR_WRONG_TYPE);
}

}  // namespace
}  // namespace zirconia::kernel
