// Handles, what objects tell of themselves, signals, ports, and processes.
#include <zircon/process.h>
#include <zircon/syscalls/object.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "test/fuzz/program.h"

namespace zirconia::fuzz {
namespace {

void Close(Program& p) {
  const zx_handle_t handle = p.PickAny();
  if (ZX_CALL(handle == ZX_HANDLE_INVALID ? kPlain : kClosesOne, handle_close, handle) == ZX_OK) p.Forget(handle);
}

void CloseMany(Program& p) {
  std::array<zx_handle_t, 4> handles{};
  const size_t count = p.input().Below(handles.size() + 1);
  for (size_t i = 0; i < count; ++i) handles[i] = p.PickAny();
  ZX_CALL(kConsumes, handle_close_many, handles.data(), count);
  for (size_t i = 0; i < count; ++i) p.Forget(handles[i]);
}

void Duplicate(Program& p) {
  const zx_handle_t handle = p.PickAny();
  const zx_rights_t rights = p.Rights();
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, handle_duplicate, handle, rights, out.pointer()), out);
}

void Replace(Program& p) {
  const zx_handle_t handle = p.PickAny();
  const zx_rights_t rights = p.Rights();
  Program::Out<zx_handle_t> out(p);
  const zx_status_t status = ZX_CALL(kConsumes, handle_replace, handle, rights, out.pointer());
  if (status != ZX_ERR_BAD_HANDLE) p.Forget(handle);
  p.Made(status, out);
}

void EventCreate(Program& p) {
  const uint32_t options = p.input().Byte() == 0xff ? 1 : 0;
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, event_create, options, out.pointer()), out);
}

void EventpairCreate(Program& p) {
  Program::Out<zx_handle_t> out0(p);
  Program::Out<zx_handle_t> out1(p);
  const zx_status_t status = ZX_CALL(kMakesTwo, eventpair_create, 0, out0.pointer(), out1.pointer());
  p.Made(status, out0);
  p.Made(status, out1);
}

constexpr uint32_t kSignals = ZX_USER_SIGNAL_0 | ZX_USER_SIGNAL_1 | ZX_EVENT_SIGNALED | ZX_EVENTPAIR_PEER_CLOSED;

void Signal(Program& p) {
  const zx_handle_t handle = p.PickAny();
  const uint32_t clear = p.Bits(ZX_USER_SIGNAL_ALL), set = p.Bits(ZX_USER_SIGNAL_ALL);
  p.input().Flag() ? ZX_CALL(kPlain, object_signal_peer, handle, clear, set)
                   : ZX_CALL(kPlain, object_signal, handle, clear, set);
}

// A moment, in virtual time: whoever waits longer than everybody else waits for nothing.
zx_time_t Deadline(Program& p) {
  const uint8_t choice = p.input().Byte();
  return choice < 0x80 ? 0 : p.kernel().Now() + choice;
}

void WaitOne(Program& p) {
  const zx_handle_t handle = p.PickAny();
  const zx_signals_t signals = p.Bits(kSignals);
  const zx_time_t deadline = Deadline(p);
  Program::Out<zx_signals_t> out(p);
  // Who isn't satisfied is told what there is.
  ZX_CALL(kCopies, object_wait_one, handle, signals, deadline, out.pointer());
}

void WaitMany(Program& p) {
  std::array<zx_wait_item_t, 4> items{};
  const size_t count = p.input().Below(items.size() + 1);
  for (size_t i = 0; i < count; ++i) items[i] = {p.PickAny(), p.Bits(kSignals), 0};
  const zx_time_t deadline = Deadline(p);
  ZX_CALL(kCopies, object_wait_many, items.data(), count, deadline);
}

void WaitAsync(Program& p) {
  const zx_handle_t handle = p.PickAny();
  const zx_handle_t port = p.Pick(ZX_OBJ_TYPE_PORT);
  const uint64_t key = p.input().Below(4);
  const zx_signals_t signals = p.Bits(kSignals);
  const uint32_t options = p.Bits(ZX_WAIT_ASYNC_TIMESTAMP | ZX_WAIT_ASYNC_EDGE);
  ZX_CALL(kPlain, object_wait_async, handle, port, key, signals, options);
}

void PortCreate(Program& p) {
  const uint32_t options = p.Bits(ZX_PORT_BIND_TO_INTERRUPT);
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, port_create, options, out.pointer()), out);
}

void PortQueue(Program& p) {
  const zx_handle_t port = p.Pick(ZX_OBJ_TYPE_PORT);
  zx_port_packet_t packet{};
  packet.key = p.input().Below(4);
  packet.type = p.input().Byte();
  ZX_CALL(kPlain, port_queue, port, &packet);
}

void PortWait(Program& p) {
  const zx_handle_t port = p.Pick(ZX_OBJ_TYPE_PORT);
  const zx_time_t deadline = Deadline(p);
  Program::Out<zx_port_packet_t> out(p);
  ZX_CALL(kPlain, port_wait, port, deadline, out.pointer());
}

void PortCancel(Program& p) {
  const zx_handle_t port = p.Pick(ZX_OBJ_TYPE_PORT);
  const zx_handle_t source = p.PickAny();
  const uint64_t key = p.input().Below(4);
  ZX_CALL(kPlain, port_cancel, port, source, key);
}

