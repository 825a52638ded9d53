// zx_vmo_set_cache_policy and zx_vmo_replace_as_executable.
#include <zircon/syscalls/resource.h>

#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {
namespace {

constexpr std::array<uint32_t, 3> kUncachedPolicies = {ZX_CACHE_POLICY_UNCACHED, ZX_CACHE_POLICY_UNCACHED_DEVICE,
                                                       ZX_CACHE_POLICY_WRITE_COMBINING};

TEST_CASE_METHOD(VmoTest, "set_cache_policy: errors", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  CHECK(zx_vmo_set_cache_policy(3, ZX_CACHE_POLICY_UNCACHED) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_vmo_set_cache_policy(zx_process_self(), ZX_CACHE_POLICY_UNCACHED) == ZX_ERR_WRONG_TYPE);
  CHECK(zx_vmo_set_cache_policy(Without(vmo, ZX_RIGHT_MAP), ZX_CACHE_POLICY_UNCACHED) == ZX_ERR_ACCESS_DENIED);
  CHECK(zx_vmo_set_cache_policy(Without(vmo, ZX_RIGHT_MAP), 77) == ZX_ERR_ACCESS_DENIED);
  for (const uint32_t policy : {4u, 7u, 1u << 31, UINT32_MAX}) {
    CHECK(zx_vmo_set_cache_policy(vmo, policy) == ZX_ERR_INVALID_ARGS);
  }
  CHECK(Info(vmo).cache_policy == ZX_CACHE_POLICY_CACHED);
  CHECK(zx_vmo_set_cache_policy(Without(vmo, ~(ZX_RIGHT_MAP)), ZX_CACHE_POLICY_UNCACHED) == ZX_OK);
}

TEST_CASE_METHOD(VmoTest, "a VMO that isn't cached refuses copies, and is mapped as ever", "[vmo]") {
  for (const uint32_t policy : kUncachedPolicies) {
    const zx_handle_t vmo = MakeVmo(2 * kPage);
    REQUIRE(zx_vmo_set_cache_policy(vmo, policy) == ZX_OK);
    CHECK(Info(vmo).cache_policy == policy);
    char byte = 0;
    for (const size_t size : {size_t{1}, size_t{0}}) {
      CHECK(zx_vmo_read(vmo, &byte, 0, size) == ZX_ERR_BAD_STATE);
      CHECK(zx_vmo_write(vmo, &byte, 0, size) == ZX_ERR_BAD_STATE);
    }
    CHECK(zx_vmo_read(Without(vmo, ZX_RIGHT_READ), &byte, 0, 1) == ZX_ERR_ACCESS_DENIED);
    CHECK(zx_vmo_read(Child(vmo, kSlice, 0, 1), &byte, 0, 1) == ZX_ERR_BAD_STATE);
    MapAt(0, vmo, 2);
    CHECK(kernel.Store<uint64_t>(base, 7));
    CHECK(kernel.Load<uint64_t>(base) == 7u);
    CHECK(OpPages(vmo, ZX_VMO_OP_COMMIT, 0, 2) == ZX_OK);
    CHECK(CommittedPages(vmo) == 2);
    Unmap(0, 2);
  }
}

TEST_CASE_METHOD(VmoTest, "a snapshot of an uncached VMO: BAD_STATE; a slice is as uncached", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  REQUIRE(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED) == ZX_OK);
  const zx_handle_t slice = Child(vmo, kSlice, 0, 1);
  CHECK(Info(slice).cache_policy == ZX_CACHE_POLICY_UNCACHED);
  for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite}) {
    CHECK(CreateChild(vmo, kind, 0, kPage) == ZX_ERR_BAD_STATE);
    CHECK(CreateChild(slice, kind, 0, kPage) == ZX_ERR_BAD_STATE);
  }
  Close(slice);
  REQUIRE(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_CACHED) == ZX_OK);
  CHECK(CreateChild(vmo, kSnapshot, 0, kPage) == ZX_OK);
  CHECK(Write(vmo, 0, 1) == ZX_OK);
}

