// A program whose malloc notes who calls it while a page fault may be under way: answering a fault mustn't, since it
// may interrupt the C library's own. Prints what did, and exits with 1 then. fault_path_test runs it.
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>
#include <zirconia/testing/kernel.h>

#include <string_view>

extern "C" {
void* __libc_malloc(size_t);            // NOLINT(bugprone-reserved-identifier): the C library's names
void* __libc_calloc(size_t, size_t);    // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void*, size_t);    // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(size_t, size_t);  // NOLINT(bugprone-reserved-identifier)
void __libc_free(void*);                // NOLINT(bugprone-reserved-identifier)
}

namespace {

// Volatile: what a signal handler sees and does.
thread_local volatile bool t_touching = false;
thread_local volatile uint64_t t_calls = 0;

// A breakpoint here shows who calls.
__attribute__((noinline)) void Called() { t_calls = t_calls + 1; }
void Note() {
  if (t_touching) Called();
}

}  // namespace

extern "C" {
void* malloc(size_t size) {
  Note();
  return __libc_malloc(size);
}
void* calloc(size_t nmemb, size_t size) {
  Note();
  return __libc_calloc(nmemb, size);
}
void* realloc(void* ptr, size_t size) {
  Note();
  return __libc_realloc(ptr, size);
}
void* memalign(size_t alignment, size_t size) {
  Note();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  Note();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memptr, size_t alignment, size_t size) {
  Note();
  *memptr = __libc_memalign(alignment, size);
  return 0;
}
void free(void* ptr) {
  Note();
  __libc_free(ptr);
}
}

namespace {

using zirconia::testing::Kernel;
using zirconia::testing::KernelOptions;

constexpr size_t kPage = 4096;

void Require(bool condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "failed: %s\n", what);
  _Exit(99);
}
#define REQUIRE(condition) Require(condition, #condition)

sigjmp_buf g_unanswered;
void LeaveTouch(int) { siglongjmp(g_unanswered, 1); }

bool g_failed = false;

// Whether every access was answered.
template <typename Touches>
bool Touch(const char* what, Touches touches) {
  t_calls = 0;
  volatile bool answered = false;
  if (sigsetjmp(g_unanswered, 1) == 0) {
    t_touching = true;
    touches();
    answered = true;
  }
  t_touching = false;
  if (t_calls != 0) {
    fprintf(stderr, "%s: the C library's allocator was called %llu times\n", what,
            static_cast<unsigned long long>(t_calls));
    g_failed = true;
  }
  return answered;
}

zx_handle_t MakeVmo(size_t pages, uint32_t options = 0) {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  REQUIRE(zx_vmo_create(pages * kPage, options, &vmo) == ZX_OK);
  return vmo;
}

volatile char* Map(zx_handle_t vmo, size_t pages, zx_vm_option_t options = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE) {
  zx_vaddr_t address = 0;
  REQUIRE(zx_vmar_map(zx_vmar_root_self(), options, 0, vmo, 0, pages * kPage, &address) == ZX_OK);
  return reinterpret_cast<volatile char*>(address);
}

// Every other page, so that each is an extent, and a host mapping, of its own.
void WriteScattered(volatile char* at, size_t pages) {
  for (size_t i = 0; i < pages; i += 2) at[(i * 619 % pages) / 2 * 2 * kPage] = 1;
}

void WriteEach(volatile char* at, size_t pages) {
  for (size_t i = 0; i < pages; ++i) at[i * kPage] = 1;
}

void ReadEach(const volatile char* at, size_t pages) {
  for (size_t i = 0; i < pages; ++i) static_cast<void>(at[i * kPage]);
}

