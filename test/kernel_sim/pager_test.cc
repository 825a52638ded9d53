// The system calls of pagers, with a memory side that only remembers what it was asked.
#include "kernel_sim/pager.h"

#include <zircon/syscalls/pager.h>

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <vector>

#include "test/kernel_sim/syscall_fixture.h"

namespace zirconia::kernel {
namespace {

class FakeMemory : public PagerMemory {
 public:
  struct Pages {
    std::shared_ptr<mm::PageSource> source;
    std::set<uint64_t> present, dirty, cleaning;
    bool modified = false;
    bool detached = false;
  };
  absl::StatusOr<std::shared_ptr<mm::VmObject>> Create(mm::FrameAllocator& frames, mm::ByteSize size, Options options,
                                                       std::shared_ptr<mm::PageSource> source) override {
    last_options = options;
    auto vmo = mm::VmObject::Create(frames, size, options.resizable);
    if (vmo.ok()) vmos[vmo->get()].source = std::move(source);
    return vmo;
  }
  absl::Status Supply(mm::VmObject& vmo, mm::PageRange range, mm::VmObject&, mm::PageIndex) override {
    ForEach(range, [&](uint64_t page) { vmos[&vmo].present.insert(page); });
    vmos[&vmo].source->Resolve(mm::PageSource::Need::kRead, range);
    return absl::OkStatus();
  }
  absl::Status MarkDirty(mm::VmObject& vmo, mm::PageRange range) override {
    bool there = true;
    ForEach(range, [&](uint64_t page) { there &= vmos[&vmo].present.count(page) != 0; });
    if (!there) return absl::NotFoundError("");
    ForEach(range, [&](uint64_t page) { vmos[&vmo].dirty.insert(page); });
    vmos[&vmo].source->Resolve(mm::PageSource::Need::kDirty, range);
    return absl::OkStatus();
  }
  absl::Status BeginWriteback(mm::VmObject& vmo, mm::PageRange range) override {
    ForEach(range, [&](uint64_t page) { vmos[&vmo].cleaning.insert(page); });
    return absl::OkStatus();
  }
  absl::Status EndWriteback(mm::VmObject& vmo, mm::PageRange range) override {
    ForEach(range, [&](uint64_t page) {
      if (vmos[&vmo].cleaning.erase(page) != 0) vmos[&vmo].dirty.erase(page);
    });
    return absl::OkStatus();
  }
  std::vector<DirtyRange> DirtyRanges(mm::VmObject& vmo, mm::PageRange range) override {
    std::vector<DirtyRange> ranges;
    ForEach(range, [&](uint64_t page) {
      if (vmos[&vmo].dirty.count(page) == 0) return;
      if (!ranges.empty() && ranges.back().pages.end() == mm::PageIndex(page)) {
        ranges.back().pages.count += mm::PageCount(1);
      } else {
        ranges.push_back({{mm::PageIndex(page), mm::PageCount(1)}, page == 9});
      }
    });
    return ranges;
  }
  bool Modified(mm::VmObject& vmo, bool reset) override {
    const bool modified = vmos[&vmo].modified;
    if (reset) vmos[&vmo].modified = false;
    return modified;
  }
  void Detach(mm::VmObject& vmo) override { vmos[&vmo].detached = true; }

  template <typename Visit>
  static void ForEach(mm::PageRange range, Visit visit) {
    for (uint64_t p = range.first.value(); p < range.end().value(); ++p) visit(p);
  }

  Options last_options;
  std::map<const mm::VmObject*, Pages> vmos;
};

struct PagerTest {
  FakeMemory memory;
  std::unique_ptr<Kernel> kernel = [this] {
    Kernel::Options options;
    options.machine.memory = mm::ByteSize(uint64_t{64} << 20);
    options.pager_memory = &memory;
    return *Kernel::Create(std::move(options));
  }();
  Program program{*kernel};
  zx_handle_t port = program.MakePort();
  zx_handle_t pager = MakePager();
  zx_handle_t vmo = MakePagerVmo(pager, 16 * 4096);

