// Host threads as threads of a LibraryProcess.
#ifndef ZIRCONIA_KERNEL_SIM_LIBRARY_LIBRARY_THREAD_H_
#define ZIRCONIA_KERNEL_SIM_LIBRARY_LIBRARY_THREAD_H_

#include <pthread.h>

#include <atomic>
#include <memory>

#include "absl/status/status.h"
#include "kernel_sim/library/library_process.h"
#include "kernel_sim/thread.h"
#include "platform/guest_engine.h"

namespace zirconia::kernel {

// What stands for a host thread where a guest's thread would have the engine's. It can't be interrupted in the
// program's own code: a kill takes effect in its next system call.
class LibraryThread final : public platform::GuestThread {
 public:
  // One that zx_thread_start will start.
  LibraryThread(LibraryProcess& process, ThreadDispatcher& thread) : GuestThread(&thread), process_(process) {}
  // The calling thread. `thread` is for `owner`.
  static std::unique_ptr<LibraryThread> OfThisThread(LibraryProcess& process, ThreadDispatcher& thread);
  ~LibraryThread() override;

  absl::Status Start(const platform::GuestStart& start) override;
  void Interrupt() override {}
  // FS is the C library's: it stays (ThreadDispatcher refuses).
  void set_fs_base(uint64_t) override {}
  void set_gs_base(uint64_t base) override;
  uint64_t fs_base() const override { return 0; }
  uint64_t gs_base() const override;
  int64_t processor_time() const override;

 private:
  static void* Run(void* self);

  LibraryProcess& process_;
  platform::GuestStart start_;
  pthread_t host_thread_{};
  bool joinable_ = false;
};

// Makes the calling host thread a thread of a process, as long as it lives: its zx_* calls go there. They nest, on one
// thread: the last one made counts, whatever the order in which they go.
class Attachment {
 public:
  // A new thread of the process, of this name.
  Attachment(std::shared_ptr<LibraryProcess> process, absl::string_view name);
  // The thread that runs now was started as `thread`.
  Attachment(std::shared_ptr<LibraryProcess> process, std::shared_ptr<ThreadDispatcher> thread);
  // On the same thread.
  ~Attachment();
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  LibraryProcess& process() const { return *process_; }
  ThreadDispatcher& thread() const { return *thread_; }
  // zx_thread_self.
  zx_handle_t self() const { return self_; }

  // Carries a system call out; doesn't return where it ends the thread or its process.
  uint64_t Call(uint64_t number, const std::array<uint64_t, 8>& words);

  // Answers a page fault of the calling thread, as Kernel::AnswerFault does. A thread that is killed while it waits for
  // a pager ends there, if there is a way to end it: not a thread of a test that zx_thread_start didn't make.
  static zx_status_t AnswerFault(LibraryProcess& process, mm::VirtAddr address, mm::Access access);

  // That of the calling thread. A thread that has none becomes one of the program's own process, until it ends.
  static Attachment& Current();
  // The same; null where it has none.
  static Attachment* CurrentOrNull();

 private:
  friend class LibraryThread;
  void Push();
  uint64_t CallHere(uint64_t number, const std::array<uint64_t, 8>& words);
  // A call of a thread that has ended: what test code makes on its way out.
  uint64_t CallAtEnd(uint64_t number);
  // A call in the child of a fork: what would change the parent's kernel, whose memory both share, is refused.
  uint64_t RefuseInChild(uint64_t number, const std::array<uint64_t, 8>& words);
  [[noreturn]] void End();

  const std::shared_ptr<LibraryProcess> process_;
  const std::shared_ptr<ThreadDispatcher> thread_;
  zx_handle_t self_ = ZX_HANDLE_INVALID;
  bool adopted_ = false;         // the thread is one of the process's
  bool told_ = false;            // that the thread has ended, by an exception
  void* saved_stack_ = nullptr;  // where zx_thread_exit returns to, in a thread that zx_thread_start made
  Attachment* outer_ = nullptr;
};

// The process that this program is, in a kernel of its own; made on first use. Stops the program, with a message, where
// that can't be had.
const std::shared_ptr<LibraryProcess>& ProgramProcess();

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_LIBRARY_LIBRARY_THREAD_H_
