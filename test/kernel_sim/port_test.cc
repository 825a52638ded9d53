// Ports: zx_port_*, zx_object_wait_async.
#include "kernel_sim/port.h"

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "test/kernel_sim/syscall_fixture.h"

namespace zirconia::kernel {
namespace {

struct PortTest : SyscallTest {
  zx_handle_t port = program.MakePort();
  zx_handle_t event = program.MakeEvent();

  zx_status_t Wait(zx_port_packet_t* packet, zx_time_t deadline = 0) {
    return program(sys::port_wait, port, deadline, packet);
  }
  zx_status_t WaitAsync(zx_handle_t handle, uint64_t key, zx_signals_t signals, uint32_t options = 0) {
    return program(sys::object_wait_async, handle, port, key, signals, options);
  }
  void Signal(zx_handle_t handle, zx_signals_t clear, zx_signals_t set) {
    REQUIRE(program(sys::object_signal, handle, clear, set) == ZX_OK);
  }
  bool Empty() {
    zx_port_packet_t packet;
    return Wait(&packet) == ZX_ERR_TIMED_OUT;
  }
};

zx_port_packet_t UserPacket(uint64_t key, uint64_t word) {
  zx_port_packet_t packet{};
  packet.key = key;
  packet.status = -77;
  packet.user.u64[0] = word;
  packet.user.u64[3] = ~word;
  return packet;
}

TEST_CASE_METHOD(PortTest, "a port's handle has the documented rights", "[port]") {
  CHECK(program.Basic(port).type == ZX_OBJ_TYPE_PORT);
  CHECK(program.RightsOf(port) == ZX_DEFAULT_PORT_RIGHTS);
  CHECK(program.Basic(port).related_koid == 0);
}

TEST_CASE_METHOD(PortTest, "zx_port_create: options", "[port]") {
  zx_handle_t out = 0;
  CHECK(program(sys::port_create, ZX_PORT_BIND_TO_INTERRUPT, &out) == ZX_OK);
  CHECK(program(sys::port_create, 2u, &out) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::port_create, 0u, BadPointer<zx_handle_t>()) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(PortTest, "packets of programs come out as they went in, in order", "[port]") {
  for (uint64_t i = 0; i < 3; ++i) {
    auto packet = UserPacket(i, i * 1000);
    packet.type = ZX_PKT_TYPE_INTERRUPT;  // whatever it says, it is a program's
    REQUIRE(program(sys::port_queue, port, &packet) == ZX_OK);
  }
  for (uint64_t i = 0; i < 3; ++i) {
    zx_port_packet_t packet{};
    REQUIRE(Wait(&packet) == ZX_OK);
    CHECK(packet.key == i);
    CHECK(packet.type == ZX_PKT_TYPE_USER);
    CHECK(packet.status == -77);
    CHECK(packet.user.u64[0] == i * 1000);
    CHECK(packet.user.u64[3] == ~(i * 1000));
  }
  CHECK(Empty());
}

TEST_CASE_METHOD(PortTest, "zx_port_queue: errors", "[port]") {
  auto packet = UserPacket(1, 2);
  CHECK(program(sys::port_queue, zx_handle_t{3}, &packet) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::port_queue, event, &packet) == ZX_ERR_WRONG_TYPE);
  CHECK(program(sys::port_queue, program.Without(port, ZX_RIGHT_WRITE), &packet) == ZX_ERR_ACCESS_DENIED);
  CHECK(program(sys::port_queue, port, BadPointer<zx_port_packet_t>()) == ZX_ERR_INVALID_ARGS);
  CHECK(Empty());
}

TEST_CASE_METHOD(PortTest, "zx_port_wait: errors", "[port]") {
  zx_port_packet_t packet{};
  CHECK(program(sys::port_wait, zx_handle_t{3}, 0, &packet) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::port_wait, event, 0, &packet) == ZX_ERR_WRONG_TYPE);
  CHECK(program(sys::port_wait, program.Without(port, ZX_RIGHT_READ), 0, &packet) == ZX_ERR_ACCESS_DENIED);
  CHECK(Wait(&packet, kernel->Now() + 1000) == ZX_ERR_TIMED_OUT);
}

TEST_CASE_METHOD(PortTest, "a packet that had nowhere to go isn't lost", "[port]") {
  for (uint64_t i = 0; i < 2; ++i) {
    auto packet = UserPacket(i, 0);
    REQUIRE(program(sys::port_queue, port, &packet) == ZX_OK);
  }
  CHECK(Wait(BadPointer<zx_port_packet_t>()) == ZX_ERR_INVALID_ARGS);
  zx_port_packet_t packet{};
  REQUIRE(Wait(&packet) == ZX_OK);
  CHECK(packet.key == 0);
}

TEST_CASE_METHOD(PortTest, "a port takes so many packets of programs, and more once some are taken", "[port]") {
  auto packet = UserPacket(1, 2);
  for (size_t i = 0; i < PortDispatcher::kMaxUserPackets; ++i) {
    const zx_status_t s = program(sys::port_queue, port, &packet);
    REQUIRE(s == ZX_OK);
  }
  CHECK(program(sys::port_queue, port, &packet) == ZX_ERR_SHOULD_WAIT);
  REQUIRE(Wait(&packet) == ZX_OK);
  CHECK(program(sys::port_queue, port, &packet) == ZX_OK);
}

TEST_CASE_METHOD(PortTest, "a signal that comes queues one packet and ends the wait", "[port]") {
  REQUIRE(WaitAsync(event, 42, ZX_EVENT_SIGNALED | ZX_USER_SIGNAL_1) == ZX_OK);
  CHECK(Empty());
  Signal(event, 0, ZX_USER_SIGNAL_0);  // not one that was asked for
  CHECK(Empty());
  Signal(event, 0, ZX_USER_SIGNAL_1);
  Signal(event, ZX_USER_SIGNAL_1, 0);
  Signal(event, 0, ZX_USER_SIGNAL_1);
  zx_port_packet_t packet{};
  REQUIRE(Wait(&packet) == ZX_OK);
  CHECK(packet.key == 42);
  CHECK(packet.type == ZX_PKT_TYPE_SIGNAL_ONE);
  CHECK(packet.status == ZX_OK);
  CHECK(packet.signal.trigger == (ZX_EVENT_SIGNALED | ZX_USER_SIGNAL_1));
  CHECK(packet.signal.observed == (ZX_USER_SIGNAL_0 | ZX_USER_SIGNAL_1));  // all that are asserted
  CHECK(packet.signal.count == 1);
  CHECK(packet.signal.timestamp == 0);
  CHECK(Empty());
}

TEST_CASE_METHOD(PortTest, "a signal that is asserted already counts, unless edges were asked for", "[port]") {
  Signal(event, 0, ZX_EVENT_SIGNALED);
  REQUIRE(WaitAsync(event, 1, ZX_EVENT_SIGNALED) == ZX_OK);
  zx_port_packet_t packet{};
  REQUIRE(Wait(&packet) == ZX_OK);

  REQUIRE(WaitAsync(event, 2, ZX_EVENT_SIGNALED, ZX_WAIT_ASYNC_EDGE) == ZX_OK);
  CHECK(Empty());
  Signal(event, 0, ZX_USER_SIGNAL_3);  // another one: the wanted one doesn't become active by it
  CHECK(Empty());
  Signal(event, ZX_EVENT_SIGNALED, 0);
  CHECK(Empty());
  Signal(event, 0, ZX_EVENT_SIGNALED);
  REQUIRE(Wait(&packet) == ZX_OK);
  CHECK(packet.key == 2);
}

TEST_CASE_METHOD(PortTest, "a timestamp says when the signal came", "[port]") {
  REQUIRE(WaitAsync(event, 1, ZX_EVENT_SIGNALED, ZX_WAIT_ASYNC_TIMESTAMP) == ZX_OK);
  const zx_time_t before = kernel->Now();
  Signal(event, 0, ZX_EVENT_SIGNALED);
  const zx_time_t after = kernel->Now();
  zx_port_packet_t packet{};
  REQUIRE(Wait(&packet) == ZX_OK);
  CHECK(packet.signal.timestamp >= before);
  CHECK(packet.signal.timestamp <= after);
}

TEST_CASE_METHOD(PortTest, "zx_object_wait_async: errors in their order", "[port]") {
  CHECK(program(sys::object_wait_async, zx_handle_t{3}, zx_handle_t{3}, 0, 1u, 4u) == ZX_ERR_INVALID_ARGS);
  CHECK(program(sys::object_wait_async, zx_handle_t{3}, port, 0, 1u, 0u) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::object_wait_async, event, zx_handle_t{3}, 0, 1u, 0u) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::object_wait_async, event, event, 0, 1u, 0u) == ZX_ERR_WRONG_TYPE);
  const zx_handle_t read_only = program.Without(port, ZX_RIGHT_WRITE);
  CHECK(program(sys::object_wait_async, event, read_only, 0, 1u, 0u) == ZX_ERR_ACCESS_DENIED);
  CHECK(WaitAsync(program.Without(event, ZX_RIGHT_WAIT), 0, 1) == ZX_ERR_ACCESS_DENIED);
  CHECK(WaitAsync(program.vmar, 0, 1) == ZX_ERR_NOT_SUPPORTED);
  CHECK(WaitAsync(port, 0, 1) == ZX_ERR_NOT_SUPPORTED);
}

