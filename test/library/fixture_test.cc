// The kernel for tests: what its knobs do, and how it keeps to itself.
#include <zircon/process.h>
#include <zircon/syscalls.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "zirconia/testing/kernel.h"
#include "zirconia/testing/status.h"

namespace zirconia::testing {
namespace {

constexpr uint64_t kPage = 4096;
constexpr zx_vm_option_t kReadWrite = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;

zx_handle_t MakeVmo(uint64_t size) {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  REQUIRE_OK(zx_vmo_create(size, 0, &vmo));
  return vmo;
}

zx_vaddr_t Map(zx_handle_t vmo, uint64_t size) {
  zx_vaddr_t address = 0;
  REQUIRE_OK(zx_vmar_map(zx_vmar_root_self(), kReadWrite, 0, vmo, 0, size, &address));
  return address;
}

KernelOptions On(PageTable page_table) {
  KernelOptions options;
  options.page_table = page_table;
  return options;
}

TEST_CASE("a fresh kernel has nothing committed and passes its own checks", "[library][fixture]") {
  Kernel kernel(On(GENERATE(PageTable::kHost, PageTable::kSoftware)));
  CHECK(kernel.pages_used() == 0);
  CHECK(kernel.Verify().empty());
  CHECK(zx_system_get_physmem() == uint64_t{64} << 20);
}

TEST_CASE("memory ends at its limit, and what failed took nothing", "[library][fixture]") {
  KernelOptions options = On(GENERATE(PageTable::kHost, PageTable::kSoftware));
  options.memory = 8 * kPage;
  Kernel kernel(options);
  const zx_handle_t vmo = MakeVmo(16 * kPage);
  CHECK_STATUS(zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 0, 9 * kPage, nullptr, 0), ZX_ERR_NO_MEMORY);
  CHECK(kernel.pages_used() == 0);
  CHECK_OK(zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 0, 8 * kPage, nullptr, 0));
  const zx_vaddr_t address = Map(vmo, 16 * kPage);
  CHECK(kernel.Store(address + 7 * kPage, 1));
  CHECK_FALSE(kernel.Store(address + 8 * kPage, 1));
  CHECK(kernel.Verify().empty());
}

TEST_CASE("the n-th allocation of frames fails, once", "[library][fixture]") {
  Kernel kernel(On(GENERATE(PageTable::kHost, PageTable::kSoftware)));
  const zx_handle_t vmo = MakeVmo(4 * kPage);
  kernel.FailAllocation(2);
  CHECK_OK(zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 0, kPage, nullptr, 0));
  CHECK_STATUS(zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, kPage, kPage, nullptr, 0), ZX_ERR_NO_MEMORY);
  CHECK_OK(zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, kPage, kPage, nullptr, 0));
}

TEST_CASE("the layout follows its seed", "[library][fixture]") {
  const PageTable page_table = PageTable::kSoftware;  // where every address space has the same range
  const auto layout = [&](uint64_t seed) {
    KernelOptions options = On(page_table);
    options.layout_seed = seed;
    Kernel kernel(options);
    std::vector<zx_vaddr_t> addresses;
    addresses.reserve(4);
    for (int i = 0; i < 4; ++i) addresses.push_back(Map(MakeVmo(kPage), kPage));
    return addresses;
  };
  CHECK(layout(7) == layout(7));
  CHECK(layout(7) != layout(8));
  const auto lowest_first = layout(0);
  CHECK(lowest_first[1] == lowest_first[0] + kPage);
}

TEST_CASE("in virtual time a sleep takes none", "[library][fixture]") {
  KernelOptions options = On(GENERATE(PageTable::kHost, PageTable::kSoftware));
  options.virtual_time = true;
  Kernel kernel(options);
  const zx_time_t begin = zx_clock_get_monotonic();
  CHECK(zx_clock_get_monotonic() == begin);
  constexpr zx_duration_t kYear = ZX_HOUR(24 * 365);
  CHECK_OK(zx_nanosleep(zx_deadline_after(kYear)));
  CHECK(zx_clock_get_monotonic() == begin + kYear);
  kernel.Advance(5);
  CHECK(kernel.Now() == begin + kYear + 5);
}