void AnsweredFaults() {
  constexpr size_t kPages = 8192;
  Kernel kernel;
  signal(SIGSEGV, LeaveTouch);
  const zx_handle_t vmo = MakeVmo(kPages);
  volatile char* const at = Map(vmo, kPages);
  REQUIRE(Touch("zeros that are read", [&] { ReadEach(at, kPages); }));
  REQUIRE(Touch("first writes", [&] { WriteScattered(at, kPages); }));
  REQUIRE(Touch("first writes between", [&] { WriteEach(at, kPages); }));
  zx_handle_t child = ZX_HANDLE_INVALID;
  REQUIRE(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SNAPSHOT, 0, kPages * kPage, &child) == ZX_OK);
  REQUIRE(Touch("copies on write", [&] { WriteScattered(at, kPages); }));
  volatile char* const of_child = Map(child, kPages);
  REQUIRE(Touch("reads of a snapshot", [&] { ReadEach(of_child, kPages); }));
  REQUIRE(Touch("writes to a snapshot", [&] { WriteEach(of_child, kPages / 2); }));
}

void UnansweredFaults() {
  Kernel kernel;
  signal(SIGSEGV, LeaveTouch);
  volatile char* const beyond = Map(MakeVmo(1), 2, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_ALLOW_FAULTS);
  REQUIRE(!Touch("a touch beyond the end", [&] { beyond[kPage] = 1; }));
  volatile char* const constant = Map(MakeVmo(1), 1, ZX_VM_PERM_READ);
  REQUIRE(!Touch("a write to what is read-only", [&] { constant[0] = 1; }));
  volatile char* const unmapped = Map(MakeVmo(1), 1);
  unmapped[0] = 1;
  REQUIRE(zx_vmar_unmap(zx_vmar_root_self(), reinterpret_cast<zx_vaddr_t>(unmapped), kPage) == ZX_OK);
  REQUIRE(!Touch("a touch where nothing is mapped", [&] { unmapped[0] = 1; }));
  volatile char* const failing = Map(MakeVmo(1), 1);
  kernel.FailAllocation(1);
  REQUIRE(!Touch("a page for which there is no frame", [&] { failing[0] = 1; }));
}

void FaultsWhenMemoryIsShort() {
  constexpr size_t kPages = 256;
  Kernel kernel(KernelOptions{.memory = kPages * kPage});
  signal(SIGSEGV, LeaveTouch);
  const zx_handle_t discardable = MakeVmo(kPages / 2, ZX_VMO_DISCARDABLE);
  REQUIRE(zx_vmo_op_range(discardable, ZX_VMO_OP_COMMIT, 0, kPages / 2 * kPage, nullptr, 0) == ZX_OK);
  volatile char* const at = Map(MakeVmo(kPages + 1), kPages + 1);
  REQUIRE(Touch("discarding", [&] { WriteEach(at, kPages * 3 / 4); }));
  REQUIRE(!Touch("memory that runs out", [&] { WriteEach(at, kPages + 1); }));
}

void FaultsWhenMappingsAreShort() {
  constexpr size_t kPages = 2048;
  Kernel kernel(KernelOptions{.host_mappings = 128});
  signal(SIGSEGV, LeaveTouch);
  volatile char* const at = Map(MakeVmo(kPages), kPages);
  REQUIRE(Touch("evictions", [&] {
    WriteScattered(at, kPages);
    WriteScattered(at, kPages);
  }));
}

void FaultsWhenTheHostFails() {
  constexpr size_t kPages = 256;
  Kernel kernel(KernelOptions{.faulty_host = true});
  signal(SIGSEGV, LeaveTouch);
  volatile char* const at = Map(MakeVmo(kPages), kPages);
  kernel.FailHostCallsAtRandom(7, 3);
  REQUIRE(Touch("host calls that fail", [&] { WriteScattered(at, kPages); }));
  REQUIRE(kernel.StopFailing() > 0);
}

}  // namespace

int main() {
  // What looks can see.
  REQUIRE(Touch("", [] { free(malloc(1)); }) && t_calls == 2);
  g_failed = false;

  AnsweredFaults();
  UnansweredFaults();
  FaultsWhenMemoryIsShort();
  FaultsWhenMappingsAreShort();
  FaultsWhenTheHostFails();
  return g_failed ? 1 : 0;
}