TEST_CASE_METHOD(PortTest, "zx_port_cancel ends waits and takes queued packets back", "[port]") {
  REQUIRE(WaitAsync(event, 7, ZX_EVENT_SIGNALED) == ZX_OK);
  CHECK(program(sys::port_cancel, port, event, 8) == ZX_ERR_NOT_FOUND);  // another key
  CHECK(program(sys::port_cancel, port, event, 7) == ZX_OK);
  Signal(event, 0, ZX_EVENT_SIGNALED);
  CHECK(Empty());
  CHECK(program(sys::port_cancel, port, event, 7) == ZX_ERR_NOT_FOUND);

  REQUIRE(WaitAsync(event, 7, ZX_EVENT_SIGNALED) == ZX_OK);  // fires at once
  REQUIRE(WaitAsync(event, 9, ZX_EVENT_SIGNALED) == ZX_OK);
  CHECK(program(sys::port_cancel, port, event, 7) == ZX_OK);
  zx_port_packet_t packet{};
  REQUIRE(Wait(&packet) == ZX_OK);
  CHECK(packet.key == 9);
  CHECK(Empty());
}

TEST_CASE_METHOD(PortTest, "zx_port_cancel leaves packets of programs and waits by other handles alone", "[port]") {
  const zx_handle_t other = program.Without(event, 0);
  REQUIRE(WaitAsync(other, 7, ZX_EVENT_SIGNALED) == ZX_OK);
  auto user = UserPacket(7, 0);
  REQUIRE(program(sys::port_queue, port, &user) == ZX_OK);
  CHECK(program(sys::port_cancel, port, event, 7) == ZX_ERR_NOT_FOUND);
  zx_port_packet_t packet{};
  REQUIRE(Wait(&packet) == ZX_OK);
  CHECK(packet.type == ZX_PKT_TYPE_USER);
  CHECK(program(sys::port_cancel, port, other, 7) == ZX_OK);
}

