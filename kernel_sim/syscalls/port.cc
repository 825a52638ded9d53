// zx_port_*, zx_object_wait_async.
#include "kernel_sim/port.h"

#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel::sys {

zx_status_t port_create(const Caller& caller, uint32_t options, UserPtr<zx_handle_t> out) {
  // Nothing here is an interrupt; a port that may be bound to one is like any other.
  if (options != 0 && options != ZX_PORT_BIND_TO_INTERRUPT) return ZX_ERR_INVALID_ARGS;
  Kernel& kernel = caller.kernel;
  return caller.GiveHandle(std::make_shared<PortDispatcher>(kernel.koids(), [&kernel] { return kernel.Now(); }), out);
}

zx_status_t port_queue(const Caller& caller, zx_handle_t handle, UserPtr<const zx_port_packet_t> user_packet) {
  std::shared_ptr<PortDispatcher> port;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_WRITE, &port); s != ZX_OK) return s;
  zx_port_packet_t packet{};
  if (user_packet.Read(caller.memory, &packet) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  return port->QueueUser(packet);
}

zx_status_t port_wait(const Caller& caller, zx_handle_t handle, zx_time_t deadline, UserPtr<zx_port_packet_t> out) {
  std::shared_ptr<PortDispatcher> port;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_READ, &port); s != ZX_OK) return s;
  PortDispatcher::Packet packet;
  if (const zx_status_t s = port->Wait(caller.thread, deadline, &packet); s != ZX_OK) return s;
  if (out.Write(caller.memory, packet.packet) == ZX_OK) return ZX_OK;
  port->PutBack(packet);
  return ZX_ERR_INVALID_ARGS;
}

zx_status_t port_cancel(const Caller& caller, zx_handle_t handle, zx_handle_t source, uint64_t key) {
  std::shared_ptr<PortDispatcher> port;
  if (const zx_status_t s = caller.handles().Get(handle, ZX_RIGHT_WRITE, &port); s != ZX_OK) return s;
  std::shared_ptr<Dispatcher> object;
  zx_rights_t rights = 0;
  if (const zx_status_t s = caller.handles().Get(source, &object, &rights); s != ZX_OK) return s;
  if (!object->waitable()) return ZX_ERR_NOT_SUPPORTED;
  // The page would want WRITE, which events and timers never have; the kernel asks for what the wait needed.
  if ((rights & ZX_RIGHT_WAIT) == 0) return ZX_ERR_ACCESS_DENIED;
  return port->Cancel(*object, &caller.handles(), source, key);
}

zx_status_t object_wait_async(const Caller& caller, zx_handle_t handle, zx_handle_t port_handle, uint64_t key,
                              zx_signals_t signals, uint32_t options) {
  if ((options & ~(ZX_WAIT_ASYNC_TIMESTAMP | ZX_WAIT_ASYNC_EDGE)) != 0) return ZX_ERR_INVALID_ARGS;
  std::shared_ptr<PortDispatcher> port;
  if (const zx_status_t s = caller.handles().Get(port_handle, ZX_RIGHT_WRITE, &port); s != ZX_OK) return s;
  std::shared_ptr<Dispatcher> object;
  zx_rights_t rights = 0;
  if (const zx_status_t s = caller.handles().Get(handle, &object, &rights); s != ZX_OK) return s;
  if (!object->waitable()) return ZX_ERR_NOT_SUPPORTED;
  if ((rights & ZX_RIGHT_WAIT) == 0) return ZX_ERR_ACCESS_DENIED;
  HandleTable& table = caller.handles();
  if (const zx_status_t s = port->WaitAsync(object, &table, handle, key, signals, options); s != ZX_OK) return s;
  // Where the handle went between the look at it and here, nobody has cancelled.
  std::shared_ptr<Dispatcher> now;
  if (table.Get(handle, &now, &rights) != ZX_OK || now != object) object->CancelObservers(&table, handle);
  return ZX_OK;
}

}  // namespace zirconia::kernel::sys
