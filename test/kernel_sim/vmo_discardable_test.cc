// Discardable VMOs through zx_* calls, each against the host page table and the software one.
#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {
namespace {

constexpr uint64_t kPages = 16;

// A kernel with little memory, and a discardable VMO of which each page holds its number and 100.
struct DiscardTest {
  static testing::KernelOptions LittleMemory() {
    testing::KernelOptions options = OnEitherPageTable();
    options.memory = 1024 * kPage;
    return options;
  }
  testing::Kernel kernel{LittleMemory()};
  zx_handle_t vmo = VmarTest::MakeVmo(kPages * kPage, ZX_VMO_DISCARDABLE);
  zx_handle_t hog = VmarTest::MakeVmo(1024 * kPage);

  DiscardTest() { Fill(); }
  ~DiscardTest() { CHECK(kernel.Verify().empty()); }
  void Fill() const {
    for (uint64_t i = 0; i < kPages; ++i) {
      const uint64_t word = 100 + i;
      REQUIRE(zx_vmo_write(vmo, &word, i * kPage, sizeof(word)) == ZX_OK);
    }
  }
  zx_status_t Op(uint32_t op, void* buffer = nullptr, size_t size = 0) const {
    return zx_vmo_op_range(vmo, op, 0, kPages * kPage, buffer, size);
  }
  // Asks for memory until there is no more, and gives it back.
  void RunOutOfMemory() const {
    for (uint64_t page = 0; page < 1024; ++page) {
      if (zx_vmo_op_range(hog, ZX_VMO_OP_COMMIT, page * kPage, kPage, nullptr, 0) != ZX_OK) break;
    }
    REQUIRE(zx_vmo_op_range(hog, ZX_VMO_OP_DECOMMIT, 0, 1024 * kPage, nullptr, 0) == ZX_OK);
  }
  uint64_t Committed() const {
    zx_info_vmo_t info{};
    REQUIRE(zx_object_get_info(vmo, ZX_INFO_VMO, &info, sizeof(info), nullptr, nullptr) == ZX_OK);
    CHECK((info.flags & ZX_INFO_VMO_DISCARDABLE) != 0);
    return info.committed_bytes / kPage;
  }
};

TEST_CASE(
    "A discardable VMO is initially unlocked, counts as committed until it is discarded, and then reads NOT_FOUND") {
  DiscardTest t;
  CHECK(t.Committed() == kPages);
  CHECK(t.Op(ZX_VMO_OP_UNLOCK) == ZX_ERR_BAD_STATE);
  t.RunOutOfMemory();
  CHECK(t.Committed() == 0);
  uint64_t word = 0;
  CHECK(zx_vmo_read(t.vmo, &word, 0, sizeof(word)) == ZX_ERR_NOT_FOUND);
  CHECK(zx_vmo_write(t.vmo, &word, 0, sizeof(word)) == ZX_ERR_NOT_FOUND);
}

TEST_CASE("LOCK tells what was locked and what had been discarded, once; locked pages stay") {
  DiscardTest t;
  zx_vmo_lock_state_t state{1, 1, 1, 1};
  REQUIRE(t.Op(ZX_VMO_OP_LOCK, &state, sizeof(state)) == ZX_OK);
  CHECK(state.offset == 0);
  CHECK(state.size == kPages * kPage);
  CHECK(state.discarded_offset == 0);
  CHECK(state.discarded_size == 0);
  t.RunOutOfMemory();
  CHECK(t.Committed() == kPages);
  REQUIRE(t.Op(ZX_VMO_OP_UNLOCK) == ZX_OK);
  t.RunOutOfMemory();
  REQUIRE(t.Op(ZX_VMO_OP_LOCK, &state, sizeof(state)) == ZX_OK);
  CHECK(state.discarded_offset == 0);
  CHECK(state.discarded_size == kPages * kPage);
  REQUIRE(t.Op(ZX_VMO_OP_LOCK, &state, sizeof(state)) == ZX_OK);
  CHECK(state.discarded_size == 0);
  uint64_t word = 1;
  CHECK(zx_vmo_read(t.vmo, &word, 0, sizeof(word)) == ZX_OK);
  CHECK(word == 0);
}

TEST_CASE("What the kernel discards is counted as a change of what is committed, and what programs do isn't") {
  DiscardTest t;
  CHECK(VmoTest::Info(t.vmo).committed_change_events == 0);
  t.RunOutOfMemory();
  CHECK(VmoTest::Info(t.vmo).committed_change_events == 1);
  CHECK(VmoTest::Info(t.hog).committed_change_events == 0);
}

TEST_CASE("TRY_LOCK locks what was not discarded, and is UNAVAILABLE afterwards") {
  DiscardTest t;
  REQUIRE(t.Op(ZX_VMO_OP_TRY_LOCK) == ZX_OK);
  t.RunOutOfMemory();
  CHECK(t.Committed() == kPages);
  REQUIRE(t.Op(ZX_VMO_OP_UNLOCK) == ZX_OK);
  t.RunOutOfMemory();
  CHECK(t.Op(ZX_VMO_OP_TRY_LOCK) == ZX_ERR_UNAVAILABLE);
}

TEST_CASE("A mapping of a discardable VMO needs ALLOW_FAULTS, and faults when the VMO has been discarded") {
  DiscardTest t;
  zx_vaddr_t address = 0;
  CHECK(zx_vmar_map(zx_vmar_root_self(), kReadWrite, 0, t.vmo, 0, kPages * kPage, &address) == ZX_ERR_NOT_SUPPORTED);
  REQUIRE(zx_vmar_map(zx_vmar_root_self(), kReadWrite | ZX_VM_ALLOW_FAULTS, 0, t.vmo, 0, kPages * kPage, &address) ==
          ZX_OK);
  CHECK(t.kernel.Load<uint64_t>(address + 3 * kPage) == 103);
  t.RunOutOfMemory();
  CHECK_FALSE(t.kernel.Load<uint64_t>(address + 3 * kPage).has_value());
  CHECK_FALSE(t.kernel.Store(address, uint64_t{1}));
  zx_vmo_lock_state_t state{};
  REQUIRE(t.Op(ZX_VMO_OP_LOCK, &state, sizeof(state)) == ZX_OK);
  CHECK(t.kernel.Load<uint64_t>(address + 3 * kPage) == 0);
}

TEST_CASE("Lock operations: errors") {
  DiscardTest t;
  zx_vmo_lock_state_t state{};
  const zx_handle_t plain = VmarTest::MakeVmo(kPage);
  for (const uint32_t op : {ZX_VMO_OP_LOCK, ZX_VMO_OP_TRY_LOCK, ZX_VMO_OP_UNLOCK}) {
    CHECK(zx_vmo_op_range(plain, op, 0, kPage, &state, sizeof(state)) == ZX_ERR_NOT_SUPPORTED);
    CHECK(zx_vmo_op_range(t.vmo, op, 0, kPage, &state, sizeof(state)) == ZX_ERR_OUT_OF_RANGE);
    CHECK(zx_vmo_op_range(t.vmo, op, kPage, (kPages - 1) * kPage, &state, sizeof(state)) == ZX_ERR_OUT_OF_RANGE);
    const zx_handle_t blind = VmarTest::Without(t.vmo, ZX_RIGHT_READ | ZX_RIGHT_WRITE);
    CHECK(zx_vmo_op_range(blind, op, 0, kPages * kPage, &state, sizeof(state)) == ZX_ERR_ACCESS_DENIED);
  }
  CHECK(t.Op(ZX_VMO_OP_LOCK, BadPointer<void>(), sizeof(state)) == ZX_ERR_INVALID_ARGS);
  CHECK(t.Op(ZX_VMO_OP_LOCK, &state, sizeof(state) - 1) == ZX_ERR_INVALID_ARGS);
  CHECK(t.Op(ZX_VMO_OP_UNLOCK) == ZX_ERR_BAD_STATE);
}

TEST_CASE("A discardable VMO has no children") {
  DiscardTest t;
  zx_handle_t child = ZX_HANDLE_INVALID;
  for (const uint32_t kind : {ZX_VMO_CHILD_SNAPSHOT, ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE, ZX_VMO_CHILD_SLICE}) {
    CHECK(zx_vmo_create_child(t.vmo, kind, 0, kPage, &child) == ZX_ERR_NOT_SUPPORTED);
  }
}

}  // namespace
}  // namespace zirconia