// A handle that leads to the process itself is not among those that are picked, so that it can't be killed.
zx_handle_t PickProcess(Program& p) { return p.input().Flag() ? zx_process_self() : p.Pick(ZX_OBJ_TYPE_PROCESS); }

void GetInfo(Program& p) {
  const uint8_t choice = p.input().Byte();
  const zx_handle_t handle = choice < 0x40 ? PickProcess(p) : p.PickAny();
  const uint32_t number = p.input().Byte();
  // A topic's version is in its upper bits.
  const uint32_t topic =
      number < 0xf0 ? number % 40 | (number / 40 % 3) << 28 : static_cast<uint32_t>(p.input().Word(4));
  const size_t size = p.input().Flag() ? Program::kOwnBytes : p.ShortSize();
  void* const buffer = p.Buffer(size);
  Program::Out<size_t> actual(p);
  Program::Out<size_t> avail(p);
  ZX_CALL(kPlain, object_get_info, handle, topic, buffer, size, actual.pointer(), avail.pointer());
}

uint32_t Property(Program& p) {
  constexpr std::array<uint32_t, 10> kProperties = {ZX_PROP_NAME,
                                                    ZX_PROP_VMO_CONTENT_SIZE,
                                                    ZX_PROP_VMO_CONTENT_SIZE,
                                                    ZX_PROP_REGISTER_GS,
                                                    ZX_PROP_PROCESS_DEBUG_ADDR,
                                                    ZX_PROP_PROCESS_VDSO_BASE_ADDRESS,
                                                    ZX_PROP_REGISTER_FS,
                                                    ZX_PROP_PROCESS_BREAK_ON_LOAD,
                                                    ZX_PROP_JOB_KILL_ON_OOM,
                                                    1234};
  return kProperties[p.input().Below(kProperties.size())];
}

void GetProperty(Program& p) {
  const zx_handle_t handle = p.PickAny();
  const uint32_t property = Property(p);
  const size_t size = p.input().Below(64);
  void* const buffer = p.Buffer(size);
  ZX_CALL(kPlain, object_get_property, handle, property, buffer, size);
}

void SetProperty(Program& p) {
  const zx_handle_t handle = p.PickAny();
  const uint32_t property = Property(p);
  const uint64_t value = p.Size();
  const size_t size = p.input().Byte() < 0xe0 ? sizeof(value) : p.input().Below(64);
  void* const buffer = p.Buffer(size);
  if (buffer == p.OwnBuffer(size)) std::memcpy(buffer, &value, std::min(size, sizeof(value)));
  ZX_CALL(kPlain, object_set_property, handle, property, buffer, size);
}

void ProcessCreate(Program& p) {
  Program::Out<zx_handle_t> process(p);
  Program::Out<zx_handle_t> vmar(p);
  const zx_status_t status =
      ZX_CALL(kMakesTwo, process_create, zx_job_default(), "created", 7, 0, process.pointer(), vmar.pointer());
  p.Made(status, process);
  p.Made(status, vmar);
}

void ProcessReadMemory(Program& p) {
  const zx_handle_t process = PickProcess(p);
  const uint64_t address = p.Address();
  const size_t size = p.ShortSize();
  void* const buffer = p.Buffer(size);
  Program::Out<size_t> actual(p);
  ZX_CALL(kPlain, process_read_memory, process, address, buffer, size, actual.pointer());
}

void ProcessWriteMemory(Program& p) {
  const zx_handle_t process = PickProcess(p);
  const uint64_t address = p.Address();
  const size_t size = p.ShortSize();
  void* const buffer = p.Buffer(size);
  Program::Out<size_t> actual(p);
  ZX_CALL(kCopies, process_write_memory, process, address, buffer, size, actual.pointer());
}

void TaskKill(Program& p) {
  const zx_handle_t handle = p.PickAny();
  ZX_CALL(kPlain, task_kill, handle);
}

constexpr std::array<Operation, 21> kOperations = {{{"handle_close", Close},
                                                    {"handle_close_many", CloseMany},
                                                    {"handle_duplicate", Duplicate},
                                                    {"handle_replace", Replace},
                                                    {"event_create", EventCreate},
                                                    {"eventpair_create", EventpairCreate},
                                                    {"object_signal", Signal},
                                                    {"object_wait_one", WaitOne},
                                                    {"object_wait_many", WaitMany},
                                                    {"object_wait_async", WaitAsync},
                                                    {"port_create", PortCreate},
                                                    {"port_queue", PortQueue},
                                                    {"port_wait", PortWait},
                                                    {"port_cancel", PortCancel},
                                                    {"object_get_info", GetInfo},
                                                    {"object_get_property", GetProperty},
                                                    {"object_set_property", SetProperty},
                                                    {"process_create", ProcessCreate},
                                                    {"process_read_memory", ProcessReadMemory},
                                                    {"process_write_memory", ProcessWriteMemory},
                                                    {"task_kill", TaskKill}}};

}  // namespace

std::span<const Operation> ObjectOperations() { return kOperations; }

}  // namespace zirconia::fuzz
