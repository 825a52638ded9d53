// Who is whose child: ZX_VMO_ZERO_CHILDREN, num_children, parent_koid.
#include <zircon/syscalls/port.h>

#include <string>

#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {
namespace {

struct ChildrenTest : VmoTest {
  // The signal says the same as the count.
  static size_t ChildrenOf(zx_handle_t vmo) {
    const size_t count = Info(vmo).num_children;
    CHECK(HasZeroChildrenSignal(vmo) == (count == 0));
    return count;
  }
};

TEST_CASE_METHOD(ChildrenTest, "ZERO_CHILDREN is cleared while there are children of any kind", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  CHECK(ChildrenOf(vmo) == 0);
  for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite, kSlice}) {
    const zx_handle_t first = Child(vmo, kind, 0, 2);
    CHECK(ChildrenOf(vmo) == 1);
    CHECK(ChildrenOf(first) == 0);
    const zx_handle_t second = Child(vmo, kSnapshot, 0, 1);
    CHECK(ChildrenOf(vmo) == 2);
    Close(first);
    CHECK(ChildrenOf(vmo) == 1);
    Close(second);
    CHECK(ChildrenOf(vmo) == 0);
  }
}

TEST_CASE_METHOD(ChildrenTest, "a child of no size is a child", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  for (const uint32_t kind : {kSnapshot, kSlice}) {
    const zx_handle_t child = Child(vmo, kind, 1, 0);
    CHECK(ChildrenOf(vmo) == 1);
    Close(child);
    CHECK(ChildrenOf(vmo) == 0);
  }
}

TEST_CASE_METHOD(ChildrenTest, "a second handle keeps a child", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  const zx_handle_t child = Child(vmo, kSlice, 0, 1);
  const zx_handle_t duplicate = Without(child, 0);
  Close(child);
  CHECK(ChildrenOf(vmo) == 1);
  Close(duplicate);
  CHECK(ChildrenOf(vmo) == 0);
}

TEST_CASE_METHOD(ChildrenTest, "a mapping keeps a child whose handles are closed", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  for (const uint32_t kind : {kSnapshot, kSlice}) {
    const zx_handle_t child = Child(vmo, kind, 0, 2);
    MapAt(0, child, 2);
    MapAt(8, child, 1);
    Close(child);
    CHECK(ChildrenOf(vmo) == 1);
    CHECK(kernel.Load<uint64_t>(base + kPage) == 11u);
    Unmap(8, 1);
    CHECK(ChildrenOf(vmo) == 1);
    Unmap(0, 1);  // a part of the other remains
    CHECK(ChildrenOf(vmo) == 1);
    Unmap(1, 1);
    CHECK(ChildrenOf(vmo) == 0);
  }
}

TEST_CASE_METHOD(ChildrenTest, "overwriting or destroying the last mapping ends the child", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  const zx_handle_t other = MakeVmo(kPage);
  zx_handle_t child = Child(vmo, kSlice, 0, 1);
  MapAt(0, child, 1);
  Close(child);
  zx_vaddr_t at = 0;
  REQUIRE(zx_vmar_map(vmar, kRead | ZX_VM_SPECIFIC_OVERWRITE, 0, other, 0, kPage, &at) == ZX_OK);
  CHECK(ChildrenOf(vmo) == 0);
  child = Child(vmo, kSnapshot, 0, 1);
  const zx_handle_t region = Allocate(vmar, kCanMapAll, 0, kPage);
  REQUIRE(Map(region, kRead, 0, child, 0, kPage) == ZX_OK);
  Close(child);
  CHECK(ChildrenOf(vmo) == 1);
  REQUIRE(zx_vmar_destroy(region) == ZX_OK);
  CHECK(ChildrenOf(vmo) == 0);
}

TEST_CASE_METHOD(ChildrenTest, "grandchildren go to their grandparent when their parent is gone", "[vmo]") {
  for (const uint32_t kind : {kSnapshot, kAtLeastOnWrite, kSlice}) {
    const zx_handle_t vmo = MakeCountedVmo(4, 10);
    const zx_handle_t child = Child(vmo, kind, 0, 4);
    const zx_handle_t slice = Child(child, kSlice, 0, 2);
    const zx_handle_t snapshot = Child(child, kSnapshot, 0, 2);
    CHECK(ChildrenOf(vmo) == 1);
    CHECK(ChildrenOf(child) == 2);
    Close(child);
    CHECK(ChildrenOf(vmo) == 2);
    Close(slice);
    CHECK(ChildrenOf(vmo) == 1);
    CHECK(WordsOf(snapshot) == std::vector<uint64_t>{10, 11});
    Close(snapshot);
    CHECK(ChildrenOf(vmo) == 0);
  }
}