TEST_CASE_METHOD(PortTest, "zx_port_cancel: errors", "[port]") {
  CHECK(program(sys::port_cancel, zx_handle_t{3}, event, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::port_cancel, port, zx_handle_t{3}, 0) == ZX_ERR_BAD_HANDLE);
  CHECK(program(sys::port_cancel, event, event, 0) == ZX_ERR_WRONG_TYPE);
  CHECK(program(sys::port_cancel, program.Without(port, ZX_RIGHT_WRITE), event, 0) == ZX_ERR_ACCESS_DENIED);
  CHECK(program(sys::port_cancel, port, program.Without(event, ZX_RIGHT_WAIT), 0) == ZX_ERR_ACCESS_DENIED);
  CHECK(program(sys::port_cancel, port, program.vmar, 0) == ZX_ERR_NOT_SUPPORTED);
}

TEST_CASE_METHOD(PortTest, "closing the handle that is waited on ends the wait; queued packets stay", "[port]") {
  const zx_handle_t second = program.Without(event, 0);
  REQUIRE(WaitAsync(event, 1, ZX_EVENT_SIGNALED) == ZX_OK);
  REQUIRE(WaitAsync(event, 2, ZX_USER_SIGNAL_0) == ZX_OK);
  Signal(second, 0, ZX_USER_SIGNAL_0);
  program.Close(event);
  Signal(second, 0, ZX_EVENT_SIGNALED);
  zx_port_packet_t packet{};
  REQUIRE(Wait(&packet) == ZX_OK);
  CHECK(packet.key == 2);
  CHECK(Empty());
}