  zx_handle_t MakePager() {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(program(sys::pager_create, 0u, &out) == ZX_OK);
    return out;
  }
  zx_handle_t MakePagerVmo(zx_handle_t of, uint64_t size, uint32_t options = 0) {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(program(sys::pager_create_vmo, of, options, port, 5, size, &out) == ZX_OK);
    return out;
  }
  FakeMemory::Pages& PagesOf(zx_handle_t handle) {
    std::shared_ptr<VmoDispatcher> object;
    REQUIRE(program.process->handles().Get(handle, 0, &object) == ZX_OK);
    return memory.vmos.at(object->vmo().get());
  }
  // The command of the next packet, -1: there is none.
  int NextCommand() {
    zx_port_packet_t packet{};
    return program(sys::port_wait, port, 0, &packet) == ZX_OK ? packet.page_request.command : -1;
  }
  zx_status_t Op(uint32_t op, uint64_t offset, uint64_t length, uint64_t data = 0) {
    return program(sys::pager_op_range, pager, op, vmo, offset, length, data);
  }
};

TEST_CASE_METHOD(PagerTest, "a pager has the documented rights; its VMOs have those of any VMO", "[pager]") {
  CHECK(program.Basic(pager).type == ZX_OBJ_TYPE_PAGER);
  CHECK(program.RightsOf(pager) == ZX_DEFAULT_PAGER_RIGHTS);
  CHECK(program.RightsOf(vmo) == ZX_DEFAULT_VMO_RIGHTS);
  uint64_t size = 0;
  CHECK(program(sys::vmo_get_size, MakePagerVmo(pager, 1), &size) == ZX_OK);
  CHECK(size == 4096);
}

TEST_CASE_METHOD(PagerTest, "zx_pager_create: errors", "[pager]") {
  zx_handle_t out = 0;
  CHECK(program(sys::pager_create, 1u, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::pager_create, 0u, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(PagerTest, "zx_pager_create_vmo: options", "[pager]") {
  MakePagerVmo(pager, 4096, ZX_VMO_RESIZABLE | ZX_VMO_TRAP_DIRTY);
  CHECK(memory.last_options.resizable);
  CHECK(memory.last_options.trap_dirty);
  zx_handle_t out = 0;
  CHECK(program(sys::pager_create_vmo, pager, ZX_VMO_DISCARDABLE, port, 0, 4096, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::pager_create_vmo, pager, 1u, port, 0, 4096, &out) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(PagerTest, "zx_pager_create_vmo: errors", "[pager]") {
  zx_handle_t out = 0;
  const auto create = [&](zx_handle_t of, zx_handle_t to, uint64_t size) {
    return program(sys::pager_create_vmo, of, 0u, to, 0, size, &out);
  };
  CHECK(create(zx_handle_t{3}, port, 4096) == ZX_ERR_BAD_HANDLE);
  CHECK(create(pager, zx_handle_t{3}, 4096) == ZX_ERR_BAD_HANDLE);
  CHECK(create(port, port, 4096) == ZX_ERR_WRONG_TYPE);
  CHECK(create(pager, pager, 4096) == ZX_ERR_WRONG_TYPE);
  CHECK(create(pager, program.Without(port, ZX_RIGHT_WRITE), 4096) == ZX_ERR_ACCESS_DENIED);
  CHECK(create(pager, port, UINT64_MAX) == ZX_ERR_OUT_OF_RANGE);
  CHECK(program(sys::pager_create_vmo, pager, 0u, port, 0, 4096, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
  CHECK(NextCommand() == -1);
}

TEST_CASE_METHOD(PagerTest, "zx_pager_detach_vmo ends the VMO's requests", "[pager]") {
  const auto request = PagesOf(vmo).source->Request(mm::PageSource::Need::kRead, {mm::PageIndex(0), mm::PageCount(1)});
  REQUIRE(request.ok());
  CHECK(program(sys::pager_detach_vmo, pager, vmo) == ZX_OK);
  CHECK(static_cast<PagerRequest&>(**request).status() == ZX_ERR_BAD_STATE);
  CHECK(PagesOf(vmo).detached);
  CHECK(NextCommand() == ZX_PAGER_VMO_COMPLETE);
  CHECK(NextCommand() == -1);
  CHECK(program(sys::pager_detach_vmo, pager, vmo) == ZX_OK);
  CHECK(NextCommand() == -1);
}

TEST_CASE_METHOD(PagerTest, "a VMO that isn't this pager's", "[pager]") {
  const zx_handle_t others = MakePagerVmo(MakePager(), 4096);
  for (const zx_handle_t foreign : {others, program.MakeVmo(4096)}) {
    const zx_handle_t aux = program.MakeVmo(4096);
    CHECK(program(sys::pager_detach_vmo, pager, foreign) == ZX_ERR_INVALID_ARGS);
    CHECK(program(sys::pager_supply_pages, pager, foreign, 0, 4096, aux, 0) == ZX_ERR_INVALID_ARGS);
    CHECK(program(sys::pager_op_range, pager, ZX_PAGER_OP_DIRTY, foreign, 0, 4096, 0) == ZX_ERR_INVALID_ARGS);
    CHECK(program(sys::pager_query_dirty_ranges, pager, foreign, 0, 4096, nullptr, size_t{0}, nullptr, nullptr) ==
          ZX_ERR_INVALID_ARGS);
    zx_pager_vmo_stats_t stats;
    CHECK(program(sys::pager_query_vmo_stats, pager, foreign, 0u, &stats, sizeof(stats)) == ZX_ERR_INVALID_ARGS);
  }
}

TEST_CASE_METHOD(PagerTest, "bad handles and wrong types", "[pager]") {
  const zx_handle_t aux = program.MakeVmo(4096);
  const zx_handle_t bad{3};
  CHECK(program(sys::pager_detach_vmo, bad, vmo) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::pager_detach_vmo, pager, bad) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::pager_detach_vmo, vmo, vmo) == ZX_ERR_WRONG_TYPE);
  CHECK(program(sys::pager_detach_vmo, pager, pager) == ZX_ERR_WRONG_TYPE);
  CHECK(program(sys::pager_supply_pages, bad, vmo, 0, 4096, aux, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::pager_supply_pages, pager, bad, 0, 4096, aux, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::pager_supply_pages, pager, vmo, 0, 4096, bad, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::pager_supply_pages, port, vmo, 0, 4096, aux, 0) == ZX_ERR_WRONG_TYPE);
  CHECK(program(sys::pager_supply_pages, pager, port, 0, 4096, aux, 0) == ZX_ERR_WRONG_TYPE);
  CHECK(program(sys::pager_supply_pages, pager, vmo, 0, 4096, port, 0) == ZX_ERR_WRONG_TYPE);
  CHECK(program(sys::pager_op_range, bad, ZX_PAGER_OP_DIRTY, vmo, 0, 0, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::pager_op_range, pager, ZX_PAGER_OP_DIRTY, bad, 0, 0, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::pager_op_range, port, ZX_PAGER_OP_DIRTY, vmo, 0, 0, 0) == ZX_ERR_WRONG_TYPE);
  CHECK(program(sys::pager_op_range, pager, ZX_PAGER_OP_DIRTY, port, 0, 0, 0) == ZX_ERR_WRONG_TYPE);
}

TEST_CASE_METHOD(PagerTest, "zx_pager_supply_pages answers requests", "[pager]") {
  const auto request = PagesOf(vmo).source->Request(mm::PageSource::Need::kRead, {mm::PageIndex(2), mm::PageCount(1)});
  REQUIRE(request.ok());
  CHECK(NextCommand() == ZX_PAGER_VMO_READ);
  CHECK(program(sys::pager_supply_pages, pager, vmo, 2 * 4096, 4096, program.MakeVmo(4096), 0) == ZX_OK);
  CHECK(static_cast<PagerRequest&>(**request).status() == ZX_OK);
  CHECK(static_cast<PagerRequest&>(**request).done());
  CHECK(PagesOf(vmo).present == std::set<uint64_t>{2});
}

TEST_CASE_METHOD(PagerTest, "zx_pager_supply_pages: errors", "[pager]") {
  const zx_handle_t aux = program.MakeVmo(4 * 4096);
  const auto supply = [&](uint64_t offset, uint64_t length, zx_handle_t from, uint64_t from_offset) {
    return program(sys::pager_supply_pages, pager, vmo, offset, length, from, from_offset);
  };
  CHECK(supply(0, 4096, program.Without(aux, ZX_RIGHT_READ), 0) == ZX_ERR_ACCESS_DENIED);
  CHECK(supply(0, 4096, program.Without(aux, ZX_RIGHT_WRITE), 0) == ZX_ERR_ACCESS_DENIED);
  CHECK(supply(1, 4096, aux, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(supply(0, 1, aux, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(supply(0, 4096, aux, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(supply(15 * 4096, 2 * 4096, aux, 0) == ZX_ERR_OUT_OF_RANGE);
  CHECK(supply(0, 2 * 4096, aux, 3 * 4096) == ZX_ERR_OUT_OF_RANGE);
  CHECK(supply(0 - uint64_t{4096}, 2 * 4096, aux, 0) == ZX_ERR_OUT_OF_RANGE);
  CHECK(supply(0, 4096, vmo, 0) == ZX_ERR_BAD_STATE);
  CHECK(PagesOf(vmo).present.empty());
}

TEST_CASE_METHOD(PagerTest, "ZX_PAGER_OP_FAIL: which failures there are", "[pager]") {
  const auto request = PagesOf(vmo).source->Request(mm::PageSource::Need::kRead, {mm::PageIndex(0), mm::PageCount(1)});
  REQUIRE(request.ok());
  const auto as_data = [](zx_status_t status) { return static_cast<uint64_t>(int64_t{status}); };
  CHECK(Op(ZX_PAGER_OP_FAIL, 0, 4096, as_data(ZX_ERR_NOT_FOUND)) == ZX_ERR_INVALID_ARGS);
  CHECK(Op(ZX_PAGER_OP_FAIL, 0, 4096, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(Op(ZX_PAGER_OP_FAIL, 0, 4096, static_cast<uint32_t>(ZX_ERR_IO)) == ZX_ERR_INVALID_ARGS);  // not extended
  for (const zx_status_t s : {ZX_ERR_IO_DATA_INTEGRITY, ZX_ERR_BAD_STATE, ZX_ERR_NO_SPACE, ZX_ERR_BUFFER_TOO_SMALL}) {
    CHECK(Op(ZX_PAGER_OP_FAIL, 4096, 4096, as_data(s)) == ZX_OK);
  }
  CHECK_FALSE(static_cast<PagerRequest&>(**request).done());
  CHECK(Op(ZX_PAGER_OP_FAIL, 0, 4096, as_data(ZX_ERR_IO)) == ZX_OK);
  CHECK(static_cast<PagerRequest&>(**request).status() == ZX_ERR_IO);
}

TEST_CASE_METHOD(PagerTest, "zx_pager_op_range: errors", "[pager]") {
  CHECK(Op(ZX_PAGER_OP_DIRTY, 1, 4096) == ZX_ERR_INVALID_ARGS);
  CHECK(Op(ZX_PAGER_OP_DIRTY, 0, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(Op(ZX_PAGER_OP_DIRTY, 0, 4096, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(Op(ZX_PAGER_OP_WRITEBACK_BEGIN, 0, 4096, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(Op(ZX_PAGER_OP_WRITEBACK_END, 0, 4096, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(Op(ZX_PAGER_OP_DIRTY, 16 * 4096, 4096) == ZX_ERR_OUT_OF_RANGE);
  CHECK(Op(99, 0, 4096) == ZX_ERR_NOT_SUPPORTED);
  CHECK(Op(ZX_PAGER_OP_DIRTY, 0, 4096) == ZX_ERR_NOT_FOUND);  // nothing was supplied
}

TEST_CASE_METHOD(PagerTest, "dirty pages are found, written back, and clean then", "[pager]") {
  const zx_handle_t aux = program.MakeVmo(16 * 4096);
  REQUIRE(program(sys::pager_supply_pages, pager, vmo, 0, 16 * 4096, aux, 0) == ZX_OK);
  REQUIRE(Op(ZX_PAGER_OP_DIRTY, 4096, 2 * 4096) == ZX_OK);
  REQUIRE(Op(ZX_PAGER_OP_DIRTY, 9 * 4096, 4096) == ZX_OK);
  std::array<zx_vmo_dirty_range_t, 2> ranges{};
  size_t actual = 0, avail = 0;
  const auto query = [&](uint64_t offset, uint64_t length, size_t buffer_size) {
    return program(sys::pager_query_dirty_ranges, pager, vmo, offset, length, ranges.data(), buffer_size, &actual,
                   &avail);
  };
  REQUIRE(query(0, 16 * 4096, sizeof(ranges)) == ZX_OK);
  CHECK(actual == 2);
  CHECK(avail == 2);
  CHECK(ranges[0].offset == 4096);
  CHECK(ranges[0].length == 2 * 4096);
  CHECK(ranges[0].options == 0);
  CHECK(ranges[1].offset == 9 * 4096);
  CHECK(ranges[1].options == ZX_VMO_DIRTY_RANGE_IS_ZERO);
  REQUIRE(query(0, 16 * 4096, sizeof(ranges[0])) == ZX_OK);
  CHECK(actual == 1);
  CHECK(avail == 2);
  REQUIRE(query(2 * 4096 + 1, 1, sizeof(ranges)) == ZX_OK);  // rounded out to pages
  CHECK(actual == 1);
  CHECK(ranges[0].offset == 2 * 4096);
  CHECK(query(16 * 4096, 1, 0) == ZX_ERR_OUT_OF_RANGE);

  REQUIRE(Op(ZX_PAGER_OP_WRITEBACK_BEGIN, 4096, 2 * 4096) == ZX_OK);
  REQUIRE(Op(ZX_PAGER_OP_WRITEBACK_END, 0, 16 * 4096) == ZX_OK);
  REQUIRE(query(0, 16 * 4096, sizeof(ranges)) == ZX_OK);
  CHECK(avail == 1);
  CHECK(ranges[0].offset == 9 * 4096);
  CHECK(program(sys::pager_query_dirty_ranges, pager, vmo, 0, 16 * 4096, BadPointer<void>(), sizeof(ranges), nullptr,
                nullptr) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(PagerTest, "zx_pager_query_vmo_stats tells of modification, once if it is reset", "[pager]") {
  PagesOf(vmo).modified = true;
  zx_pager_vmo_stats_t stats{};
  const auto query = [&](uint32_t options) {
    return program(sys::pager_query_vmo_stats, pager, vmo, options, &stats, sizeof(stats));
  };
  REQUIRE(query(0) == ZX_OK);
  CHECK(stats.modified == ZX_PAGER_VMO_STATS_MODIFIED);
  CHECK(program(sys::pager_query_vmo_stats, pager, vmo, ZX_PAGER_RESET_VMO_STATS, BadPointer<void>(), sizeof(stats)) ==
        ZX_ERR_INVALID_ARGS);
  REQUIRE(query(ZX_PAGER_RESET_VMO_STATS) == ZX_OK);
  CHECK(stats.modified == ZX_PAGER_VMO_STATS_MODIFIED);
  REQUIRE(query(0) == ZX_OK);
  CHECK(stats.modified == 0);
  CHECK(query(2) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::pager_query_vmo_stats, pager, vmo, 0u, &stats, sizeof(stats) - 1) == ZX_ERR_BUFFER_TOO_SMALL);
}

TEST_CASE_METHOD(PagerTest, "closing the pager is detaching its VMOs, without a word", "[pager]") {
  const auto request = PagesOf(vmo).source->Request(mm::PageSource::Need::kRead, {mm::PageIndex(0), mm::PageCount(1)});
  REQUIRE(request.ok());
  program.Close(pager);
  CHECK(static_cast<PagerRequest&>(**request).status() == ZX_ERR_BAD_STATE);
  CHECK(NextCommand() == -1);
  CHECK_FALSE(PagesOf(vmo).source->Request(mm::PageSource::Need::kRead, {mm::PageIndex(0), mm::PageCount(1)}).ok());
}

}  // namespace
}  // namespace zirconia::kernel