TEST_CASE("virtual time stands still while a thread can do something", "[library][fixture]") {
  KernelOptions options;
  options.virtual_time = true;
  Kernel kernel(options);
  zx_handle_t event = ZX_HANDLE_INVALID;
  REQUIRE_OK(zx_event_create(0, &event));
  std::atomic<bool> ready{false};
  std::thread other([&] {
    Kernel::Use use(kernel);
    ready = true;
    zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
    zx_object_signal(event, 0, ZX_USER_SIGNAL_0);
  });
  while (!ready) std::this_thread::yield();
  // The other thread's deadline is the earlier one: it signals before this one's passes.
  CHECK_OK(zx_object_wait_one(event, ZX_USER_SIGNAL_0, zx_deadline_after(ZX_MSEC(2)), nullptr));
  CHECK_STATUS(zx_object_wait_one(event, ZX_USER_SIGNAL_1, zx_deadline_after(ZX_MSEC(2)), nullptr), ZX_ERR_TIMED_OUT);
  const Kernel::Away away(kernel);
  other.join();
}

TEST_CASE("a wait in virtual time ends when the test lets time pass", "[library][fixture]") {
  KernelOptions options;
  options.virtual_time = true;
  Kernel kernel(options);
  const zx_time_t begin = kernel.Now();
  zx_time_t woken = 0;
  std::thread other([&] {
    Kernel::Use use(kernel);
    zx_nanosleep(begin + ZX_SEC(10));
    woken = zx_clock_get_monotonic();
  });
  kernel.Advance(ZX_SEC(4));
  kernel.Advance(ZX_SEC(7));
  other.join();
  CHECK(woken == begin + ZX_SEC(11));
}

TEST_CASE("host calls that fail lose nothing", "[library][fixture]") {
  KernelOptions options;
  options.faulty_host = true;
  Kernel kernel(options);
  const zx_handle_t vmo = MakeVmo(64 * kPage);
  HostFailures failures;
  failures.tears = GENERATE(false, true);
  for (failures.first = 1; failures.first < 6; ++failures.first) {
    const zx_vaddr_t address = Map(vmo, 64 * kPage);
    kernel.FailHostCalls(failures);
    for (uint64_t i = 0; i < 64; i += 3) CHECK(kernel.Store(address + i * kPage, i));
    for (uint64_t i = 0; i < 64; i += 3) CHECK(kernel.Load<uint64_t>(address + i * kPage) == i);
    kernel.StopFailing();
    CHECK_OK(zx_vmar_unmap(zx_vmar_root_self(), address, 64 * kPage));
    CHECK(kernel.Verify().empty());
  }
}

TEST_CASE("processes of one kernel share VMOs and nothing else", "[library][fixture]") {
  Kernel kernel(On(GENERATE(PageTable::kHost, PageTable::kSoftware)));
  const zx_handle_t vmo = MakeVmo(kPage);
  const zx_vaddr_t here = Map(vmo, kPage);
  Process other(kernel, "other");
  const zx_handle_t theirs = other.Give(vmo);
  const zx_handle_t process = other.MakeHandle();
  zx_vaddr_t there = 0;
  {
    Process::Enter enter(other);
    there = Map(theirs, kPage);
    CHECK(kernel.Store(there, 42));
    CHECK(zx_handle_close(process) != ZX_OK);
  }
  CHECK(kernel.Load<int>(here) == 42);
  int value = 0;
  size_t actual = 0;
  CHECK_OK(zx_process_read_memory(process, there, &value, sizeof(value), &actual));
  CHECK(value == 42);
  CHECK(kernel.Verify().empty());
}

TEST_CASE("a process of a test ends by an exception, and can be waited for", "[library][fixture]") {
  Kernel kernel;
  Process other(kernel);
  const zx_handle_t process = other.MakeHandle();
  int64_t code = 0;
  try {
    Process::Enter enter(other);
    zx_process_exit(3);
  } catch (const ProcessExited& exited) {
    code = exited.return_code();
  }
  CHECK(code == 3);
  CHECK_OK(zx_object_wait_one(process, ZX_PROCESS_TERMINATED, 0, nullptr));
  zx_info_process_t info{};
  REQUIRE_OK(zx_object_get_info(process, ZX_INFO_PROCESS, &info, sizeof(info), nullptr, nullptr));
  CHECK(info.return_code == 3);
  Process::Enter enter(other);
  CHECK_THROWS_AS(zx_event_create(0, nullptr) == ZX_OK, ProcessExited);
  CHECK_STATUS(zx_event_create(0, nullptr), ZX_ERR_BAD_STATE);
  CHECK_THROWS_AS(zx_process_exit(4), ProcessExited);
}

