// A program that uses the host library, and ends in the way that its argument names: library_test runs it.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>

#include <thread>

#include "zirconia/testing/kernel.h"

namespace {

constexpr size_t kPage = 4096;

void Require(bool condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "failed: %s\n", what);
  _exit(99);
}
#define REQUIRE(condition) Require(condition, #condition)

// A mapping of `size` bytes of a VMO of one page.
char* MapPages(size_t size) {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  REQUIRE(zx_vmo_create(kPage, 0, &vmo) == ZX_OK);
  zx_vaddr_t address = 0;
  REQUIRE(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, size, &address) == ZX_OK);
  REQUIRE(zx_handle_close(vmo) == ZX_OK);
  return reinterpret_cast<char*>(address);
}

// What is tried here is the fault, also at null, which UndefinedBehaviorSanitizer would report before it happens.
__attribute__((no_sanitize("undefined"))) void Touch(char* at) {
  volatile char* volatile hidden = at;  // the compiler knows that nothing stands at null
  *hidden = 1;
}

// What the program's own handler saw: the address, as the exit status tells.
char* g_expected = nullptr;
void OwnHandler(int, siginfo_t* info, void*) { _exit(info->si_addr == g_expected ? 42 : 43); }
void InstallOwnHandler() {
  struct sigaction action {};
  action.sa_sigaction = OwnHandler;
  action.sa_flags = SA_SIGINFO;
  REQUIRE(sigaction(SIGSEGV, &action, nullptr) == 0);
}

void SignalAndTouch(char* at) {
  // A fault keeps errno.
  errno = 77;
  Touch(at);
  REQUIRE(errno == 77);
}

