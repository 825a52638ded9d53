#include "kernel_sim/process.h"

#include <zircon/syscalls/object.h>

#include <algorithm>

#include "kernel_sim/kernel.h"
#include "kernel_sim/thread.h"

namespace zirconia::kernel {

ProcessDispatcher::ProcessDispatcher(Kernel& kernel, std::shared_ptr<JobDispatcher> job,
                                     std::shared_ptr<GuestSpace> space)
    : Dispatcher(kernel.koids()),
      kernel_(kernel),
      job_(std::move(job)),
      space_(std::move(space)),
      memory_(space_->aspace()) {}

ProcessDispatcher::~ProcessDispatcher() { job_->RemoveProcess(*this); }

zx_koid_t ProcessDispatcher::related_koid() const { return job_->koid(); }

zx_status_t ProcessDispatcher::CreateThread(absl::string_view name, std::shared_ptr<ThreadDispatcher>* out) {
  auto thread =
      std::make_shared<ThreadDispatcher>(kernel_, std::static_pointer_cast<ProcessDispatcher>(shared_from_this()));
  thread->set_name(name);
  absl::MutexLock lock(&mutex_);
  if (state_ != State::kInitial && state_ != State::kRunning) return ZX_ERR_BAD_STATE;
  *out = std::move(thread);
  return ZX_OK;
}

zx_status_t ProcessDispatcher::Start(ThreadDispatcher& thread, platform::GuestStart start, Handle arg1) {
  kernel_.EmptyGraveyard();
  zx_handle_t value = ZX_HANDLE_INVALID;
  if (arg1) {
    value = handles_.Add(std::move(arg1));
    if (value == ZX_HANDLE_INVALID) return ZX_ERR_NO_RESOURCES;
  }
  start.arg1 = value;
  zx_status_t status = ZX_OK;
  {
    absl::MutexLock lock(&mutex_);
    if (state_ != State::kInitial) {
      status = ZX_ERR_BAD_STATE;
    } else {
      // The list first: the thread may end before Start returns.
      threads_.push_back(std::static_pointer_cast<ThreadDispatcher>(thread.shared_from_this()));
      ++running_;
      state_ = State::kRunning;
      start_time_ = kernel_.Now();
      status = thread.Start(start);
      if (status != ZX_OK) {
        threads_.pop_back();
        --running_;
        state_ = State::kInitial;
        start_time_ = 0;
      }
    }
  }
  if (status != ZX_OK && value != ZX_HANDLE_INVALID) handles_.Remove(value);
  return status;
}

zx_status_t ProcessDispatcher::StartThread(ThreadDispatcher& thread, const platform::GuestStart& start) {
  kernel_.EmptyGraveyard();
  absl::MutexLock lock(&mutex_);
  if (state_ != State::kRunning) return ZX_ERR_BAD_STATE;
  threads_.push_back(std::static_pointer_cast<ThreadDispatcher>(thread.shared_from_this()));
  ++running_;
  const zx_status_t status = thread.Start(start);
  if (status != ZX_OK) {
    threads_.pop_back();
    --running_;
  }
  return status;
}

bool ProcessDispatcher::IsUserAddress(uint64_t address) const {
  return aspace().range().Contains(mm::VirtAddr(address));
}

absl::StatusOr<std::unique_ptr<platform::GuestThread>> ProcessDispatcher::MakeGuestThread(ThreadDispatcher& thread) {
  return kernel_.engine().CreateThread(kernel_, aspace().range(), &thread);
}

void ProcessDispatcher::BeginWithoutThread() {
  absl::MutexLock lock(&mutex_);
  ++running_;
  without_thread_ = true;
  state_ = State::kRunning;
  start_time_ = kernel_.Now();
}

zx_status_t ProcessDispatcher::Adopt(ThreadDispatcher& thread, std::unique_ptr<platform::GuestThread> guest) {
  kernel_.EmptyGraveyard();
  absl::MutexLock lock(&mutex_);
  if (state_ != State::kRunning) return ZX_ERR_BAD_STATE;
  threads_.push_back(std::static_pointer_cast<ThreadDispatcher>(thread.shared_from_this()));
  ++running_;
  thread.Adopt(std::move(guest));
  return ZX_OK;
}

bool ProcessDispatcher::Exit(int64_t return_code) {
  std::vector<std::shared_ptr<ThreadDispatcher>> threads;
  bool finish = false;
  {
    absl::MutexLock lock(&mutex_);
    if (state_ == State::kDying || state_ == State::kDead) return false;
    state_ = State::kDying;
    return_code_ = return_code;
    threads = threads_;
    if (without_thread_) --running_;
    finish = running_ == 0;
  }
  OnExit(return_code);
  for (const auto& thread : threads) thread->Kill();
  if (finish) Finish();
  return true;
}

void ProcessDispatcher::OnThreadEnded(ThreadDispatcher& thread) {
  const auto keep = thread.shared_from_this();
  {
    absl::MutexLock lock(&mutex_);
    std::erase_if(threads_, [&](const auto& t) { return t.get() == &thread; });
    ended_runtime_ += thread.StopClock();
  }
  // Before it stops counting: once all processes are dead, every host thread can be found in the graveyard.
  kernel_.Bury(thread.Ended());
  bool finish = false;
  {
    absl::MutexLock lock(&mutex_);
    finish = --running_ == 0;
    if (finish) state_ = State::kDying;  // with code 0, unless an exit said otherwise
  }
  if (finish) Finish();
}

void ProcessDispatcher::Finish() {
  const auto keep = shared_from_this();  // its own handle may be the last
  kernel_.ReportExit(*this);
  kernel_.Log("process %d '%s' ended with code %d", koid(), name(), return_code());
  handles_.Clear();
  aspace().Destroy();
  job_->RemoveProcess(*this);
  {
    absl::MutexLock lock(&mutex_);
    state_ = State::kDead;
  }
  UpdateSignals(0, ZX_PROCESS_TERMINATED);
}

void ProcessDispatcher::WaitUntilDead() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](State* state) { return *state == State::kDead; }, &state_));
}

