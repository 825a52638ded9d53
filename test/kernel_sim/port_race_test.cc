// Ports under many threads: waits begin, fire, are cancelled, and lose their handles and ports, all at once.
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "kernel_sim/port.h"
#include "test/kernel_sim/syscall_fixture.h"

namespace zirconia::kernel {
namespace {

// A thread of the program, for a thread of the test.
struct Actor {
  Actor(Kernel& of, Program& program) : kernel(of), process(program.process), memory(program.memory) {
    REQUIRE(process->CreateThread("actor", &thread) == ZX_OK);
  }
  Caller caller() { return {kernel, *process, *thread, memory}; }
  template <typename T>
  static UserPtr<T> Pointer(T* to) {
    return UserPtr<T>(reinterpret_cast<uint64_t>(to));
  }

  Kernel& kernel;
  std::shared_ptr<ProcessDispatcher> process;
  UserMemory& memory;
  std::shared_ptr<ThreadDispatcher> thread;
};

TEST_CASE_METHOD(SyscallTest, "each asynchronous wait ends once: by a packet, or by its cancellation", "[port]") {
  constexpr int kRounds = 2000;
  const zx_handle_t port = program.MakePort();
  const zx_handle_t event = program.MakeEvent();
  Actor waiter(*kernel, program);
  Actor signaller(*kernel, program);
  Actor taker(*kernel, program);
  std::atomic<bool> stop{false};
  std::atomic<int> packets{0};

  std::thread signals([&] {
    while (!stop) {
      sys::object_signal(signaller.caller(), event, 0, ZX_EVENT_SIGNALED);
      sys::object_signal(signaller.caller(), event, ZX_EVENT_SIGNALED, 0);
    }
  });
  std::thread takes([&] {
    zx_port_packet_t packet{};
    for (;;) {
      const zx_status_t s = sys::port_wait(taker.caller(), port, ZX_TIME_INFINITE, Actor::Pointer(&packet));
      if (s != ZX_OK || packet.type == ZX_PKT_TYPE_USER) return;
      ++packets;
    }
  });
  int cancelled = 0;
  for (int i = 0; i < kRounds; ++i) {
    const auto key = static_cast<uint64_t>(i);
    const zx_status_t begun = sys::object_wait_async(waiter.caller(), event, port, key, ZX_EVENT_SIGNALED,
                                                     i % 2 == 0 ? 0 : ZX_WAIT_ASYNC_EDGE);
    REQUIRE(begun == ZX_OK);
    cancelled += sys::port_cancel(waiter.caller(), port, event, key) == ZX_OK;
  }
  stop = true;
  signals.join();
  const zx_port_packet_t end{};
  REQUIRE(sys::port_queue(waiter.caller(), port, UserPtr<const zx_port_packet_t>(reinterpret_cast<uint64_t>(&end))) ==
          ZX_OK);
  takes.join();
  CHECK(cancelled + packets.load() == kRounds);
}

TEST_CASE_METHOD(SyscallTest, "handles and ports that go while waits begin and fire", "[port]") {
  constexpr int kThreads = 4;
  constexpr int kRounds = 300;
  const zx_handle_t event = program.MakeEvent();
  std::atomic<bool> stop{false};
  Actor signaller(*kernel, program);
  std::thread signals([&] {
    while (!stop) {
      sys::object_signal(signaller.caller(), event, 0, ZX_EVENT_SIGNALED);
      sys::object_signal(signaller.caller(), event, ZX_EVENT_SIGNALED, 0);
    }
  });
  std::atomic<zx_handle_t> shared_port{program.MakePort()};
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<Actor>> actors;
  threads.reserve(kThreads);
  actors.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) actors.push_back(std::make_unique<Actor>(*kernel, program));
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Actor& self = *actors[static_cast<size_t>(t)];
      for (int i = 0; i < kRounds; ++i) {
        zx_handle_t mine = ZX_HANDLE_INVALID;
        sys::handle_duplicate(self.caller(), event, ZX_RIGHT_SAME_RIGHTS, Actor::Pointer(&mine));
        for (uint64_t key = 0; key < 4; ++key) {
          sys::object_wait_async(self.caller(), mine, shared_port, key, ZX_EVENT_SIGNALED, 0);
          sys::object_wait_async(self.caller(), event, shared_port, key, ZX_USER_SIGNAL_5, 0);
        }
        zx_port_packet_t packet{};
        sys::port_wait(self.caller(), shared_port, 0, Actor::Pointer(&packet));
        if (t == 0) {
          zx_handle_t fresh = ZX_HANDLE_INVALID;
          sys::port_create(self.caller(), 0, Actor::Pointer(&fresh));
          sys::handle_close(self.caller(), shared_port.exchange(fresh));
        }
        sys::handle_close(self.caller(), mine);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  stop = true;
  signals.join();
  std::shared_ptr<Dispatcher> object;
  zx_rights_t rights = 0;
  REQUIRE(program.process->handles().Get(event, &object, &rights) == ZX_OK);
  CHECK(object->handle_count() == 1);
}

}  // namespace
}  // namespace zirconia::kernel
