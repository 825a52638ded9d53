// What happens between a pager-backed VMO that needs pages and the port of its pager.
#include "kernel_sim/pager_source.h"

#include <catch2/catch.hpp>
#include <set>
#include <thread>
#include <vector>

#include "test/kernel_sim/syscall_fixture.h"

namespace zirconia::kernel {
namespace {

using Need = mm::PageSource::Need;

mm::PageRange Pages(uint64_t first, uint64_t count) { return {mm::PageIndex(first), mm::PageCount(count)}; }

struct SourceTest : SyscallTest {
  static constexpr uint64_t kKey = 17;
  static constexpr zx_koid_t kKoid = 5000;
  zx_handle_t port_handle = program.MakePort();
  std::shared_ptr<PortDispatcher> port = PortOf(port_handle);
  std::shared_ptr<PagerSource> source = std::make_shared<PagerSource>(kKoid, port, kKey);

  std::shared_ptr<PortDispatcher> PortOf(zx_handle_t handle) {
    std::shared_ptr<PortDispatcher> object;
    REQUIRE(program.process->handles().Get(handle, 0, &object) == ZX_OK);
    return object;
  }
  std::shared_ptr<PagerRequest> Ask(Need need, mm::PageRange range) {
    auto request = source->Request(need, range);
    REQUIRE(request.ok());
    return std::static_pointer_cast<PagerRequest>(*std::move(request));
  }
  std::shared_ptr<PagerRequest> Ask(mm::PageRange range) { return Ask(Need::kRead, range); }

