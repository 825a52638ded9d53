// Ports: queues of packets, from programs and from the kernel.
#ifndef ZIRCONIA_KERNEL_SIM_PORT_H_
#define ZIRCONIA_KERNEL_SIM_PORT_H_

#include <zircon/syscalls/port.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "kernel_sim/dispatcher.h"

namespace zirconia::kernel {

class ThreadDispatcher;

// Packets come out in the order in which they came in, each to one of the threads that wait. The port owns the
// asynchronous waits that report to it, and ends them when its last handle goes.
//
// The port's lock is taken after an object's signal lock (whose signals it hears of) and a pager source's lock, and
// before a thread's wait lock; it is never held while an object is called.
class PortDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_PORT;
  // How many packets of programs may wait before zx_port_queue is refused with SHOULD_WAIT (Zircon raises an exception
  // in the caller), and how many asynchronous waits with their packets there may be before zx_object_wait_async is
  // NO_MEMORY.
  static constexpr size_t kMaxUserPackets = 2048;
  static constexpr size_t kMaxWaits = 64 * 1024;

  // `now`: monotonic time, for timestamps.
  PortDispatcher(KoidAllocator& koids, std::function<zx_time_t()> now) : Dispatcher(koids), now_(std::move(now)) {}
  ~PortDispatcher() override;

  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_PORT_RIGHTS; }

  // What made a packet of the kernel, so that it can be taken back: an asynchronous wait on a handle, or a pager's
  // source. Neither: a program.
  struct Origin {
    const void* table = nullptr;  // that the handle is in
    zx_koid_t source = ZX_KOID_INVALID;
    uint64_t id = 0;  // the handle, or what the source calls its request
    friend bool operator==(const Origin&, const Origin&) = default;
  };
  struct Packet {
    zx_port_packet_t packet{};
    Origin origin;
  };

  // zx_port_queue. SHOULD_WAIT: kMaxUserPackets.
  zx_status_t QueueUser(const zx_port_packet_t& packet) ABSL_LOCKS_EXCLUDED(mutex_);
  // A packet of the kernel; false: the port has no handles any more, and nobody will ever see it.
  bool QueueKernel(const zx_port_packet_t& packet, Origin origin) ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes back the packets of this origin and key that nobody has taken yet; returns how many.
  size_t TakeBack(Origin origin, uint64_t key) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same for whatever this source has queued.
  size_t TakeBackAll(zx_koid_t source) ABSL_LOCKS_EXCLUDED(mutex_);

  // zx_object_wait_async, but for the checks of handles. NO_MEMORY: kMaxWaits. BAD_HANDLE: the port's last handle has
  // gone meanwhile.
  zx_status_t WaitAsync(const std::shared_ptr<Dispatcher>& object, const void* table, zx_handle_t handle, uint64_t key,
                        zx_signals_t signals, uint32_t options) ABSL_LOCKS_EXCLUDED(mutex_);
  // zx_port_cancel. NOT_FOUND: neither a wait nor a packet is there.
  zx_status_t Cancel(Dispatcher& object, const void* table, zx_handle_t handle, uint64_t key)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // zx_port_wait, on this thread. TIMED_OUT; CANCELED: killed.
  zx_status_t Wait(ThreadDispatcher& thread, zx_time_t deadline, Packet* out) ABSL_LOCKS_EXCLUDED(mutex_);
  // Puts one back where it was: its taker had no place for it.
  void PutBack(const Packet& packet) ABSL_LOCKS_EXCLUDED(mutex_);

 protected:
  void OnZeroHandles() override;

 private:
  class AsyncWait;
  struct Waiter {
    ThreadDispatcher* thread;
    std::optional<Packet> packet;  // handed over; written under the port's and the thread's wait lock
  };

  // Gives the packet to who waits longest, or puts it into the queue.
  void Deliver(const Packet& packet, bool in_front) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Account(const Packet& packet, bool added) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // An asynchronous wait has fired (with a packet) or was cancelled: it is over.
  void EndWait(const AsyncWait& wait, const Packet* packet) ABSL_LOCKS_EXCLUDED(mutex_);
  void EndAll() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::function<zx_time_t()> now_;
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  size_t user_packets_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t signal_packets_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Packet> packets_ ABSL_GUARDED_BY(mutex_);
  std::deque<Waiter*> waiters_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<const AsyncWait*, std::shared_ptr<AsyncWait>> waits_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_PORT_H_
