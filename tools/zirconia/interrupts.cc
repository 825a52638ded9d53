#include "tools/zirconia/interrupts.h"

#include <unistd.h>

#include <utility>

namespace zirconia::cli {

Interrupts::Interrupts() {
  sigemptyset(&taken_);
  bool any = false;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now {};
    // Who started us may want some ignored (nohup, a shell's background job).
    if (sigaction(signal, nullptr, &now) != 0 || now.sa_handler == SIG_IGN) continue;
    sigaddset(&taken_, signal);
    any = true;
  }
  if (!any) return;
  // Blocked here, they are blocked in every thread made from now on.
  pthread_sigmask(SIG_BLOCK, &taken_, &old_mask_);
  running_ = pthread_create(&thread_, nullptr, Thread, this) == 0;
  if (!running_) pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
}

Interrupts::~Interrupts() {
  if (!running_) return;
  ending_ = true;
  int signal = SIGINT;
  for (const int candidate : {SIGINT, SIGTERM, SIGHUP}) {
    if (sigismember(&taken_, candidate) == 1) signal = candidate;
  }
  pthread_kill(thread_, signal);
  pthread_join(thread_, nullptr);
  pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
}

void Interrupts::set_stop(std::function<void()> stop) {
  absl::MutexLock lock(&mutex_);
  stop_ = std::move(stop);
  if (stop_ && signal_ != 0) stop_();
}

void* Interrupts::Thread(void* self) {
  static_cast<Interrupts*>(self)->Run();
  return nullptr;
}

void Interrupts::Run() {
  for (;;) {
    int signal = 0;
    if (sigwait(&taken_, &signal) != 0) continue;
    if (ending_) return;
    absl::MutexLock lock(&mutex_);
    if (!stop_ || signal_ != 0) _exit(128 + signal);
    signal_ = signal;
    stop_();
  }
}

}  // namespace zirconia::cli
