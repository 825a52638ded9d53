// Threads and processes that a program of the host library makes.
#include <zircon/process.h>
#include <zircon/processargs.h>
#include <zircon/syscalls.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <thread>
#include <vector>

#include "zirconia/testing/kernel.h"
#include "zirconia/testing/status.h"

namespace zirconia::testing {
namespace {

constexpr uint64_t kPage = 4096;
constexpr size_t kStackSize = 256 * 1024;

struct Shared {
  std::atomic<int> seen{0};
  zx_handle_t event = ZX_HANDLE_INVALID;
  zx_handle_t thread = ZX_HANDLE_INVALID;
};

// A thread's first function, on the stack that zx_thread_start was given.
extern "C" void ThreadEntry(uintptr_t argument, uintptr_t value) {
  auto* const shared = reinterpret_cast<Shared*>(argument);
  shared->thread = zx_thread_self();
  shared->seen = static_cast<int>(value);
  zx_object_signal(shared->event, 0, ZX_USER_SIGNAL_0);
  zx_thread_exit();
}

struct Exit {
  zx_handle_t event = ZX_HANDLE_INVALID;
  zx_vaddr_t stack = 0;
};

extern "C" void ExitEntry(uintptr_t argument, uintptr_t) {
  const auto* const exit = reinterpret_cast<const Exit*>(argument);
  // Takes its own stack away; comes back where it can't.
  zx_vmar_unmap_handle_close_thread_exit(zx_vmar_root_self(), exit->stack + 1, kStackSize, exit->event);
  zx_vmar_unmap_handle_close_thread_exit(zx_vmar_root_self(), exit->stack, kStackSize, exit->event);
}

struct Join {
  zx_futex_t word = 0;
  zx_handle_t close = ZX_HANDLE_INVALID;
};

extern "C" void JoinEntry(uintptr_t argument, uintptr_t value) {
  const auto* const join = reinterpret_cast<const Join*>(argument);
  zx_futex_wake_handle_close_thread_exit(&join->word, 1, static_cast<int32_t>(value), join->close);
}

// As at a function's entry: a multiple of 16, less the return address.
uint64_t TopOf(void* stack) { return (reinterpret_cast<uint64_t>(stack) + kStackSize) / 16 * 16 - 8; }

void StartAndJoin(uint64_t stack_pointer) {
  Shared shared;
  REQUIRE_OK(zx_event_create(0, &shared.event));
  zx_handle_t thread = ZX_HANDLE_INVALID;
  REQUIRE_OK(zx_thread_create(zx_process_self(), "worker", 6, 0, &thread));
  REQUIRE_OK(zx_thread_start(thread, reinterpret_cast<zx_vaddr_t>(&ThreadEntry), stack_pointer,
                             reinterpret_cast<uintptr_t>(&shared), 42));
  CHECK_OK(zx_object_wait_one(shared.event, ZX_USER_SIGNAL_0, ZX_TIME_INFINITE, nullptr));
  CHECK_OK(zx_object_wait_one(thread, ZX_THREAD_TERMINATED, ZX_TIME_INFINITE, nullptr));
  CHECK(shared.seen == 42);
  CHECK(shared.thread != thread);
  CHECK_STATUS(zx_thread_start(thread, reinterpret_cast<zx_vaddr_t>(&ThreadEntry), stack_pointer, 0, 0),
               ZX_ERR_BAD_STATE);
  CHECK_OK(zx_handle_close(thread));
}

TEST_CASE("zx_thread_start runs a function on a stack of the program's", "[library][threads]") {
  std::vector<std::byte> stack(kStackSize);
  SECTION("in a test's kernel") {
    Kernel kernel;
    StartAndJoin(TopOf(stack.data()));
  }
  SECTION("in the program's own") { StartAndJoin(TopOf(stack.data())); }
}

TEST_CASE("a thread's stack may be simulated memory, which is committed as it grows", "[library][threads]") {
  Kernel kernel;
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  REQUIRE_OK(zx_vmo_create(kStackSize, 0, &vmo));
  zx_vaddr_t address = 0;
  REQUIRE_OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, kStackSize, &address));
  StartAndJoin(TopOf(reinterpret_cast<void*>(address)));
  CHECK(kernel.pages_used() > 0);
  CHECK(kernel.pages_used() < kStackSize / kPage);
}

TEST_CASE("a thread may unmap its own stack with its last call", "[library][threads]") {
  Kernel kernel;
  zx_handle_t vmo = ZX_HANDLE_INVALID, other_end = ZX_HANDLE_INVALID;
  REQUIRE_OK(zx_vmo_create(kStackSize, 0, &vmo));
  Exit exit;
  REQUIRE_OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, kStackSize, &exit.stack));
  REQUIRE_OK(zx_eventpair_create(0, &exit.event, &other_end));
  zx_handle_t thread = ZX_HANDLE_INVALID;
  REQUIRE_OK(zx_thread_create(zx_process_self(), "worker", 6, 0, &thread));
  REQUIRE_OK(zx_thread_start(thread, reinterpret_cast<zx_vaddr_t>(&ExitEntry),
                             TopOf(reinterpret_cast<void*>(exit.stack)), reinterpret_cast<uintptr_t>(&exit), 0));
  CHECK_OK(zx_object_wait_one(thread, ZX_THREAD_TERMINATED, ZX_TIME_INFINITE, nullptr));
  CHECK_OK(zx_object_wait_one(other_end, ZX_EVENTPAIR_PEER_CLOSED, 0, nullptr));
  CHECK_FALSE(kernel.Load<char>(exit.stack).has_value());
}

