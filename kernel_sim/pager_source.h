// The kernel's side of a page source: requests in flight, as packets of a port.
#ifndef ZIRCONIA_KERNEL_SIM_PAGER_SOURCE_H_
#define ZIRCONIA_KERNEL_SIM_PAGER_SOURCE_H_

#include <zircon/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "kernel_sim/port.h"
#include "mm/page_source.h"

namespace zirconia::kernel {

class PagerSource;
class ThreadDispatcher;

// What one operation waits for: every page that it asked for has come, or one has failed. Guarded by its source's lock
// but for `done`.
class PagerRequest : public mm::PageRequest {
 public:
  explicit PagerRequest(std::shared_ptr<PagerSource> source) : source_(std::move(source)) {}
  ~PagerRequest() override;

  bool done() const { return done_.load(std::memory_order_acquire); }
  // After `done`: OK: start over; otherwise what the pager said (BAD_STATE: it was detached).
  zx_status_t status() const;
  // Called once, when it is done (at once if it is), with the source's lock held. Empty: not any more.
  void set_waker(std::function<void()> waker);

 private:
  friend class PagerSource;
  const std::shared_ptr<PagerSource> source_;
  std::atomic<bool> done_{false};
  zx_status_t status_ = ZX_OK;
  absl::flat_hash_set<uint64_t> flights_;  // those that it waits for
  std::function<void()> waker_;
};

// Belongs to one pager-backed VMO. A flight is a range that one packet asked for, until all of its pages were resolved
// or failed, or nobody waits for it any more. A packet that the pager hasn't taken goes back with its flight.
class PagerSource : public mm::PageSource, public std::enable_shared_from_this<PagerSource> {
 public:
  // `koid`: its own, by which the port knows its packets.
  PagerSource(zx_koid_t koid, std::shared_ptr<PortDispatcher> port, uint64_t key)
      : koid_(koid), port_(std::move(port)), key_(key) {}

  absl::StatusOr<std::shared_ptr<mm::PageRequest>> Request(Need need, mm::PageRange range) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Resolve(Need need, mm::PageRange range) override ABSL_LOCKS_EXCLUDED(mutex_);
  void Close() override ABSL_LOCKS_EXCLUDED(mutex_) { Detach(); }

  // ZX_PAGER_OP_FAIL: whoever waits for one of these pages gets this status.
  void Fail(mm::PageRange range, zx_status_t status) ABSL_LOCKS_EXCLUDED(mutex_);
  // zx_pager_detach_vmo: whoever waits gets BAD_STATE, and the last packet is ZX_PAGER_VMO_COMPLETE. Idempotent.
  void Detach() ABSL_LOCKS_EXCLUDED(mutex_) { End(/*say_so=*/true); }
  // The pager is gone: the same, but no packet is left, nor that one.
  void Abandon() ABSL_LOCKS_EXCLUDED(mutex_) { End(/*say_so=*/false); }
  bool detached() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class PagerRequest;
  struct Flight {
    Need need;
    std::vector<mm::PageRange> missing;
    std::vector<PagerRequest*> waiters;
  };
  using Flights = std::map<uint64_t, Flight>;

  void End(bool say_so) ABSL_LOCKS_EXCLUDED(mutex_);
  void Queue(uint16_t command, mm::PageRange range, uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes a flight out, its packet too; who waits for it waits for one less, or not at all where `status` isn't OK.
  Flights::iterator Finish(Flights::iterator flight, zx_status_t status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Complete(PagerRequest& request, zx_status_t status);
  void Withdraw(PagerRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);

  const zx_koid_t koid_;
  const std::shared_ptr<PortDispatcher> port_;
  const uint64_t key_;
  mutable absl::Mutex mutex_;
  bool detached_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  Flights flights_ ABSL_GUARDED_BY(mutex_);
};

// Waits for a request, on this thread and with no lock held: OK: start over. Otherwise the operation fails: CANCELED:
// the thread was killed; TIMED_OUT (Kernel::Options::pager_timeout); or what the pager said. Every `overtime` ns (0:
// never) that it takes is said in the log.
zx_status_t WaitForPages(ThreadDispatcher& thread, mm::PageRequest& request, zx_duration_t overtime);
// The same, where the calling host thread is ThreadDispatcher::Current; one that is none can't be killed.
zx_status_t WaitForPages(mm::PageRequest& request);

// Carries out an operation that may need pages of a pager: each time that it returns ABORTED it has left a request in
// its argument, which is waited for, and the operation starts over. What it says at last, or why the wait failed.
zx_status_t WithPages(absl::FunctionRef<absl::Status(mm::PageWait&)> operation);

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_PAGER_SOURCE_H_