TEST_CASE_METHOD(PortTest, "closing the port ends its waits", "[port]") {
  std::shared_ptr<PortDispatcher> object;
  REQUIRE(program.process->handles().Get(port, 0, &object) == ZX_OK);
  REQUIRE(WaitAsync(event, 1, ZX_EVENT_SIGNALED) == ZX_OK);
  program.Close(port);
  Signal(event, 0, ZX_EVENT_SIGNALED);  // nobody hears of it
  CHECK_FALSE(object->QueueKernel(UserPacket(1, 1), {}));
  std::weak_ptr<PortDispatcher> weak = object;
  object.reset();
  CHECK(weak.expired());
}

TEST_CASE_METHOD(PortTest, "one packet releases one of the threads that wait, the longest waiting first", "[port]") {
  constexpr size_t kThreads = 3;
  std::array<std::shared_ptr<ThreadDispatcher>, kThreads> guests;
  std::array<zx_port_packet_t, kThreads> got{};
  std::vector<std::thread> threads;
  std::atomic<size_t> released{0};
  for (size_t i = 0; i < kThreads; ++i) {
    REQUIRE(program.process->CreateThread("waiter", &guests[i]) == ZX_OK);
    threads.emplace_back([&, i] {
      const Caller caller{*kernel, *program.process, *guests[i], program.memory};
      const UserPtr<zx_port_packet_t> out(reinterpret_cast<uint64_t>(&got[i]));
      if (sys::port_wait(caller, port, ZX_TIME_INFINITE, out) == ZX_OK) ++released;
    });
    while (guests[i]->state() != ZX_THREAD_STATE_BLOCKED_PORT) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (uint64_t i = 0; i < kThreads; ++i) {
    auto packet = UserPacket(i + 1, 0);
    REQUIRE(program(sys::port_queue, port, &packet) == ZX_OK);
    while (released.load() != i + 1) std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  for (size_t i = 0; i < kThreads; ++i) CHECK(got[i].key == i + 1);
}

TEST_CASE_METHOD(PortTest, "a port that hears of a thread's start serves that thread afterwards", "[port]") {
  // The order of locks: signals of a thread, the port, the wait of a thread.
  const zx_handle_t self = program.Give(program.thread, program.thread->default_rights());
  REQUIRE(WaitAsync(self, 5, ZX_USER_SIGNAL_0) == ZX_OK);
  std::thread other([&] {
    while (program.thread->state() != ZX_THREAD_STATE_BLOCKED_PORT) std::this_thread::yield();
    program.thread->UpdateSignals(0, ZX_USER_SIGNAL_0);
  });
  zx_port_packet_t packet{};
  CHECK(Wait(&packet, ZX_TIME_INFINITE) == ZX_OK);
  CHECK(packet.key == 5);
  other.join();
}

TEST_CASE_METHOD(PortTest, "there is an end to the waits that a port takes, and room again when they end", "[port]") {
  for (size_t i = 0; i < PortDispatcher::kMaxWaits; ++i) {
    const zx_status_t s = WaitAsync(event, 1, ZX_EVENT_SIGNALED);
    REQUIRE(s == ZX_OK);
  }
  CHECK(WaitAsync(event, 1, ZX_EVENT_SIGNALED) == ZX_ERR_NO_MEMORY);
  Signal(event, 0, ZX_EVENT_SIGNALED);
  CHECK(WaitAsync(event, 1, ZX_EVENT_SIGNALED) == ZX_ERR_NO_MEMORY);  // the packets take the room
  CHECK(program(sys::port_cancel, port, event, 1) == ZX_OK);
  CHECK(WaitAsync(event, 2, ZX_EVENT_SIGNALED) == ZX_OK);
}

}  // namespace
}  // namespace zirconia::kernel