TEST_CASE("a thread of a test that exits can't call any more, and a killed process ends its threads' waits",
          "[library][fixture]") {
  Kernel kernel;
  Process other(kernel);
  const zx_handle_t process = other.MakeHandle();
  std::atomic<bool> exited{false};
  std::thread waiter([&] {
    try {
      Process::Enter enter(other);
      zx_nanosleep(ZX_TIME_INFINITE);
    } catch (const ProcessExited&) {
      exited = true;
    }
  });
  CHECK_OK(zx_task_kill(process));
  waiter.join();
  CHECK(exited);
  CHECK_OK(zx_object_wait_one(process, ZX_PROCESS_TERMINATED, ZX_TIME_INFINITE, nullptr));
  std::thread([&] {
    Kernel::Use use(kernel);
    CHECK_THROWS_AS(zx_thread_exit(), ThreadExited);
  }).join();
}

TEST_CASE("a kernel passes its checks whatever other kernels do meanwhile", "[library][fixture]") {
  const auto fill = [](uint64_t pages) {
    zx_handle_t vmo = ZX_HANDLE_INVALID;
    zx_vaddr_t at = 0;
    zx_vmo_create(pages * kPage, 0, &vmo);
    if (zx_vmar_map(zx_vmar_root_self(), kReadWrite, 0, vmo, 0, pages * kPage, &at) != ZX_OK) return;
    for (uint64_t page = 0; page < pages; page += 2) *reinterpret_cast<volatile char*>(at + page * kPage) = 1;
  };
  // The window below this kernel's stays free for others: the host lists their mappings first.
  auto first = std::make_unique<Kernel>();
  Kernel kernel;
  fill(64);
  first.reset();
  std::atomic<bool> stop{false};
  const auto make_kernels = [&] {
    while (!stop) {
      Kernel other;
      fill(640);
    }
  };
  std::thread one(make_kernels), two(make_kernels);
  int failed = 0;
  for (int i = 0; i < 5000; ++i) failed += kernel.Verify().empty() ? 0 : 1;
  stop = true;
  one.join();
  two.join();
  CHECK(failed == 0);
}

TEST_CASE("kernels may go in any order", "[library][fixture]") {
  std::optional<Kernel> a(std::in_place);
  const zx_handle_t in_a = MakeVmo(kPage);
  std::optional<Kernel> b(std::in_place);
  const zx_handle_t in_b = MakeVmo(2 * kPage);
  const zx_vaddr_t address = Map(in_b, 2 * kPage);
  a.reset();
  uint64_t size = 0;
  CHECK_OK(zx_vmo_get_size(in_b, &size));
  CHECK(size == 2 * kPage);
  CHECK(b->Store(address, 1));
  static_cast<void>(in_a);
}

TEST_CASE("no thread of a software machine's process can be started", "[library][fixture]") {
  Kernel kernel(On(PageTable::kSoftware));
  zx_handle_t process = ZX_HANDLE_INVALID, vmar = ZX_HANDLE_INVALID, thread = ZX_HANDLE_INVALID;
  REQUIRE_OK(zx_process_create(zx_job_default(), "p", 1, 0, &process, &vmar));
  REQUIRE_OK(zx_thread_create(process, "t", 1, 0, &thread));
  CHECK_STATUS(zx_process_start(process, thread, 0x1100'0000'0000, 0, ZX_HANDLE_INVALID, 0), ZX_ERR_NOT_SUPPORTED);
}

TEST_CASE("a status prints its name", "[library][fixture]") {
  const auto print = [](zx_status_t status) {
    std::ostringstream out;
    out << Status(status);
    return out.str();
  };
  CHECK(print(ZX_OK) == "ZX_OK");
  CHECK(print(ZX_ERR_NO_MEMORY) == "ZX_ERR_NO_MEMORY");
  CHECK(print(17) == "zx_status_t 17");
  CHECK(Catch::Detail::stringify(Status(ZX_ERR_BAD_STATE)) == "ZX_ERR_BAD_STATE");
}

TEST_CASE("what is written to the log comes to the test", "[library][fixture]") {
  std::string log;
  KernelOptions options;
  options.console = [&](std::string_view text) { log += text; };
  Kernel kernel(options);
  CHECK_OK(zx_debug_write("hello", 5));
  CHECK(log == "hello");
}

}  // namespace
}  // namespace zirconia::testing
