#include "kernel_sim/library/library_thread.h"

#include <asm/prctl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "kernel_sim/syscalls/dispatch.h"
#include "zirconia/testing/kernel.h"

extern "C" {

void zirconia_library_run_on(void** saved_stack, uint64_t entry, uint64_t stack, uint64_t arg1, uint64_t arg2);
[[noreturn]] void zirconia_library_leave(void* saved_stack);
uint64_t zirconia_library_call_on(void* saved_stack, uint64_t (*function)(void*), void* argument);

// What calls.S calls: a system call of the current thread.
uint64_t zirconia_library_call(uint64_t number, const std::array<uint64_t, 8>* words);

}  // extern "C"

namespace zirconia::kernel {
namespace {

enum : uint64_t {
#define ZX_SYSCALL(number, result, name, count, arguments) kSyscall_##name = (number),
#include "kernel_sim/syscalls.def"
#undef ZX_SYSCALL
};

thread_local Attachment* t_current = nullptr;

std::string HostThreadName() {
  char name[16] = {};
  pthread_getname_np(pthread_self(), name, sizeof(name));
  return name;
}

// The attachment of a thread that nobody attached, which ends with it. A destructor of the program's that makes a
// system call after ours has run attaches the thread again, and this is called once more.
void DetachAtEnd(void* attachment) { delete static_cast<Attachment*>(attachment); }

pthread_key_t EndKey() {
  static const pthread_key_t key = [] {
    pthread_key_t made{};
    if (pthread_key_create(&made, DetachAtEnd) != 0) {
      std::fputs("zirconia: the C library has no thread-specific key left\n", stderr);
      std::abort();
    }
    return made;
  }();
  return key;
}

}  // namespace

std::unique_ptr<LibraryThread> LibraryThread::OfThisThread(LibraryProcess& process, ThreadDispatcher& thread) {
  auto self = std::make_unique<LibraryThread>(process, thread);
  self->host_thread_ = pthread_self();
  return self;
}

LibraryThread::~LibraryThread() {
  if (joinable_) pthread_join(host_thread_, nullptr);
}

absl::Status LibraryThread::Start(const platform::GuestStart& start) {
  start_ = start;
  joinable_ = pthread_create(&host_thread_, nullptr, Run, this) == 0;
  return joinable_ ? absl::OkStatus() : absl::ResourceExhaustedError("the host gives no thread");
}

void* LibraryThread::Run(void* self_pointer) {
  auto& self = *static_cast<LibraryThread*>(self_pointer);
  auto& thread = *static_cast<ThreadDispatcher*>(self.owner());
  // The program's stack may lie in simulated memory, whose faults can't be answered on itself.
  std::vector<std::byte> signal_stack(size_t{128} << 10);
  stack_t stack{};
  stack.ss_sp = signal_stack.data();
  stack.ss_size = signal_stack.size();
  sigaltstack(&stack, nullptr);
  {
    Attachment attachment(std::static_pointer_cast<LibraryProcess>(self.process_.shared_from_this()),
                          std::static_pointer_cast<ThreadDispatcher>(thread.shared_from_this()));
    zirconia_library_run_on(&attachment.saved_stack_, self.start_.pc.value(), self.start_.sp.value(), self.start_.arg1,
                            self.start_.arg2);
  }
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, nullptr);
  return nullptr;
}

void LibraryThread::set_gs_base(uint64_t base) { syscall(SYS_arch_prctl, ARCH_SET_GS, base); }

uint64_t LibraryThread::gs_base() const {
  uint64_t base = 0;
  syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
  return base;
}

