// VMOs that several processes have and map.
#include <atomic>
#include <memory>
#include <thread>

#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {
namespace {

using testing::Process;

struct TwoProcesses : VmoTest {
  std::unique_ptr<Process> other = std::make_unique<Process>(kernel, "other");

  // Runs it as the other process.
  template <typename Action>
  auto There(Action action) {
    Process::Enter enter(*other);
    return action();
  }
  // Maps it there; its first page is at the address that is returned.
  zx_vaddr_t MapThere(zx_handle_t vmo, uint64_t pages, zx_vm_option_t options = kReadWrite) {
    const zx_handle_t given = other->Give(vmo);
    REQUIRE(given != ZX_HANDLE_INVALID);
    return There([&] {
      zx_vaddr_t at = 0;
      REQUIRE(zx_vmar_map(zx_vmar_root_self(), options, 0, given, 0, pages * kPage, &at) == ZX_OK);
      Close(given);
      return at;
    });
  }
  std::optional<uint64_t> LoadThere(zx_vaddr_t at) {
    return There([&] { return kernel.Load<uint64_t>(at); });
  }
  bool StoreThere(zx_vaddr_t at, uint64_t word) {
    return There([&] { return kernel.Store(at, word); });
  }
};

TEST_CASE_METHOD(TwoProcesses, "a VMO mapped into two processes is one memory", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(2 * kPage);
  const zx_vaddr_t there = MapThere(vmo, 2);
  MapAt(0, vmo, 2);
  CHECK(LoadThere(there) == 0u);
  CHECK(Words(2) == std::vector<uint64_t>{0, 0});
  REQUIRE(kernel.Store<uint64_t>(base, 7));
  CHECK(LoadThere(there) == 7u);
  REQUIRE(StoreThere(there + kPage, 8));
  CHECK(Words(2) == std::vector<uint64_t>{7, 8});
  CHECK(Info(vmo).num_mappings == 2);
  CHECK(Info(vmo).share_count == 2);
  MapAt(4, vmo, 1);
  CHECK(Info(vmo).num_mappings == 3);
  CHECK(Info(vmo).share_count == 2);
  Unmap(0, 8);
  CHECK(Info(vmo).num_mappings == 1);
  CHECK(Info(vmo).share_count == 1);
}

TEST_CASE_METHOD(TwoProcesses, "DECOMMIT, ZERO and shrinking show in all processes at once", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(3 * kPage, ZX_VMO_RESIZABLE);
  for (uint64_t page = 0; page < 3; ++page) Put(vmo, page, 10 + page);
  const zx_vaddr_t there = MapThere(vmo, 3);
  MapAt(0, vmo, 3);
  for (uint64_t page = 0; page < 3; ++page) CHECK(LoadThere(there + page * kPage) == 10 + page);
  REQUIRE(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 0, 1) == ZX_OK);
  CHECK(LoadThere(there) == 0u);
  REQUIRE(Op(vmo, ZX_VMO_OP_ZERO, kPage, 8) == ZX_OK);
  CHECK(LoadThere(there + kPage) == 0u);
  REQUIRE(zx_vmo_set_size(vmo, 2 * kPage) == ZX_OK);
  CHECK_FALSE(LoadThere(there + 2 * kPage).has_value());
  CHECK_FALSE(StoreThere(there + 2 * kPage, 1));
  CHECK(StoreThere(there + kPage, 5));
  CHECK(Words(2) == std::vector<uint64_t>{0, 5});
}

TEST_CASE_METHOD(TwoProcesses, "a snapshot holds against stores of both processes", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  const zx_vaddr_t there = MapThere(vmo, 2);
  MapAt(0, vmo, 2);
  REQUIRE(StoreThere(there, 20));
  REQUIRE(kernel.Store<uint64_t>(base + kPage, 21));  // both have it writable
  const zx_handle_t snapshot = Child(vmo, kSnapshot, 0, 2);
  const zx_vaddr_t snapshot_there = MapThere(snapshot, 2);
  REQUIRE(StoreThere(there, 30));
  REQUIRE(kernel.Store<uint64_t>(base + kPage, 31));
  CHECK(Words(2) == std::vector<uint64_t>{30, 31});
  CHECK(LoadThere(there + kPage) == 31u);
  CHECK(LoadThere(snapshot_there) == 20u);
  CHECK(WordsOf(snapshot) == std::vector<uint64_t>{20, 21});
  REQUIRE(StoreThere(snapshot_there, 40));
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{30, 31});
  CHECK(CommittedPages({vmo, snapshot}) == std::vector<uint64_t>{2, 2});
}

TEST_CASE_METHOD(TwoProcesses, "a child that only another process maps keeps ZERO_CHILDREN cleared until it ends",
                 "[vmo]") {
  const uint64_t used = kernel.pages_used();
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  const zx_handle_t child = Child(vmo, kSnapshot, 0, 2);
  const zx_vaddr_t there = MapThere(child, 2);
  Close(child);
  CHECK_FALSE(HasZeroChildrenSignal(vmo));
  CHECK(Info(vmo).num_children == 1);
  CHECK(StoreThere(there, 20));
  CHECK(kernel.pages_used() == used + 3);
  other.reset();
  CHECK(HasZeroChildrenSignal(vmo));
  CHECK(Info(vmo).num_children == 0);
  CHECK(kernel.pages_used() == used + 2);
}

