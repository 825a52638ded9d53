#include "test/platform/touch.h"

#include <csetjmp>
#include <csignal>

namespace zirconia::platform {
namespace {

sigjmp_buf touch_failed;

void OnTouchFailed(int) { siglongjmp(touch_failed, 1); }

__attribute__((no_sanitize("address", "undefined"))) void Touch(uintptr_t address, mm::Access access) {
  if (access == mm::Access::kExecute) {
    reinterpret_cast<void (*)()>(address)();
    return;
  }
  auto* const byte = reinterpret_cast<volatile char*>(address);
  if (access == mm::Access::kRead) {
    (void)*byte;
  } else {
    // In assembly, because a compiler may turn an atomic addition of nothing into a read.
    asm volatile("lock; orb $0, %0" : "+m"(*byte));
  }
}

}  // namespace

bool CanAccess(mm::VirtAddr address, mm::Access access) {
  struct sigaction action {};
  action.sa_handler = OnTouchFailed;
  struct sigaction old_segv {};
  struct sigaction old_bus {};
  sigaction(SIGSEGV, &action, &old_segv);
  sigaction(SIGBUS, &action, &old_bus);
  volatile bool can = false;
  if (sigsetjmp(touch_failed, 1) == 0) {
    Touch(address.value(), access);
    can = true;
  }
  sigaction(SIGSEGV, &old_segv, nullptr);
  sigaction(SIGBUS, &old_bus, nullptr);
  return can;
}

}  // namespace zirconia::platform