void ProcessDispatcher::OnZeroHandles() {
  // Nobody can start it any more.
  if (state() == State::kInitial) Exit(ZX_TASK_RETCODE_SYSCALL_KILL);
}

ProcessDispatcher::State ProcessDispatcher::state() const {
  absl::MutexLock lock(&mutex_);
  return state_;
}

int64_t ProcessDispatcher::return_code() const {
  absl::MutexLock lock(&mutex_);
  return return_code_;
}

zx_time_t ProcessDispatcher::start_time() const {
  absl::MutexLock lock(&mutex_);
  return start_time_;
}

std::vector<std::shared_ptr<ThreadDispatcher>> ProcessDispatcher::threads() const {
  absl::MutexLock lock(&mutex_);
  return threads_;
}

zx_duration_t ProcessDispatcher::runtime() const {
  absl::MutexLock lock(&mutex_);
  zx_duration_t sum = ended_runtime_;
  for (const auto& thread : threads_) sum += thread->runtime();
  return sum;
}

zx_status_t JobDispatcher::AddProcess(const std::shared_ptr<ProcessDispatcher>& process) {
  absl::MutexLock lock(&mutex_);
  if (killed_) return ZX_ERR_BAD_STATE;
  processes_.emplace_back(process.get(), process);
  UpdateSignals(ZX_JOB_NO_PROCESSES, 0);
  return ZX_OK;
}

void JobDispatcher::RemoveProcess(const ProcessDispatcher& process) {
  const zx_duration_t runtime = process.runtime();
  absl::MutexLock lock(&mutex_);
  const size_t erased = std::erase_if(processes_, [&](const auto& entry) { return entry.first == &process; });
  if (erased != 0) ended_runtime_ += runtime;
  if (processes_.empty()) UpdateSignals(0, ZX_JOB_NO_PROCESSES);
}

std::vector<std::shared_ptr<ProcessDispatcher>> JobDispatcher::processes() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<ProcessDispatcher>> out;
  for (const auto& [pointer, weak] : processes_) {
    if (auto p = weak.lock()) out.push_back(std::move(p));
  }
  return out;
}

std::vector<std::shared_ptr<ProcessDispatcher>> JobDispatcher::Kill(int64_t return_code) {
  {
    absl::MutexLock lock(&mutex_);
    killed_ = true;
  }
  auto met = processes();
  for (const auto& process : met) process->Exit(return_code);
  UpdateSignals(0, ZX_JOB_TERMINATED);
  return met;
}

zx_duration_t JobDispatcher::runtime() const {
  // A process that dies meanwhile is counted once: it is on the list that was looked at, or in the sum.
  zx_duration_t sum = 0;
  std::vector<std::shared_ptr<ProcessDispatcher>> alive;
  {
    absl::MutexLock lock(&mutex_);
    sum = ended_runtime_;
    for (const auto& [pointer, weak] : processes_) {
      if (auto p = weak.lock()) alive.push_back(std::move(p));
    }
  }
  for (const auto& process : alive) sum += process->runtime();
  return sum;
}

bool JobDispatcher::killed() const {
  absl::MutexLock lock(&mutex_);
  return killed_;
}

}  // namespace zirconia::kernel