TEST_CASE_METHOD(TwoProcesses, "a child's handle in another process keeps it", "[vmo]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  const zx_handle_t child = Child(vmo, kSlice, 0, 1);
  const zx_handle_t there = other->Give(child);
  Close(child);
  CHECK_FALSE(HasZeroChildrenSignal(vmo));
  There([&] { Close(there); });
  CHECK(HasZeroChildrenSignal(vmo));
}

TEST_CASE_METHOD(TwoProcesses, "rights go with the handle, not with the VMO", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(1, 10);
  const zx_handle_t there = other->Give(Without(vmo, ZX_RIGHT_WRITE));
  There([&] {
    CHECK(Write(there, 0, 1) == ZX_ERR_ACCESS_DENIED);
    CHECK(WordAt(there, 0) == 10);
    // Its snapshot is its own to write.
    const zx_handle_t copy = Child(there, kSnapshot, 0, 1);
    Put(copy, 0, 20);
    CHECK(WordAt(copy, 0) == 20);
  });
  CHECK(WordAt(vmo, 0) == 10);
}

TEST_CASE_METHOD(TwoProcesses, "ZX_INFO_PROCESS_VMOS tells of clones by handle and by mapping", "[vmo]") {
  const zx_handle_t vmo = MakeCountedVmo(2, 10);
  const zx_handle_t mapped = Child(vmo, kSnapshot, 0, 2);
  const zx_handle_t held = Child(vmo, kSlice, 0, 1);
  const zx_vaddr_t at = MapThere(mapped, 2);
  other->Give(held);
  REQUIRE(StoreThere(at, 20));
  std::array<zx_info_vmo_t, 64> infos{};
  size_t actual = 0, all = 0;
  REQUIRE(zx_object_get_info(other->MakeHandle(), ZX_INFO_PROCESS_VMOS, infos.data(), sizeof(infos), &actual, &all) ==
          ZX_OK);
  REQUIRE(actual == all);
  const zx_info_vmo_t* by_mapping = nullptr;
  const zx_info_vmo_t* by_handle = nullptr;
  for (size_t i = 0; i < actual; ++i) {
    if (infos[i].koid == KoidOf(mapped)) by_mapping = &infos[i];
    if (infos[i].koid == KoidOf(held)) by_handle = &infos[i];
    CHECK(infos[i].koid != KoidOf(vmo));
  }
  REQUIRE(by_mapping != nullptr);
  CHECK(by_mapping->parent_koid == KoidOf(vmo));
  CHECK(by_mapping->flags == (ZX_INFO_VMO_TYPE_PAGED | ZX_INFO_VMO_IS_COW_CLONE | ZX_INFO_VMO_VIA_MAPPING));
  CHECK(by_mapping->committed_bytes == kPage);
  REQUIRE(by_handle != nullptr);
  CHECK(by_handle->flags == (ZX_INFO_VMO_TYPE_PAGED | ZX_INFO_VMO_VIA_HANDLE));
  CHECK(by_handle->handle_rights == RightsOf(held));
  CHECK(by_handle->committed_bytes == 0);
}

TEST_CASE_METHOD(VmoTest, "a copy of any length ends when its process is killed", "[vmo]") {
  // A small VMO mapped in a row is a buffer of 48 GiB, and more than this machine has.
  constexpr uint64_t kOne = uint64_t{32} << 20, kTimes = 1536;
  Process other(kernel, "copies");
  const zx_handle_t process = other.MakeHandle();
  std::atomic<bool> begun{false}, made{false}, whole{false};
  std::thread copies([&] {
    const Process::Enter enter(other);
    try {
      zx_handle_t small = ZX_HANDLE_INVALID, large = ZX_HANDLE_INVALID, region = ZX_HANDLE_INVALID;
      zx_vaddr_t begin = 0, at = 0;
      zx_vmo_create(kOne, 0, &small);
      zx_vmo_create(kOne * kTimes, 0, &large);
      zx_vmar_allocate(zx_vmar_root_self(), kCanMapAll, 0, kOne * kTimes, &region, &begin);
      for (uint64_t i = 0; i < kTimes; ++i) {
        zx_vmar_map(region, kReadWrite | ZX_VM_SPECIFIC, i * kOne, small, 0, kOne, &at);
      }
      made = at == begin + (kTimes - 1) * kOne;
      begun = true;
      whole = zx_vmo_read(large, reinterpret_cast<void*>(begin), 0, kOne * kTimes) == ZX_OK;
    } catch (const testing::ProcessExited&) {
    }
  });
  while (!begun) std::this_thread::yield();
  CHECK(zx_task_kill(process) == ZX_OK);
  copies.join();
  CHECK(made);
  CHECK_FALSE(whole);
}

}  // namespace
}  // namespace zirconia