TEST_CASE("a thread's stack may be unmapped as soon as its last call has written the word", "[library][threads]") {
  Kernel kernel;
  for (int round = 0; round < 20; ++round) {
    zx_handle_t vmo = ZX_HANDLE_INVALID, thread = ZX_HANDLE_INVALID;
    REQUIRE_OK(zx_vmo_create(kStackSize, 0, &vmo));
    zx_vaddr_t stack = 0;
    REQUIRE_OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, kStackSize, &stack));
    REQUIRE_OK(zx_thread_create(zx_process_self(), "joined", 6, 0, &thread));
    Join join;
    REQUIRE_OK(zx_handle_duplicate(thread, ZX_RIGHT_SAME_RIGHTS, &join.close));
    REQUIRE_OK(zx_thread_start(thread, reinterpret_cast<zx_vaddr_t>(&JoinEntry), TopOf(reinterpret_cast<void*>(stack)),
                               reinterpret_cast<uintptr_t>(&join), 9));
    const zx_status_t waited = zx_futex_wait(&join.word, 0, thread, ZX_TIME_INFINITE);
    CHECK((waited == ZX_OK || waited == ZX_ERR_BAD_STATE));
    CHECK(std::atomic_ref(join.word).load() == 9);
    CHECK_OK(zx_vmar_unmap(zx_vmar_root_self(), stack, kStackSize));
    CHECK_OK(zx_object_wait_one(thread, ZX_THREAD_TERMINATED, ZX_TIME_INFINITE, nullptr));
    CHECK_STATUS(zx_handle_close(join.close), ZX_ERR_BAD_HANDLE);
    CHECK_OK(zx_handle_close(thread));
    CHECK_OK(zx_handle_close(vmo));
  }
}

TEST_CASE("a bad entry is refused", "[library][threads]") {
  Kernel kernel;
  zx_handle_t thread = ZX_HANDLE_INVALID;
  REQUIRE_OK(zx_thread_create(zx_process_self(), "worker", 6, 0, &thread));
  CHECK_STATUS(zx_thread_start(thread, uint64_t{1} << 47, 0, 0, 0), ZX_ERR_INVALID_ARGS);
}

TEST_CASE("every thread that ends leaves its process", "[library][threads]") {
  Kernel kernel;
  for (int i = 0; i < 50; ++i) {
    std::thread([&] {
      Kernel::Use use(kernel);
      CHECK(zx_thread_self() != ZX_HANDLE_INVALID);
    }).join();
  }
  std::array<zx_koid_t, 8> koids{};
  size_t actual = 0, available = 0;
  REQUIRE_OK(
      zx_object_get_info(zx_process_self(), ZX_INFO_PROCESS_THREADS, koids.data(), sizeof(koids), &actual, &available));
  CHECK(available == 1);
}

TEST_CASE("a thread's FS base is the C library's", "[library][threads]") {
  Kernel kernel;
  const uint64_t base = 0x1000;
  CHECK_STATUS(zx_object_set_property(zx_thread_self(), ZX_PROP_REGISTER_FS, &base, sizeof(base)),
               ZX_ERR_NOT_SUPPORTED);
  CHECK_OK(zx_object_set_property(zx_thread_self(), ZX_PROP_REGISTER_GS, &base, sizeof(base)));
}

TEST_CASE("a program starts a guest process, which runs natively in an address space of its own",
          "[library][threads]") {
  Kernel kernel;
  zx_handle_t process = ZX_HANDLE_INVALID, vmar = ZX_HANDLE_INVALID, thread = ZX_HANDLE_INVALID;
  REQUIRE_OK(zx_process_create(zx_job_default(), "guest", 5, 0, &process, &vmar));
  REQUIRE_OK(zx_thread_create(process, "main", 4, 0, &thread));
  // mov %rsi, (%rsi); ud2: writes to its second argument, and dies of an exception.
  constexpr std::array<uint8_t, 5> kCode{0x48, 0x89, 0x36, 0x0f, 0x0b};
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  REQUIRE_OK(zx_vmo_create(kPage, 0, &vmo));
  REQUIRE_OK(zx_vmo_write(vmo, kCode.data(), 0, kCode.size()));
  REQUIRE_OK(zx_vmo_replace_as_executable(vmo, ZX_HANDLE_INVALID, &vmo));
  zx_vaddr_t code = 0;
  REQUIRE_OK(zx_vmar_map(vmar, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_PERM_EXECUTE, 0, vmo, 0, kPage, &code));
  const uint64_t target = code + 512;
  REQUIRE_OK(zx_process_start(process, thread, code, code + kPage, ZX_HANDLE_INVALID, target));
  REQUIRE_OK(zx_object_wait_one(process, ZX_PROCESS_TERMINATED, ZX_TIME_INFINITE, nullptr));
  uint64_t written = 0;
  REQUIRE_OK(zx_vmo_read(vmo, &written, 512, sizeof(written)));
  CHECK(written == target);
  zx_info_process_t info{};
  REQUIRE_OK(zx_object_get_info(process, ZX_INFO_PROCESS, &info, sizeof(info), nullptr, nullptr));
  CHECK(info.return_code == ZX_TASK_RETCODE_EXCEPTION_KILL);
}

TEST_CASE("the vDSO and the root resource are startup handles, each given once", "[library][threads]") {
  Kernel kernel;
  for (const uint32_t what : {PA_HND(PA_VMO_VDSO, 0), PA_HND(PA_RESOURCE, 0)}) {
    const zx_handle_t handle = zx_take_startup_handle(what);
    CHECK_OK(zx_object_get_info(handle, ZX_INFO_HANDLE_VALID, nullptr, 0, nullptr, nullptr));
    CHECK(zx_take_startup_handle(what) == ZX_HANDLE_INVALID);
  }
  CHECK(zx_take_startup_handle(PA_HND(PA_FD, 0)) == ZX_HANDLE_INVALID);
}

}  // namespace
}  // namespace zirconia::testing
