// Tests of pagers through zx_* calls, on either page table: this thread is the pager, others use its VMOs.
#ifndef ZIRCONIA_TEST_KERNEL_SIM_PAGER_FIXTURE_H_
#define ZIRCONIA_TEST_KERNEL_SIM_PAGER_FIXTURE_H_

#include <zircon/syscalls/pager.h>
#include <zircon/syscalls/port.h>

#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernel_sim/library/library_thread.h"
#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {

// Runs something that may have to wait for the pager, on a thread of its own. It must not assert anything: Catch2 does
// that on one thread only.
template <typename Result>
class Background {
 public:
  template <typename Function>
  Background(testing::Kernel& kernel, Function function)
      : thread_([this, &kernel, function] {
          const testing::Kernel::Use use(kernel);
          result_ = function();
        }) {}
  ~Background() {
    if (thread_.joinable()) thread_.join();
  }
  Result Get() {
    thread_.join();
    return result_;
  }

 private:
  Result result_{};
  std::thread thread_;
};
template <typename Function>
Background(testing::Kernel&, Function) -> Background<std::invoke_result_t<Function>>;

struct PagerTest : VmoTest {
  // A packet: what the pager is asked for, in pages.
  struct Request {
    int command = -1;  // none has come
    uint64_t first = 0, count = 0;
    friend bool operator==(const Request&, const Request&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Request& r) {
      return out << r.command << ": " << r.first << "+" << r.count;
    }
  };
  static constexpr uint64_t kKey = 77;

  zx_handle_t port = MakePort();
  zx_handle_t pager = MakePager();

  static zx_handle_t MakePort() {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(zx_port_create(0, &out) == ZX_OK);
    return out;
  }
  static zx_handle_t MakePager() {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(zx_pager_create(0, &out) == ZX_OK);
    return out;
  }
  zx_handle_t MakePaged(uint64_t pages, uint32_t options = 0) {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(zx_pager_create_vmo(pager, options, port, kKey, pages * kPage, &out) == ZX_OK);
    return out;
  }
  // With all of its pages supplied; each begins with `first_word` and its number.
  zx_handle_t MakeSupplied(uint64_t pages, uint64_t first_word, uint32_t options = 0) {
    const zx_handle_t vmo = MakePaged(pages, options);
    Supply(vmo, 0, pages, first_word);
    return vmo;
  }

  Request NextBefore(zx_time_t deadline) const {
    zx_port_packet_t packet{};
    if (zx_port_wait(port, deadline, &packet) != ZX_OK) return {};
    CHECK(packet.key == kKey);
    CHECK(packet.type == ZX_PKT_TYPE_PAGE_REQUEST);
    return {packet.page_request.command, packet.page_request.offset / kPage, packet.page_request.length / kPage};
  }
  // The next packet, which is waited for; and one that is there already.
  Request Next() const { return NextBefore(zx_clock_get_monotonic() + ZX_SEC(60)); }
  Request NextNow() const { return NextBefore(0); }
  static Request Read(uint64_t first, uint64_t count) { return {ZX_PAGER_VMO_READ, first, count}; }
  static Request Trapped(uint64_t first, uint64_t count) { return {ZX_PAGER_VMO_DIRTY, first, count}; }

  zx_status_t TrySupply(zx_handle_t vmo, uint64_t first, uint64_t pages, zx_handle_t aux,
                        uint64_t aux_first = 0) const {
    return zx_pager_supply_pages(pager, vmo, first * kPage, pages * kPage, aux, aux_first * kPage);
  }
  void Supply(zx_handle_t vmo, uint64_t first, uint64_t pages, uint64_t first_word) const {
    const zx_handle_t aux = MakeCountedVmo(pages, first_word);
    REQUIRE(TrySupply(vmo, first, pages, aux) == ZX_OK);
    Close(aux);
  }
  zx_status_t PagerOp(uint32_t op, zx_handle_t vmo, uint64_t first, uint64_t pages, uint64_t data = 0) const {
    return zx_pager_op_range(pager, op, vmo, first * kPage, pages * kPage, data);
  }
  zx_status_t Fail(zx_handle_t vmo, uint64_t first, uint64_t pages, zx_status_t status) const {
    return PagerOp(ZX_PAGER_OP_FAIL, vmo, first, pages, static_cast<uint64_t>(int64_t{status}));
  }
  // Ranges that are dirty: "first+count", and a z where they are zeros.
  std::vector<std::string> Dirty(zx_handle_t vmo) const {
    std::array<zx_vmo_dirty_range_t, 16> found{};
    size_t actual = 0;
    REQUIRE(zx_pager_query_dirty_ranges(pager, vmo, 0, SizeOf(vmo), found.data(), sizeof(found), &actual, nullptr) ==
            ZX_OK);
    std::vector<std::string> ranges;
    for (size_t i = 0; i < actual; ++i) {
      ranges.push_back(std::to_string(found[i].offset / kPage) + "+" + std::to_string(found[i].length / kPage) +
                       (found[i].options == ZX_VMO_DIRTY_RANGE_IS_ZERO ? "z" : ""));
    }
    return ranges;
  }
  // Takes away what is clean, as the kernel may.
  static void Evict(zx_handle_t vmo) {
    std::shared_ptr<kernel::VmoDispatcher> object;
    REQUIRE(kernel::Attachment::Current().process().handles().Get(vmo, 0, &object) == ZX_OK);
    object->vmo()->EvictClean();
  }
  bool Modified(zx_handle_t vmo, uint32_t options = 0) const {
    zx_pager_vmo_stats_t stats{99};
    REQUIRE(zx_pager_query_vmo_stats(pager, vmo, options, &stats, sizeof(stats)) == ZX_OK);
    return stats.modified == ZX_PAGER_VMO_STATS_MODIFIED;
  }
};

using Ranges = std::vector<std::string>;

}  // namespace zirconia

#endif  // ZIRCONIA_TEST_KERNEL_SIM_PAGER_FIXTURE_H_