TEST_CASE_METHOD(ChildrenTest, "the mapping of a grandchild keeps ZERO_CHILDREN cleared, generations later", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(1, 10);
  zx_handle_t last = Child(vmo, kSnapshot, 0, 1);
  for (int i = 0; i < 20; ++i) {
    const zx_handle_t next = Child(last, i % 3 == 0 ? kSlice : kSnapshot, 0, 1);
    CHECK(ChildrenOf(last) == 1);
    Close(last);
    CHECK(ChildrenOf(vmo) == 1);
    last = next;
  }
  MapAt(0, last, 1);
  Close(last);
  CHECK(ChildrenOf(vmo) == 1);
  CHECK(kernel.Load<uint64_t>(base) == 10u);
  Unmap(0, 1);
  CHECK(ChildrenOf(vmo) == 0);
}

TEST_CASE_METHOD(ChildrenTest, "of a chain that is closed from the middle, each has the next one alive", "[vmo]") {
  std::vector<zx_handle_t> chain = {MakeCountedVmo(1, 10)};
  for (int i = 0; i < 6; ++i) chain.push_back(Child(chain.back(), kSnapshot, 0, 1));
  for (const size_t closed : {3, 1, 5, 2, 4}) {
    Close(chain[closed]);
    chain[closed] = ZX_HANDLE_INVALID;
    for (size_t i = 0; i + 1 < chain.size(); ++i) {
      if (chain[i] != ZX_HANDLE_INVALID) CHECK(ChildrenOf(chain[i]) == 1);
    }
    CHECK(ChildrenOf(chain.back()) == 0);
  }
  Close(chain.back());
  CHECK(ChildrenOf(chain.front()) == 0);
}

TEST_CASE_METHOD(ChildrenTest, "children outlive their parent, and have children of their own", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  const zx_handle_t snapshot = Child(vmo, kSnapshot, 0, 2);
  const zx_handle_t slice = Child(vmo, kSlice, 0, 2);
  Close(vmo);
  for (const zx_handle_t orphan : {snapshot, slice}) {
    CHECK(ChildrenOf(orphan) == 0);
    const zx_handle_t child = Child(orphan, kSnapshot, 0, 2);
    CHECK(ChildrenOf(orphan) == 1);
    Close(child);
    CHECK(ChildrenOf(orphan) == 0);
  }
}

TEST_CASE_METHOD(ChildrenTest, "parent_koid names what a child was made from", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  const zx_koid_t koid = KoidOf(vmo);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 1);
  const zx_handle_t slice = Child(vmo, kSlice, 0, 1);
  const zx_handle_t grandchild = Child(child, kSnapshot, 0, 1);
  CHECK(Info(vmo).parent_koid == 0);
  CHECK(Info(child).parent_koid == koid);
  CHECK(Info(slice).parent_koid == koid);
  CHECK(Info(grandchild).parent_koid == KoidOf(child));
  Close(vmo);
  CHECK(Info(child).parent_koid == koid);
}

TEST_CASE_METHOD(ChildrenTest, "a child has its parent's name, if that may be known", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  REQUIRE(zx_object_set_property(vmo, ZX_PROP_NAME, "parent", 6) == ZX_OK);
  for (const uint32_t kind : {ZX_VMO_CHILD_SNAPSHOT, ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE, ZX_VMO_CHILD_SLICE}) {
    CHECK(std::string(Info(Child(vmo, kind, 0, 1)).name) == "parent");
    CHECK(std::string(Info(Child(Without(vmo, ZX_RIGHT_GET_PROPERTY), kind, 0, 1)).name).empty());
  }
}

TEST_CASE_METHOD(ChildrenTest, "who waits for ZERO_CHILDREN is told through a port", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 1);
  MapAt(0, child, 1);
  Close(child);
  zx_handle_t port = 0;
  REQUIRE(zx_port_create(0, &port) == ZX_OK);
  REQUIRE(zx_object_wait_async(vmo, port, 7, ZX_VMO_ZERO_CHILDREN, 0) == ZX_OK);
  zx_port_packet_t packet{};
  CHECK(zx_port_wait(port, 0, &packet) == ZX_ERR_TIMED_OUT);
  Unmap(0, 1);
  REQUIRE(zx_port_wait(port, 0, &packet) == ZX_OK);
  CHECK(packet.key == 7);
  CHECK((packet.signal.observed & ZX_VMO_ZERO_CHILDREN) != 0);
}

TEST_CASE_METHOD(ChildrenTest, "programs can't set or clear ZERO_CHILDREN", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  CHECK(zx_object_signal(vmo, ZX_VMO_ZERO_CHILDREN, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(HasZeroChildrenSignal(vmo));
  CHECK(zx_object_signal(vmo, 0, ZX_USER_SIGNAL_0) == ZX_OK);
  CHECK(ChildrenOf(vmo) == 0);
}

}  // namespace
}  // namespace zirconia