TEST_CASE_METHOD(VmoTest, "set_cache_policy: BAD_STATE while pages are committed; allowed again afterwards", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  Put(vmo, 1, 7);
  CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED) == ZX_ERR_BAD_STATE);
  CHECK(WordAt(vmo, kPage) == 7);
  REQUIRE(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 1, 1) == ZX_OK);
  CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED) == ZX_OK);
  REQUIRE(OpPages(vmo, ZX_VMO_OP_COMMIT, 0, 1) == ZX_OK);
  CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_CACHED) == ZX_ERR_BAD_STATE);
  CHECK(Info(vmo).cache_policy == ZX_CACHE_POLICY_UNCACHED);
}

TEST_CASE_METHOD(VmoTest, "set_cache_policy: BAD_STATE while it is mapped; allowed again afterwards", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  MapAt(0, vmo, 1);
  MapAt(4, vmo, 1, 0);
  CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED) == ZX_ERR_BAD_STATE);
  Unmap(0, 1);
  CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED) == ZX_ERR_BAD_STATE);
  Unmap(4, 1);
  CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED) == ZX_OK);
}

TEST_CASE_METHOD(VmoTest, "set_cache_policy: BAD_STATE of a clone, and while there are children", "[vmo]") {
  for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite, kSlice}) {
    const zx_handle_t vmo = MakeVmo(2 * kPage);
    const zx_handle_t child = Child(vmo, kind, 0, 1);
    CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED) == ZX_ERR_BAD_STATE);
    CHECK(zx_vmo_set_cache_policy(child, ZX_CACHE_POLICY_UNCACHED) == ZX_ERR_BAD_STATE);
    const zx_handle_t second = Child(vmo, kind, 0, 1);
    Close(child);
    CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED) == ZX_ERR_BAD_STATE);
    Close(second);
    CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED) == ZX_OK);
    REQUIRE(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_CACHED) == ZX_OK);
    const zx_handle_t orphan = Child(vmo, kind, 0, 1);
    Close(vmo);
    CHECK(zx_vmo_set_cache_policy(orphan, ZX_CACHE_POLICY_UNCACHED) == ZX_ERR_BAD_STATE);
  }
}

TEST_CASE_METHOD(DeviceTest, "set_cache_policy: BAD_STATE while pages are pinned; allowed again afterwards", "[vmo]") {
  const zx_handle_t physical = MakePhysical(0, kPage);
  const zx_handle_t vmo = MakeVmo(kPage);
  for (const zx_handle_t one : {physical, vmo}) {
    const zx_handle_t token = Pin(one, 0, 1);
    CHECK(zx_vmo_set_cache_policy(one, ZX_CACHE_POLICY_UNCACHED) == ZX_ERR_BAD_STATE);
    Unpin(token);
    if (one == vmo) REQUIRE(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_OK);
    CHECK(zx_vmo_set_cache_policy(one, ZX_CACHE_POLICY_UNCACHED) == ZX_OK);
  }
}

TEST_CASE_METHOD(DeviceTest, "set_cache_policy: contiguous memory is committed for good, so that it stays cached",
                 "[vmo]") {
  const zx_handle_t vmo = MakeContiguous(kPage);
  CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED) == ZX_ERR_BAD_STATE);
  CHECK(Info(vmo).cache_policy == ZX_CACHE_POLICY_CACHED);
}

TEST_CASE_METHOD(DeviceTest, "set_cache_policy of physical memory: not while it is mapped or has slices", "[vmo]") {
  const zx_handle_t vmo = MakePhysical(0, 2 * kPage);
  for (const uint32_t policy : kUncachedPolicies) {
    REQUIRE(zx_vmo_set_cache_policy(vmo, policy) == ZX_OK);
    CHECK(Info(vmo).cache_policy == policy);
  }
  MapAt(0, vmo, 1);
  CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_CACHED) == ZX_ERR_BAD_STATE);
  Unmap(0, 1);
  const zx_handle_t slice = Child(vmo, kSlice, 0, 1);
  CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_CACHED) == ZX_ERR_BAD_STATE);
  CHECK(zx_vmo_set_cache_policy(slice, ZX_CACHE_POLICY_CACHED) == ZX_ERR_BAD_STATE);
  Close(slice);
  CHECK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_CACHED) == ZX_OK);
}

