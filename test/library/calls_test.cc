// zx_* calls of an ordinary program.
#include <pthread.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <thread>

#include "zirconia/testing/kernel.h"

namespace {

using zirconia::testing::Kernel;
using zirconia::testing::KernelOptions;
using zirconia::testing::PageTable;

constexpr uint64_t kPage = 4096;

TEST_CASE("a program maps a VMO and uses it through a pointer", "[library]") {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  REQUIRE(zx_vmo_create(kPage, 0, &vmo) == ZX_OK);
  zx_vaddr_t address = 0;
  REQUIRE(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, kPage, &address) == ZX_OK);
  auto* const bytes = reinterpret_cast<char*>(address);
  CHECK(bytes[0] == 0);
  std::strcpy(bytes, "hello");
  char back[6] = {};
  REQUIRE(zx_vmo_read(vmo, back, 0, sizeof(back)) == ZX_OK);
  CHECK(std::string(back) == "hello");
  CHECK(zx_vmo_read(vmo, bytes + 100, 0, 6) == ZX_OK);  // into a mapping of itself
  CHECK(std::string(bytes + 100) == "hello");
  CHECK(zx_vmar_unmap(zx_vmar_root_self(), address, kPage) == ZX_OK);
  CHECK(zx_handle_close(vmo) == ZX_OK);
}

TEST_CASE("a bad pointer is an error, not a crash", "[library]") {
  Kernel kernel;
  CHECK(zx_vmo_create(kPage, 0, nullptr) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmo_create(kPage, 0, reinterpret_cast<zx_handle_t*>(16)) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_vmo_create(kPage, 0, reinterpret_cast<zx_handle_t*>(0x8000000000000000)) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE("threads that the host's library made are threads of the process", "[library]") {
  zx_handle_t event = ZX_HANDLE_INVALID;
  REQUIRE(zx_event_create(0, &event) == ZX_OK);
  const zx_handle_t here = zx_thread_self();
  zx_handle_t there = ZX_HANDLE_INVALID;
  std::thread other([&] {
    there = zx_thread_self();
    zx_object_signal(event, 0, ZX_USER_SIGNAL_0);
  });
  zx_signals_t observed = 0;
  CHECK(zx_object_wait_one(event, ZX_USER_SIGNAL_0, ZX_TIME_INFINITE, &observed) == ZX_OK);
  other.join();
  CHECK(there != here);
  CHECK(zx_object_get_info(there, ZX_INFO_HANDLE_VALID, nullptr, 0, nullptr, nullptr) == ZX_ERR_BAD_HANDLE);
}

TEST_CASE("loads and stores go through the page table of either machine", "[library]") {
  KernelOptions options;
  options.page_table = GENERATE(PageTable::kHost, PageTable::kSoftware);
  Kernel kernel(options);
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  REQUIRE(zx_vmo_create(kPage, 0, &vmo) == ZX_OK);
  zx_vaddr_t address = 0;
  REQUIRE(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, 2 * kPage, &address) ==
          ZX_OK);
  CHECK(kernel.Load<uint32_t>(address) == 0u);
  CHECK(kernel.Store(address + 8, uint32_t{7}));
  uint32_t back = 0;
  REQUIRE(zx_vmo_read(vmo, &back, 8, sizeof(back)) == ZX_OK);
  CHECK(back == 7);
  CHECK_FALSE(kernel.Load<uint32_t>(address + kPage).has_value());
  CHECK_FALSE(kernel.Store(address + kPage, 1));
  CHECK(kernel.Verify().empty());
}

TEST_CASE("two kernels in one program don't know of each other", "[library]") {
  Kernel a;
  zx_handle_t in_a = ZX_HANDLE_INVALID;
  REQUIRE(zx_vmo_create(kPage, 0, &in_a) == ZX_OK);
  {
    Kernel b;
    uint64_t size = 0;
    CHECK(zx_vmo_get_size(in_a, &size) != ZX_OK);
    Kernel::Use use(a);
    CHECK(zx_vmo_get_size(in_a, &size) == ZX_OK);
  }
  uint64_t size = 0;
  CHECK(zx_vmo_get_size(in_a, &size) == ZX_OK);
}

}  // namespace
