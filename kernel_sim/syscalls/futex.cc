// zx_futex_*.
#include "kernel_sim/futex.h"

#include <zircon/syscalls/object.h>

#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel::sys {
namespace {

using AfterWake = FutexTable::AfterWake;

zx_status_t CheckAddress(const Caller& caller, UserPtr<const zx_futex_t> value) {
  if (value.address() % sizeof(zx_futex_t) != 0) return ZX_ERR_INVALID_ARGS;
  return caller.process.IsUserAddress(value.address()) ? ZX_OK : ZX_ERR_INVALID_ARGS;
}

// A thread of the caller's process that was started. BAD_HANDLE, WRONG_TYPE, INVALID_ARGS.
FutexTable::Owner FindOwner(const Caller& caller, zx_handle_t handle) {
  FutexTable::Owner owner;
  if (handle == ZX_HANDLE_INVALID) return owner;
  owner.status = caller.handles().Get(handle, 0, &owner.thread);
  if (owner.status != ZX_OK) return owner;
  if (&owner.thread->process() != &caller.process || owner.thread->state() == ZX_THREAD_STATE_NEW) {
    owner.status = ZX_ERR_INVALID_ARGS;
  }
  return owner;
}

zx_status_t Requeue(const Caller& caller, const FutexTable::Requeue& requeue, zx_handle_t new_owner) {
  for (const uint64_t address : {requeue.from, requeue.to}) {
    if (const zx_status_t s = CheckAddress(caller, UserPtr<const zx_futex_t>(address)); s != ZX_OK) return s;
  }
  if (requeue.from == requeue.to) return ZX_ERR_INVALID_ARGS;
  return caller.kernel.futexes().WakeAndRequeue(caller.thread, requeue, FindOwner(caller, new_owner));
}

}  // namespace

zx_status_t futex_wait(const Caller& caller, UserPtr<const zx_futex_t> value, zx_futex_storage_t expected,
                       zx_handle_t new_owner, zx_time_t deadline) {
  if (const zx_status_t s = CheckAddress(caller, value); s != ZX_OK) return s;
  return caller.kernel.futexes().Wait(caller.thread, value.address(), expected, FindOwner(caller, new_owner), deadline);
}

zx_status_t futex_wake(const Caller& caller, UserPtr<const zx_futex_t> value, uint32_t count) {
  if (const zx_status_t s = CheckAddress(caller, value); s != ZX_OK) return s;
  caller.kernel.futexes().Wake(caller.process.koid(), value.address(), count, AfterWake::kNobody);
  return ZX_OK;
}

zx_status_t futex_wake_single_owner(const Caller& caller, UserPtr<const zx_futex_t> value) {
  if (const zx_status_t s = CheckAddress(caller, value); s != ZX_OK) return s;
  caller.kernel.futexes().Wake(caller.process.koid(), value.address(), 1, AfterWake::kWoken);
  return ZX_OK;
}

zx_status_t futex_requeue(const Caller& caller, UserPtr<const zx_futex_t> value, uint32_t wake_count,
                          zx_futex_storage_t expected, UserPtr<const zx_futex_t> requeue, uint32_t requeue_count,
                          zx_handle_t new_owner) {
  return Requeue(caller, {value.address(), expected, wake_count, AfterWake::kNobody, requeue.address(), requeue_count},
                 new_owner);
}

zx_status_t futex_requeue_single_owner(const Caller& caller, UserPtr<const zx_futex_t> value,
                                       zx_futex_storage_t expected, UserPtr<const zx_futex_t> requeue,
                                       uint32_t requeue_count, zx_handle_t new_owner) {
  return Requeue(caller, {value.address(), expected, 1, AfterWake::kWoken, requeue.address(), requeue_count},
                 new_owner);
}

zx_status_t futex_get_owner(const Caller& caller, UserPtr<const zx_futex_t> value, UserPtr<zx_koid_t> koid) {
  if (const zx_status_t s = CheckAddress(caller, value); s != ZX_OK) return s;
  const zx_koid_t owner = caller.kernel.futexes().OwnerOf(caller.process.koid(), value.address());
  return koid.Write(caller.memory, owner) == ZX_OK ? ZX_OK : ZX_ERR_INVALID_ARGS;
}

}  // namespace zirconia::kernel::sys