TEST_CASE_METHOD(VmoTest, "replace_as_executable adds EXECUTE and nothing else, and consumes its handle", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(1, 10);
  const uint32_t handles = VmoHandles();
  for (const zx_rights_t missing : {zx_rights_t{0}, ZX_RIGHT_READ | ZX_RIGHT_MAP, ~zx_rights_t{0}}) {
    const zx_handle_t old = Without(vmo, missing);
    const zx_rights_t rights = RightsOf(old);
    zx_handle_t out = 0;
    REQUIRE(zx_vmo_replace_as_executable(old, ZX_HANDLE_INVALID, &out) == ZX_OK);
    CHECK(RightsOf(out) == (rights | ZX_RIGHT_EXECUTE));
    CHECK(KoidOf(out) == KoidOf(vmo));
    CHECK(zx_handle_close(old) == ZX_ERR_BAD_HANDLE);
    Close(out);
  }
  CHECK(VmoHandles() == handles);
  CHECK(RightsOf(vmo) == ZX_DEFAULT_VMO_RIGHTS);  // other handles are what they were
}

TEST_CASE_METHOD(VmoTest, "what replace_as_executable returns can be mapped executable", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(1, 10);
  constexpr zx_vm_option_t kExecute = ZX_VM_PERM_READ | ZX_VM_PERM_EXECUTE;
  CHECK(Map(vmar, kExecute, 0, vmo, 0, kPage) == ZX_ERR_ACCESS_DENIED);
  zx_handle_t executable = 0;
  REQUIRE(zx_vmo_replace_as_executable(Without(vmo, 0), ZX_HANDLE_INVALID, &executable) == ZX_OK);
  MapAt(0, executable, 1, kExecute);
  CHECK(kernel.Load<uint64_t>(base) == 10u);
  CHECK(Map(vmar, kExecute, 0, Child(executable, kSnapshot, 0, 1), 0, kPage) == ZX_ERR_ACCESS_DENIED);
}

TEST_CASE_METHOD(DeviceTest, "replace_as_executable that fails consumes its handle, too", "[vmo]") {
  zx_handle_t out = 0, irq = 0;
  REQUIRE(zx_resource_create(resource, ZX_RSRC_KIND_IRQ, 0, 1, nullptr, 0, &irq) == ZX_OK);
  const auto fails = [&](zx_handle_t handle, zx_handle_t vmex, zx_handle_t* to) {
    const zx_status_t status = zx_vmo_replace_as_executable(handle, vmex, to);
    CHECK(zx_handle_close(handle) == ZX_ERR_BAD_HANDLE);
    return status;
  };
  CHECK(zx_vmo_replace_as_executable(3, resource, &out) == ZX_ERR_BAD_HANDLE);
  zx_handle_t event = 0;
  REQUIRE(zx_event_create(0, &event) == ZX_OK);
  CHECK(fails(event, resource, &out) == ZX_ERR_BAD_HANDLE);
  CHECK(fails(MakeVmo(0), 3, &out) == ZX_ERR_BAD_HANDLE);
  CHECK(fails(MakeVmo(0), irq, &out) == ZX_ERR_BAD_HANDLE);
  CHECK(fails(MakeVmo(0), bti, &out) == ZX_ERR_BAD_HANDLE);
  const uint64_t used = kernel.pages_used();
  CHECK(fails(MakeCountedVmo(2, 10), resource, nullptr) == ZX_ERR_INVALID_ARGS);
  CHECK(fails(MakeCountedVmo(2, 10), resource, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
  CHECK(kernel.pages_used() == used);  // the handle was the last one
  REQUIRE(zx_vmo_replace_as_executable(MakeVmo(0), resource, &out) == ZX_OK);
}

}  // namespace
}  // namespace zirconia
