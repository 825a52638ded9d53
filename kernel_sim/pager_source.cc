#include "kernel_sim/pager_source.h"

#include <zircon/syscalls/object.h>
#include <zircon/time.h>

#include <algorithm>
#include <utility>

#include "kernel_sim/kernel.h"
#include "kernel_sim/process.h"
#include "kernel_sim/status.h"
#include "kernel_sim/thread.h"

namespace zirconia::kernel {
namespace {

// What of `ranges` is outside of `cut`.
std::vector<mm::PageRange> Without(const std::vector<mm::PageRange>& ranges, mm::PageRange cut) {
  std::vector<mm::PageRange> rest;
  for (const mm::PageRange& r : ranges) {
    if (r.end() <= cut.first || r.first >= cut.end()) {
      rest.push_back(r);
      continue;
    }
    if (r.first < cut.first) rest.push_back(mm::PageRange::FromTo(r.first, cut.first));
    if (cut.end() < r.end()) rest.push_back(mm::PageRange::FromTo(cut.end(), r.end()));
  }
  return rest;
}

bool Overlap(const std::vector<mm::PageRange>& ranges, mm::PageRange range) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const mm::PageRange& r) { return r.first < range.end() && range.first < r.end(); });
}

}  // namespace

PagerRequest::~PagerRequest() { source_->Withdraw(*this); }

zx_status_t PagerRequest::status() const {
  absl::MutexLock lock(&source_->mutex_);
  return status_;
}

void PagerRequest::set_waker(std::function<void()> waker) {
  absl::MutexLock lock(&source_->mutex_);
  waker_ = std::move(waker);
  if (done() && waker_) waker_();
}

bool PagerSource::detached() const {
  absl::MutexLock lock(&mutex_);
  return detached_;
}

absl::StatusOr<std::shared_ptr<mm::PageRequest>> PagerSource::Request(Need need, mm::PageRange range) {
  auto request = std::make_shared<PagerRequest>(shared_from_this());
  absl::MutexLock lock(&mutex_);
  if (detached_) return absl::FailedPreconditionError("");
  std::vector<mm::PageRange> unasked{range};
  for (auto& [id, flight] : flights_) {
    if (flight.need != need || !Overlap(flight.missing, range)) continue;
    flight.waiters.push_back(request.get());
    request->flights_.insert(id);
    for (const mm::PageRange& r : flight.missing) unasked = Without(unasked, r);
  }
  for (const mm::PageRange& gap : unasked) {
    const uint64_t id = next_id_++;
    flights_.emplace(id, Flight{need, {gap}, {request.get()}});
    request->flights_.insert(id);
    Queue(need == Need::kRead ? ZX_PAGER_VMO_READ : ZX_PAGER_VMO_DIRTY, gap, id);
  }
  return std::shared_ptr<mm::PageRequest>(std::move(request));
}

void PagerSource::Queue(uint16_t command, mm::PageRange range, uint64_t id) {
  zx_port_packet_t packet{};
  packet.key = key_;
  packet.type = ZX_PKT_TYPE_PAGE_REQUEST;
  packet.page_request.command = command;
  packet.page_request.offset = range.first.offset().value();
  packet.page_request.length = range.count.bytes().value();
  port_->QueueKernel(packet, {.source = koid_, .id = id});
}

void PagerSource::Complete(PagerRequest& request, zx_status_t status) {
  request.status_ = status;
  request.done_.store(true, std::memory_order_release);
  if (request.waker_) request.waker_();
}

PagerSource::Flights::iterator PagerSource::Finish(Flights::iterator flight, zx_status_t status) {
  for (PagerRequest* request : flight->second.waiters) {
    request->flights_.erase(flight->first);
    if (!request->done() && (status != ZX_OK || request->flights_.empty())) Complete(*request, status);
  }
  port_->TakeBack({.source = koid_, .id = flight->first}, key_);
  return flights_.erase(flight);
}

void PagerSource::Resolve(Need need, mm::PageRange range) {
  absl::MutexLock lock(&mutex_);
  for (auto it = flights_.begin(); it != flights_.end();) {
    Flight& flight = it->second;
    if (flight.need == need) flight.missing = Without(flight.missing, range);
    it = flight.missing.empty() ? Finish(it, ZX_OK) : std::next(it);
  }
}

void PagerSource::Fail(mm::PageRange range, zx_status_t status) {
  absl::MutexLock lock(&mutex_);
  for (auto it = flights_.begin(); it != flights_.end();) {
    it = Overlap(it->second.missing, range) ? Finish(it, status) : std::next(it);
  }
}

void PagerSource::End(bool say_so) {
  absl::MutexLock lock(&mutex_);
  for (auto it = flights_.begin(); it != flights_.end();) it = Finish(it, ZX_ERR_BAD_STATE);
  if (say_so && !detached_) Queue(ZX_PAGER_VMO_COMPLETE, {mm::PageIndex(0), mm::PageCount(0)}, 0);
  if (!say_so) port_->TakeBackAll(koid_);
  detached_ = true;
}

void PagerSource::Withdraw(PagerRequest& request) {
  absl::MutexLock lock(&mutex_);
  for (const uint64_t id : request.flights_) {
    const auto it = flights_.find(id);
    std::erase(it->second.waiters, &request);
    if (!it->second.waiters.empty()) continue;
    port_->TakeBack({.source = koid_, .id = id}, key_);
    flights_.erase(it);
  }
}

zx_status_t WaitForPages(ThreadDispatcher& thread, mm::PageRequest& page_request, zx_duration_t overtime) {
  auto& request = static_cast<PagerRequest&>(page_request);
  request.set_waker([&thread] { thread.Notify([] {}); });
  Kernel& kernel = thread.kernel();
  const zx_duration_t timeout = kernel.pager_timeout();
  const zx_time_t begin = kernel.Now();
  const zx_time_t end = timeout == 0 ? ZX_TIME_INFINITE : zx_time_add_duration(begin, timeout);
  zx_status_t status = ZX_OK;
  for (zx_time_t deadline = begin;;) {
    deadline = overtime == 0 ? end : std::min(end, zx_time_add_duration(deadline, overtime));
    status = thread.Wait(deadline, ZX_THREAD_STATE_BLOCKED_PAGER, [&] { return request.done(); });
    if (status != ZX_ERR_TIMED_OUT || deadline >= end) break;
    kernel.Log("thread %d of process %d has waited %d ms for a pager", thread.koid(), thread.process().koid(),
               (deadline - begin) / ZX_MSEC(1));
    kernel.OnPagerOvertime();
  }
  request.set_waker(nullptr);
  return status == ZX_OK ? request.status() : status;
}

zx_status_t WaitForPages(mm::PageRequest& page_request) {
  if (ThreadDispatcher* const thread = ThreadDispatcher::Current(); thread != nullptr) {
    return WaitForPages(*thread, page_request, thread->kernel().pager_overtime());
  }
  auto& request = static_cast<PagerRequest&>(page_request);
  absl::Mutex mutex;
  request.set_waker([&mutex] { const absl::MutexLock wake(&mutex); });
  mutex.LockWhen(absl::Condition(&request, &PagerRequest::done));
  mutex.Unlock();
  request.set_waker(nullptr);
  return request.status();
}

zx_status_t WithPages(absl::FunctionRef<absl::Status(mm::PageWait&)> operation) {
  for (;;) {
    mm::PageWait wait;
    const absl::Status status = operation(wait);
    if (!absl::IsAborted(status)) return ToZxStatus(status);
    if (const zx_status_t s = WaitForPages(*wait.request); s != ZX_OK) return s;
  }
}

}  // namespace zirconia::kernel