int64_t LibraryThread::processor_time() const {
  clockid_t clock{};
  timespec time{};
  if (pthread_getcpuclockid(host_thread_, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Attachment::Attachment(std::shared_ptr<LibraryProcess> process, absl::string_view name)
    : process_(std::move(process)), thread_([&] {
        auto thread = std::make_shared<ThreadDispatcher>(process_->kernel(), process_);
        thread->set_name(name);
        return thread;
      }()) {
  adopted_ = process_->Adopt(*thread_, LibraryThread::OfThisThread(*process_, *thread_)) == ZX_OK;
  // A process that has ended takes no thread: its calls end at once.
  if (!adopted_) thread_->Kill();
  Push();
}

Attachment::Attachment(std::shared_ptr<LibraryProcess> process, std::shared_ptr<ThreadDispatcher> thread)
    : process_(std::move(process)), thread_(std::move(thread)), adopted_(true) {
  Push();
}

void Attachment::Push() {
  self_ = process_->handles().Add(Handle(thread_, thread_->default_rights()));
  outer_ = std::exchange(t_current, this);
}

Attachment::~Attachment() {
  process_->handles().Remove(self_);
  Attachment** at = &t_current;
  while (*at != nullptr && *at != this) at = &(*at)->outer_;
  if (*at == this) *at = outer_;
  if (adopted_) process_->OnThreadEnded(*thread_);
}

uint64_t Attachment::Call(uint64_t number, const std::array<uint64_t, 8>& words) {
  if (process_->belongs_to_parent()) [[unlikely]]
    return RefuseInChild(number, words);
  if (saved_stack_ == nullptr) [[likely]]
    return CallHere(number, words);
  // The program's stack may be simulated memory: a fault on it would need the locks that the call holds, and the call
  // may unmap it. Copied, because it lies there.
  struct Arguments {
    Attachment* self;
    uint64_t number;
    std::array<uint64_t, 8> words;
  };
  const auto call = [](void* pointer) {
    const Arguments here = *static_cast<const Arguments*>(pointer);
    return here.self->CallHere(here.number, here.words);
  };
  Arguments arguments{this, number, words};
  return zirconia_library_call_on(saved_stack_, call, &arguments);
}

uint64_t Attachment::CallHere(uint64_t number, const std::array<uint64_t, 8>& words) {
  if (thread_->killed()) [[unlikely]]
    return CallAtEnd(number);
  // The program may have installed handlers of its own since; what it maps from now on needs ours.
  if (number == kSyscall_vmar_map) platform::InstallFaultHandlers();
  const uint64_t result = process_->kernel().Call(*thread_, number, words);
  if (thread_->killed()) [[unlikely]]
    End();
  return result;
}

uint64_t Attachment::RefuseInChild(uint64_t number, const std::array<uint64_t, 8>& words) {
  switch (number) {
    case kSyscall_process_exit:
      _exit(static_cast<int>(words[0]));
    case kSyscall_thread_exit:
      pthread_exit(nullptr);
    case kSyscall_clock_get_monotonic:
      return static_cast<uint64_t>(process_->kernel().Now());
    case kSyscall_handle_close:
    case kSyscall_handle_close_many:
      break;  // destructors make these
    default:
      std::fprintf(stderr, "zirconia: %s in the child of a fork is refused: the simulated kernel is the parent's\n",
                   SyscallName(number));
      // These can't say so.
      if (number == kSyscall_cprng_draw || number == kSyscall_futex_wake_handle_close_thread_exit) std::abort();
  }
  return static_cast<uint64_t>(int64_t{ZX_ERR_BAD_STATE});
}

uint64_t Attachment::CallAtEnd(uint64_t number) {
  const bool closes = number == kSyscall_handle_close || number == kSyscall_handle_close_many;
  const bool ends = number == kSyscall_process_exit || number == kSyscall_thread_exit;
  // In a test, destructors are yet to run: they mustn't throw.
  if (process_->ending() == LibraryProcess::Ending::kThrow && !ends && (closes || told_)) {
    if (number == kSyscall_clock_get_monotonic) return static_cast<uint64_t>(process_->kernel().Now());
    return static_cast<uint64_t>(int64_t{ZX_ERR_BAD_STATE});
  }
  End();
}

void Attachment::End() {
  if (saved_stack_ != nullptr) zirconia_library_leave(saved_stack_);
  if (process_->ending() == LibraryProcess::Ending::kThrow) {
    using State = ProcessDispatcher::State;
    const State state = process_->state();
    told_ = true;
    if (state == State::kRunning) throw testing::ThreadExited();
    throw testing::ProcessExited(process_->return_code());
  }
  // The process is dying: whoever ended it is ending the host process. Or this thread alone has exited.
  if (process_->state() != ProcessDispatcher::State::kRunning) {
    while (true) pause();
  }
  pthread_exit(nullptr);
}

zx_status_t Attachment::AnswerFault(LibraryProcess& process, mm::VirtAddr address, mm::Access access) {
  Kernel& kernel = process.kernel();
  Attachment* const here = t_current;
  if (here == nullptr || &here->process_->kernel() != &kernel) return kernel.AnswerFault(process, address, access);
  zx_status_t status = ZX_OK;
  {
    const ThreadDispatcher::AsCurrent current(*here->thread_);
    status = kernel.AnswerFault(process, address, access);
  }
  const bool can_end = here->saved_stack_ != nullptr || here->process_->ending() == LibraryProcess::Ending::kHost;
  if (status == ZX_ERR_CANCELED && can_end) here->End();
  return status;
}

Attachment* Attachment::CurrentOrNull() { return t_current; }

Attachment& Attachment::Current() {
  if (t_current != nullptr) [[likely]]
    return *t_current;
  auto* const attachment = new Attachment(ProgramProcess(), HostThreadName());
  pthread_setspecific(EndKey(), attachment);
  return *attachment;
}

const std::shared_ptr<LibraryProcess>& ProgramProcess() {
  // Both are left to the end of the host process: its threads may use them until then.
  static const std::shared_ptr<LibraryProcess>& process = *[] {
    const auto fail = [](const std::string& why) {
      std::fprintf(stderr, "zirconia: the simulated kernel can't be made: %s\n", why.c_str());
      std::abort();
    };
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // it costs more than the locks
    Kernel::Options options;
    options.machine.engine_at_once = false;
    options.vdso_at_once = false;
    options.console = [](absl::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); };
    auto kernel = Kernel::Create(std::move(options));
    if (!kernel.ok()) fail(std::string(kernel.status().message()));
    auto* const made = new std::shared_ptr<LibraryProcess>;
    std::string why;
    if (LibraryProcess::Create(*kernel->release(), program_invocation_short_name, LibraryProcess::Ending::kHost, made,
                               &why) != ZX_OK) {
      fail(why);
    }
    return made;
  }();
  return process;
}

}  // namespace zirconia::kernel

uint64_t zirconia_library_call(uint64_t number, const std::array<uint64_t, 8>* words) {
  return zirconia::kernel::Attachment::Current().Call(number, *words);
}
