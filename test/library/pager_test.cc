// Real pointers to memory of a pager, which is another thread of the same program.
#include <unistd.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>
#include <zircon/syscalls/object.h>
#include <zircon/syscalls/pager.h>
#include <zircon/syscalls/port.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <thread>
#include <vector>

#include "zirconia/host_memory.h"
#include "zirconia/testing/kernel.h"
#include "zirconia/testing/status.h"

namespace zirconia::testing {
namespace {

constexpr uint64_t kPage = 4096;
constexpr size_t kStackSize = 256 * 1024;

struct Pager {
  zx_handle_t port = ZX_HANDLE_INVALID;
  zx_handle_t pager = ZX_HANDLE_INVALID;
  zx_handle_t vmo = ZX_HANDLE_INVALID;

  explicit Pager(uint64_t pages, uint32_t options = 0) {
    REQUIRE_OK(zx_port_create(0, &port));
    REQUIRE_OK(zx_pager_create(0, &pager));
    REQUIRE_OK(zx_pager_create_vmo(pager, options, port, 0, pages * kPage, &vmo));
  }
  char* Map(uint64_t pages) const {
    zx_vaddr_t address = 0;
    REQUIRE_OK(
        zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, pages * kPage, &address));
    return reinterpret_cast<char*>(address);
  }
  // Answers the next request, if one comes within `patience`: each byte of page n is 'A' + n.
  bool Serve(zx_duration_t patience) const {
    zx_port_packet_t packet{};
    if (zx_port_wait(port, zx_clock_get_monotonic() + patience, &packet) != ZX_OK) return false;
    const zx_packet_page_request_t& request = packet.page_request;
    if (request.command == ZX_PAGER_VMO_DIRTY) {
      REQUIRE_OK(zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, vmo, request.offset, request.length, 0));
      return true;
    }
    REQUIRE(request.command == ZX_PAGER_VMO_READ);
    zx_handle_t aux = ZX_HANDLE_INVALID;
    REQUIRE_OK(zx_vmo_create(request.length, 0, &aux));
    for (uint64_t at = 0; at < request.length; at += kPage) {
      std::array<char, kPage> bytes{};
      bytes.fill(static_cast<char>('A' + (request.offset + at) / kPage));
      REQUIRE_OK(zx_vmo_write(aux, bytes.data(), at, bytes.size()));
    }
    REQUIRE_OK(zx_pager_supply_pages(pager, vmo, request.offset, request.length, aux, 0));
    REQUIRE_OK(zx_handle_close(aux));
    return true;
  }
};

TEST_CASE("threads that never made a call wait in their faults for a pager of the same program", "[library][pager]") {
  constexpr uint64_t kPages = 24, kThreads = 4;
  Kernel kernel;
  const Pager pager(kPages, ZX_VMO_TRAP_DIRTY);
  volatile char* const bytes = pager.Map(kPages);
  std::atomic<uint64_t> running{kThreads}, wrong{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < kPages; ++i) {
        const uint64_t page = (i * 7 + t * 5) % kPages;
        if (bytes[page * kPage + 100] != static_cast<char>('A' + page)) ++wrong;
        bytes[page * kPage + t] = 'x';
        if (bytes[page * kPage + t] != 'x') ++wrong;
      }
      --running;
    });
  }
  while (running != 0) pager.Serve(ZX_MSEC(5));
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(kernel.Verify().empty());
}

TEST_CASE("a thread that calls may fault on what another supplies", "[library][pager]") {
  Kernel kernel;
  const Pager pager(2);
  char* const bytes = pager.Map(2);
  char seen = 0;
  std::thread thread([&] {
    const Kernel::Use use(kernel);
    seen = *static_cast<volatile char*>(bytes + kPage);
  });
  REQUIRE(pager.Serve(ZX_SEC(60)));
  thread.join();
  CHECK(seen == 'B');
}

TEST_CASE("memory of a pager is made ready for the host's own calls", "[library][pager]") {
  Kernel kernel;
  const Pager pager(3);
  char* const bytes = pager.Map(3);
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  CHECK(write(ends[1], bytes, 1) == -1);
  zx_status_t status = ZX_ERR_INTERNAL;
  std::thread thread([&] {
    const Kernel::Use use(kernel);
    status = zirconia_prepare_host_read(bytes + 10, 2 * kPage);
  });
  for (int i = 0; i < 3; ++i) REQUIRE(pager.Serve(ZX_SEC(60)));
  thread.join();
  CHECK_OK(status);
  CHECK(write(ends[1], bytes + kPage, 1) == 1);
  char got = 0;
  CHECK(read(ends[0], &got, 1) == 1);
  CHECK(got == 'B');
  close(ends[0]);
  close(ends[1]);
}

extern "C" void FaultEntry(uintptr_t address, uintptr_t) {
  (void)*reinterpret_cast<volatile char*>(address);
  zx_thread_exit();
}

TEST_CASE("a thread that waits in a fault when its process is killed ends", "[library][pager]") {
  Kernel kernel;
  const Pager pager(1);
  Process other(kernel);
  const zx_handle_t theirs = other.Give(pager.vmo), process = other.MakeHandle();
  std::vector<std::byte> stack(kStackSize);
  zx_koid_t koid = 0;
  {
    const Process::Enter enter(other);
    zx_vaddr_t address = 0;
    zx_handle_t thread = ZX_HANDLE_INVALID;
    REQUIRE_OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, theirs, 0, kPage, &address));
    REQUIRE_OK(zx_thread_create(zx_process_self(), "faults", 6, 0, &thread));
    REQUIRE_OK(zx_thread_start(thread, reinterpret_cast<zx_vaddr_t>(&FaultEntry),
                               (reinterpret_cast<uint64_t>(stack.data()) + kStackSize) / 16 * 16 - 8, address, 0));
    zx_info_handle_basic_t info{};
    REQUIRE_OK(zx_object_get_info(thread, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), nullptr, nullptr));
    koid = info.koid;
  }
  zx_port_packet_t packet{};
  REQUIRE_OK(zx_port_wait(pager.port, ZX_TIME_INFINITE, &packet));
  zx_handle_t thread = ZX_HANDLE_INVALID;
  REQUIRE_OK(zx_object_get_child(process, koid, ZX_RIGHT_SAME_RIGHTS, &thread));
  REQUIRE_OK(zx_task_kill(process));
  CHECK_OK(zx_object_wait_one(thread, ZX_THREAD_TERMINATED, ZX_TIME_INFINITE, nullptr));
}

}  // namespace
}  // namespace zirconia::testing