  struct Seen {
    uint16_t command;
    uint64_t first;
    uint64_t count;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  // The packets that are there now, taken.
  std::vector<Seen> Take() {
    std::vector<Seen> all;
    zx_port_packet_t packet{};
    while (program(sys::port_wait, port_handle, 0, &packet) == ZX_OK) {
      CHECK(packet.key == kKey);
      CHECK(packet.type == ZX_PKT_TYPE_PAGE_REQUEST);
      CHECK(packet.status == ZX_OK);
      all.push_back({packet.page_request.command, packet.page_request.offset / mm::kPageSize,
                     packet.page_request.length / mm::kPageSize});
    }
    return all;
  }
};

TEST_CASE_METHOD(SourceTest, "pages that are asked for are a packet, and supplying them is the answer", "[pager]") {
  const auto request = Ask(Pages(3, 2));
  CHECK(Take() == std::vector<Seen>{{ZX_PAGER_VMO_READ, 3, 2}});
  CHECK_FALSE(request->done());
  source->Resolve(Need::kRead, Pages(3, 1));
  CHECK_FALSE(request->done());
  source->Resolve(Need::kRead, Pages(4, 100));
  CHECK(request->done());
  CHECK(request->status() == ZX_OK);
}

TEST_CASE_METHOD(SourceTest, "what is in flight isn't asked for twice", "[pager]") {
  const auto first = Ask(Pages(10, 5));
  const auto second = Ask(Pages(8, 10));
  const auto third = Ask(Pages(12, 1));
  CHECK(Take() == std::vector<Seen>{{ZX_PAGER_VMO_READ, 10, 5}, {ZX_PAGER_VMO_READ, 8, 2}, {ZX_PAGER_VMO_READ, 15, 3}});
  source->Resolve(Need::kRead, Pages(10, 5));
  CHECK(first->done());
  CHECK(third->done());
  CHECK_FALSE(second->done());
  source->Resolve(Need::kRead, Pages(8, 2));
  source->Resolve(Need::kRead, Pages(15, 3));
  CHECK(second->done());
  // Once it has come and gone, it is asked for again.
  const auto again = Ask(Pages(10, 1));
  CHECK(Take() == std::vector<Seen>{{ZX_PAGER_VMO_READ, 10, 1}});
}

TEST_CASE_METHOD(SourceTest, "reading and dirtying are different requests", "[pager]") {
  const auto read = Ask(Need::kRead, Pages(0, 1));
  const auto dirty = Ask(Need::kDirty, Pages(0, 1));
  CHECK(Take() == std::vector<Seen>{{ZX_PAGER_VMO_READ, 0, 1}, {ZX_PAGER_VMO_DIRTY, 0, 1}});
  source->Resolve(Need::kDirty, Pages(0, 1));
  CHECK(dirty->done());
  CHECK_FALSE(read->done());
}

TEST_CASE_METHOD(SourceTest, "a packet that the pager hasn't taken goes with its request", "[pager]") {
  auto request = Ask(Pages(0, 1));
  const auto other = Ask(Pages(5, 1));
  request.reset();  // its thread was killed
  CHECK(Take() == std::vector<Seen>{{ZX_PAGER_VMO_READ, 5, 1}});
  const auto supplied = Ask(Pages(7, 1));
  source->Resolve(Need::kRead, Pages(7, 1));  // before the pager looked
  CHECK(Take().empty());
}

TEST_CASE_METHOD(SourceTest, "a request that another one waits for too stays", "[pager]") {
  auto first = Ask(Pages(0, 4));
  const auto second = Ask(Pages(2, 1));
  first.reset();
  CHECK(Take() == std::vector<Seen>{{ZX_PAGER_VMO_READ, 0, 4}});
  source->Resolve(Need::kRead, Pages(0, 4));
  CHECK(second->done());
}

TEST_CASE_METHOD(SourceTest, "a failure reaches all who wait for one of the pages, of either kind", "[pager]") {
  const auto hit = Ask(Pages(0, 4));
  const auto dirty = Ask(Need::kDirty, Pages(3, 1));
  const auto missed = Ask(Pages(4, 1));
  source->Fail(Pages(3, 1), ZX_ERR_IO_DATA_INTEGRITY);
  CHECK(hit->done());
  CHECK(hit->status() == ZX_ERR_IO_DATA_INTEGRITY);
  CHECK(dirty->status() == ZX_ERR_IO_DATA_INTEGRITY);
  CHECK_FALSE(missed->done());
  // The next one asks anew.
  const auto again = Ask(Pages(0, 1));
  CHECK(Take() == std::vector<Seen>{{ZX_PAGER_VMO_READ, 4, 1}, {ZX_PAGER_VMO_READ, 0, 1}});
}

TEST_CASE_METHOD(SourceTest, "detaching fails what waits; COMPLETE is the last packet, once", "[pager]") {
  const auto taken = Ask(Pages(0, 1));
  CHECK(Take().size() == 1);
  const auto waiting = Ask(Pages(1, 1));
  source->Detach();
  source->Detach();
  source->Close();
  CHECK(taken->status() == ZX_ERR_BAD_STATE);
  CHECK(waiting->status() == ZX_ERR_BAD_STATE);
  CHECK(Take() == std::vector<Seen>{{ZX_PAGER_VMO_COMPLETE, 0, 0}});
  CHECK(absl::IsFailedPrecondition(source->Request(Need::kRead, Pages(2, 1)).status()));
  CHECK(Take().empty());
}

TEST_CASE_METHOD(SourceTest, "a VMO that is gone is COMPLETE", "[pager]") {
  source->Close();
  CHECK(Take() == std::vector<Seen>{{ZX_PAGER_VMO_COMPLETE, 0, 0}});
}

TEST_CASE_METHOD(SourceTest, "when the pager is gone no packet is left, and everything fails", "[pager]") {
  const auto request = Ask(Pages(0, 1));
  SECTION("at once") {}
  SECTION("also after it was detached") { source->Detach(); }
  source->Abandon();
  CHECK(request->status() == ZX_ERR_BAD_STATE);
  CHECK(Take().empty());
  source->Close();
  CHECK(Take().empty());
}

TEST_CASE_METHOD(SourceTest, "a thread waits for pages without a lock, and starts over when they are there",
                 "[pager]") {
  const auto request = Ask(Pages(0, 1));
  zx_status_t status = ZX_ERR_INTERNAL;
  std::thread reader([&] { status = WaitForPages(*program.thread, *request, /*overtime=*/1000); });
  while (program.thread->state() != ZX_THREAD_STATE_BLOCKED_PAGER) std::this_thread::yield();
  SECTION("supplied") {
    source->Resolve(Need::kRead, Pages(0, 1));
    reader.join();
    CHECK(status == ZX_OK);
  }
  SECTION("failed") {
    source->Fail(Pages(0, 1), ZX_ERR_IO);
    reader.join();
    CHECK(status == ZX_ERR_IO);
  }
  SECTION("detached") {
    source->Detach();
    reader.join();
    CHECK(status == ZX_ERR_BAD_STATE);
  }
}

TEST_CASE_METHOD(SourceTest, "the last packet of a VMO that is gone stays when the source after it is abandoned",
                 "[pager]") {
  source->Detach();
  for (zx_koid_t koid = kKoid + 1; koid < kKoid + 20; ++koid) {
    source = nullptr;  // (the next one may lie where it lay)
    source = std::make_shared<PagerSource>(koid, port, kKey);
    source->Abandon();
  }
  CHECK(Take() == std::vector<Seen>{{ZX_PAGER_VMO_COMPLETE, 0, 0}});
}

TEST_CASE("who waits for a pager too long waits no longer, and others may act each time that it is said", "[pager]") {
  Kernel::Options options;
  options.machine.memory = mm::ByteSize(uint64_t{1} << 20);
  options.pager_timeout = ZX_MSEC(10);
  int said = 0;
  std::shared_ptr<PagerSource> source;
  bool supplies = false;
  options.while_waiting_for_pager = [&] {
    if (++said == 3 && supplies) source->Resolve(Need::kRead, Pages(0, 1));
  };
  auto kernel = Kernel::Create(std::move(options));
  REQUIRE(kernel.ok());
  Program program(**kernel);
  std::shared_ptr<PortDispatcher> port;
  REQUIRE(program.process->handles().Get(program.MakePort(), 0, &port) == ZX_OK);
  source = std::make_shared<PagerSource>(5000, port, 1);
  const auto request = *source->Request(Need::kRead, Pages(0, 1));
  SECTION("nobody answers") {
    CHECK(WaitForPages(*program.thread, *request, ZX_MSEC(1)) == ZX_ERR_TIMED_OUT);
    CHECK(said == 9);
    CHECK((*kernel)->Now() >= ZX_MSEC(10));
  }
  SECTION("it is answered meanwhile") {
    supplies = true;
    CHECK(WaitForPages(*program.thread, *request, ZX_MSEC(1)) == ZX_OK);
    CHECK(said == 3);
  }
  SECTION("nothing is said in between") {
    CHECK(WaitForPages(*program.thread, *request, /*overtime=*/0) == ZX_ERR_TIMED_OUT);
    CHECK(said == 0);
  }
}

TEST_CASE_METHOD(SourceTest, "an operation that lacks pages is carried out anew until it has them, or the pager fails",
                 "[pager]") {
  std::set<uint64_t> present;
  int attempts = 0;
  // Reads pages 0 to 2, and needs all of them at once.
  const auto read = [&](mm::PageWait& wait) -> absl::Status {
    ++attempts;
    for (uint64_t page = 0; page < 3; ++page) {
      if (present.count(page) != 0) continue;
      auto request = source->Request(Need::kRead, Pages(page, 1));
      if (!request.ok()) return request.status();
      wait.request = *std::move(request);
      return absl::AbortedError("");
    }
    return absl::OkStatus();
  };
  std::shared_ptr<ThreadDispatcher> pager;
  REQUIRE(program.process->CreateThread("pager", &pager) == ZX_OK);
  const zx_status_t last = GENERATE(ZX_OK, ZX_ERR_IO);
  std::thread answers([&] {
    const Caller caller{*kernel, *program.process, *pager, program.memory};
    for (int i = 0; i < 3; ++i) {
      zx_port_packet_t packet{};
      const UserPtr<zx_port_packet_t> to(reinterpret_cast<uint64_t>(&packet));
      if (sys::port_wait(caller, port_handle, ZX_TIME_INFINITE, to) != ZX_OK) return;
      const uint64_t page = packet.page_request.offset / mm::kPageSize;
      if (page == 2 && last != ZX_OK) {
        source->Fail(Pages(page, 1), last);
        return;
      }
      present.insert(page);
      source->Resolve(Need::kRead, Pages(page, 1));
    }
  });
  const ThreadDispatcher::AsCurrent current(*program.thread);
  CHECK(WithPages(read) == last);
  CHECK(attempts == (last == ZX_OK ? 4 : 3));
  answers.join();
}

}  // namespace
}  // namespace zirconia::kernel
