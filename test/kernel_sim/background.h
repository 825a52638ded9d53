// Calls on threads of their own, beside a test that goes on.
#ifndef ZIRCONIA_TEST_KERNEL_SIM_BACKGROUND_H_
#define ZIRCONIA_TEST_KERNEL_SIM_BACKGROUND_H_

#include <zircon/syscalls.h>
#include <zircon/syscalls/object.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "test/kernel_sim/vmo_fixture.h"

namespace zirconia {

// Runs something on a thread of the test's process. It must not assert anything: Catch2 does that on one thread only.
class Actor {
 public:
  Actor(testing::Kernel& kernel, std::function<zx_status_t()> what)
      : kernel_(kernel), thread_([this, what = std::move(what)] {
          const testing::Kernel::Use use(kernel_);
          self_ = zx_thread_self();
          status_ = what();
          done_ = true;
          while (!may_end_) std::this_thread::sleep_for(std::chrono::microseconds(100));
        }) {}
  ~Actor() { End(); }
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  // A handle to its thread, which closes with its end.
  zx_handle_t handle() const {
    while (self_ == ZX_HANDLE_INVALID) std::this_thread::yield();
    return self_;
  }
  zx_koid_t koid() const { return VmoTest::KoidOf(handle()); }
  // Waits until its thread waits in the kernel for this (ZX_THREAD_STATE_BLOCKED_*).
  Actor& Await(uint32_t state) {
    zx_info_thread_t info{};
    const zx_handle_t thread = handle();
    while (info.state != state && !done_) {
      REQUIRE(zx_object_get_info(thread, ZX_INFO_THREAD, &info, sizeof(info), nullptr, nullptr) == ZX_OK);
      std::this_thread::yield();
    }
    REQUIRE_FALSE(done_);
    return *this;
  }
  bool done() const { return done_; }
  // What it ran has returned this.
  zx_status_t Get() {
    while (!done_) std::this_thread::sleep_for(std::chrono::microseconds(100));
    return status_;
  }
  // Lets the thread end, once it has returned.
  void End() {
    may_end_ = true;
    if (!thread_.joinable()) return;
    thread_.join();
  }

 private:
  testing::Kernel& kernel_;
  std::atomic<zx_handle_t> self_{ZX_HANDLE_INVALID};
  std::atomic<bool> done_{false};
  std::atomic<bool> may_end_{false};
  zx_status_t status_ = ZX_OK;
  std::thread thread_;
};

}  // namespace zirconia

#endif  // ZIRCONIA_TEST_KERNEL_SIM_BACKGROUND_H_
