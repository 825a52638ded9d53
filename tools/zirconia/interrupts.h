// Ctrl-C and its relatives end the guest in order.
#ifndef ZIRCONIA_TOOLS_ZIRCONIA_INTERRUPTS_H_
#define ZIRCONIA_TOOLS_ZIRCONIA_INTERRUPTS_H_

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace zirconia::cli {

// While it lives, SIGINT, SIGTERM and SIGHUP (those that weren't ignored) are taken by a thread of its own. The first
// one calls `stop`; one more, or one while there is no `stop`, ends this process at once with status 128 + signal. To
// be made before any other thread. Without effect where the host gives no thread.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // Called on the thread that takes the signals. Null: none, and when this returns the old one isn't running.
  void set_stop(std::function<void()> stop) ABSL_LOCKS_EXCLUDED(mutex_);
  // The signal that came; 0: none.
  int signal() const { return signal_.load(); }

 private:
  static void* Thread(void* self);
  void Run();

  sigset_t taken_{};
  sigset_t old_mask_{};
  pthread_t thread_{};
  bool running_ = false;
  std::atomic<bool> ending_{false};
  std::atomic<int> signal_{0};
  absl::Mutex mutex_;
  std::function<void()> stop_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::cli

#endif  // ZIRCONIA_TOOLS_ZIRCONIA_INTERRUPTS_H_