// What `child` exits with, or the signal that kills it and 128.
template <typename Function>
int InChild(Function child) {
  const pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) _exit(child());
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// The child shares the memory that is there, can change nothing else, and may have a kernel of its own.
int ForkAndLook() {
  char* const p = MapPages(kPage);
  Touch(p);
  // A page that a snapshot shares: the first write copies it.
  zx_handle_t vmo = ZX_HANDLE_INVALID, snapshot = ZX_HANDLE_INVALID;
  REQUIRE(zx_vmo_create(kPage, 0, &vmo) == ZX_OK &&
          zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 0, kPage, nullptr, 0) == ZX_OK);
  REQUIRE(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SNAPSHOT, 0, kPage, &snapshot) == ZX_OK);
  zx_vaddr_t shared = 0;
  REQUIRE(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, kPage, &shared) == ZX_OK);
  const int refused = InChild([&] {
    uint64_t size = 0;
    const char byte = 1;
    if (zx_vmo_get_size(vmo, &size) != ZX_ERR_BAD_STATE || zx_vmo_write(vmo, &byte, 0, 1) != ZX_ERR_BAD_STATE) return 1;
    if (zx_handle_close(vmo) != ZX_ERR_BAD_STATE) return 2;
    if (*p != 1) return 3;
    zx_clock_get_monotonic();
    zx_process_exit(11);
  });
  REQUIRE(refused == 11);
  REQUIRE(InChild([&] {
            Touch(reinterpret_cast<char*>(shared));
            return 0;
          }) == 128 + SIGSEGV);
  REQUIRE(InChild([&] {
            zirconia::testing::Kernel kernel;
            zx_handle_t own = ZX_HANDLE_INVALID;
            if (zx_vmo_create(kPage, 0, &own) != ZX_OK) return 1;
            zx_vaddr_t address = 0;
            if (zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, own, 0, kPage, &address) !=
                ZX_OK) {
              return 2;
            }
            Touch(reinterpret_cast<char*>(address));
            return kernel.pages_used() == 1 ? 12 : 3;
          }) == 12);
  // The parent's is as it was.
  Touch(reinterpret_cast<char*>(shared));
  char byte = 0;
  REQUIRE(zx_vmo_read(vmo, &byte, 0, 1) == ZX_OK && byte == 1 && *p == 1);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const char* const way = argc > 1 ? argv[1] : "";
  const auto is = [&](const char* name) { return strcmp(way, name) == 0; };
  if (is("works")) {
    char* const p = MapPages(kPage);
    SignalAndTouch(p);
    return 0;
  }
  if (is("null")) {
    Touch(MapPages(kPage));
    Touch(nullptr);
  }
  if (is("beyond")) Touch(MapPages(2 * kPage) + kPage);
  if (is("unmapped")) {
    char* const p = MapPages(kPage);
    REQUIRE(zx_vmar_unmap(zx_vmar_root_self(), reinterpret_cast<zx_vaddr_t>(p), kPage) == ZX_OK);
    Touch(p);
  }
  if (is("own-handler")) {
    InstallOwnHandler();
    g_expected = MapPages(2 * kPage) + kPage + 5;
    Touch(g_expected - kPage);  // answered
    Touch(g_expected);
  }
  if (is("later-handler")) {
    Touch(MapPages(kPage));
    InstallOwnHandler();
    char* const p = MapPages(kPage);  // puts the library's back in front
    Touch(p);
    g_expected = reinterpret_cast<char*>(16);
    Touch(g_expected);
  }
  if (is("ignored")) {
    signal(SIGSEGV, SIG_IGN);
    Touch(MapPages(2 * kPage) + kPage);
  }
  if (is("abort")) {
    (void)MapPages(kPage);
    abort();
  }
  if (is("raise")) {
    Touch(MapPages(kPage));
    raise(SIGSEGV);
  }
  if (is("stack-overflow")) {
    (void)MapPages(kPage);
    // An array that reaches beyond any stack, from its top down.
    const size_t size = size_t{1} << 30;
    auto* const top = static_cast<volatile char*>(__builtin_frame_address(0));
    for (size_t i = 4096; i < size; i += 4096) top[-static_cast<ptrdiff_t>(i)] = 1;
  }
  if (is("exit")) zx_process_exit(7);
  if (is("exit-elsewhere")) {
    std::thread other([] { zx_process_exit(8); });
    other.join();
  }
  if (is("kill")) {
    zx_task_kill(zx_process_self());
    return 0;
  }
  if (is("kill-elsewhere")) {
    std::thread other([] { zx_task_kill(zx_process_self()); });
    other.join();
    return 0;
  }
  if (is("return")) {
    Touch(MapPages(kPage));
    return 5;
  }
  if (is("thread-exit")) {
    std::thread other([] {
      (void)zx_thread_self();
      zx_thread_exit();
    });
    other.join();
    return 0;
  }
  if (is("main-thread-exit")) {
    std::thread([] {
      usleep(50000);
      _exit(6);
    }).detach();
    zx_thread_exit();
  }
  if (is("bad-draw")) zx_cprng_draw(reinterpret_cast<void*>(8), 8);
  if (is("touch-only-thread")) {
    char* const p = MapPages(kPage);
    std::thread other([p] { SignalAndTouch(p); });
    other.join();
    return 0;
  }
  if (is("alternate-stack")) {
    // A thread whose handlers run on an alternate stack of the usual size.
#ifdef __SANITIZE_ADDRESS__
    static char stack[131072];  // its frames are several times as large
#else
    static char stack[16384];
#endif
    stack_t alternate{};
    alternate.ss_sp = stack;
    alternate.ss_size = sizeof(stack);
    REQUIRE(sigaltstack(&alternate, nullptr) == 0);
    SignalAndTouch(MapPages(kPage));
    return 0;
  }
  if (is("at-exit")) {
    atexit([] {
      zx_handle_t event = ZX_HANDLE_INVALID;
      if (zx_event_create(0, &event) != ZX_OK) _exit(99);
    });
    Touch(MapPages(kPage));
    return 0;
  }
  if (is("fork")) return ForkAndLook();
  if (is("stdio")) {
    // The fault happens while stdio holds its lock.
    char* const p = MapPages(kPage);
    FILE* const file = fopen("/dev/null", "w");
    REQUIRE(file != nullptr && setvbuf(file, p, _IOFBF, kPage) == 0);
    REQUIRE(fputs("x", file) >= 0 && fflush(file) == 0);
    return 0;
  }
  fprintf(stderr, "unknown: %s\n", way);
  return 98;
}
