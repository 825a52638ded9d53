#include "platform/engine/in_process_thread.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "platform/engine/signals.h"
#include "platform/engine/slots.h"

namespace zirconia::platform::engine {
namespace {

// The kernel's C++ code runs on it. Sanitizers make frames several times as large.
constexpr size_t kHostStackSize = size_t{8} << 20;

}  // namespace

InProcessThread::InProcessThread(GuestEvents& events, GuestContext& context, SyscallDispatchMode mode,
                                 mm::VirtRange window, void* owner)
    : GuestThread(owner), events_(events), context_(context), mode_(mode), window_(window) {
  context_.events = &events;
  context_.thread = this;
  context_.guest_gs = context_.slot();
}

InProcessThread::~InProcessThread() {
  if (started_) {
    pthread_join(host_thread_, nullptr);
  } else {
    ReleaseSlot();
  }
}

absl::Status InProcessThread::Start(const GuestStart& start) {
  if (started_) return absl::FailedPreconditionError("a guest thread starts only once");
  InstallSignalHandlers();
  context_.guest_pc = start.pc.value();
  context_.guest_rsp = start.sp.value();
  context_.start_arg1 = start.arg1;
  context_.start_arg2 = start.arg2;

  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kHostStackSize);
  started_ = true;
  const SignalMask mask = SetSignalMask(AsynchronousSignals());
  const int error = pthread_create(&host_thread_, &attributes, HostThread, this);
  SetSignalMask(mask);
  pthread_attr_destroy(&attributes);
  if (error == 0) return absl::OkStatus();
  started_ = false;
  return absl::ResourceExhaustedError("the host gives no thread");
}

void* InProcessThread::HostThread(void* self) {
  static_cast<InProcessThread*>(self)->Run();
  return nullptr;
}

void InProcessThread::Run() {
  stack_t stack{};
  stack.ss_sp = SlotArray::StackBase(&context_);
  stack.ss_size = SlotArray::StackSize();
  stack_t old_stack{};
  if (sigaltstack(&stack, &old_stack) != 0 || !EnableSyscallDispatch(mode_, window_)) {
    std::fputs("zirconia: the host takes back what guest threads need of it\n", stderr);
    std::abort();
  }
  const int tid = static_cast<int>(syscall(SYS_gettid));
  SlotArray::SetThread(&context_, static_cast<uint32_t>(tid));
  {
    absl::MutexLock lock(&mutex_);
    tid_ = tid;
  }
  SetSignalMask(AsynchronousSignals() & ~MaskOf(kInterruptSignal));
  zirconia_engine_run(&context_);
  SetSignalMask(AsynchronousSignals());
  {
    absl::MutexLock lock(&mutex_);
    tid_ = 0;
  }
  SlotArray::SetThread(&context_, 0);
  DisableSyscallDispatch();
  sigaltstack(&old_stack, nullptr);
  events_.OnThreadEnd(*this);
  ReleaseSlot();
}

void InProcessThread::ReleaseSlot() {
  absl::MutexLock lock(&mutex_);
  has_slot_ = false;
  SlotArray::Get().Release(&context_);
}

void InProcessThread::Interrupt() {
  for (bool again = false; !TryInterrupt(again); again = true) sched_yield();
}

bool InProcessThread::TryInterrupt(bool again) {
  absl::MutexLock lock(&mutex_);
  if (!has_slot_) return true;
  if (again) {
    if ((context_.attention.load() & ZIRCONIA_ATTENTION_INTERRUPT) == 0) return true;
  } else if ((context_.attention.fetch_or(ZIRCONIA_ATTENTION_INTERRUPT) & ZIRCONIA_ATTENTION_INTERRUPT) != 0) {
    return true;  // somebody's signal is on its way, or the thread is on its way to look
  }
  if (tid_ == 0) return true;
  return syscall(SYS_tgkill, getpid(), tid_, kInterruptSignal) == 0 || errno != EAGAIN;
}

void InProcessThread::set_fs_base(uint64_t base) { context_.guest_fs = CanonicalBase(base); }

void InProcessThread::set_gs_base(uint64_t base) {
  context_.guest_gs = base == 0 ? context_.slot() : CanonicalBase(base);
  context_.restore |= ZIRCONIA_RESTORE_GS;
}

uint64_t InProcessThread::fs_base() const { return context_.guest_fs; }

int64_t InProcessThread::processor_time() const {
  clockid_t clock{};
  timespec time{};
  if (pthread_getcpuclockid(host_thread_, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

uint64_t InProcessThread::gs_base() const { return context_.guest_gs == context_.slot() ? 0 : context_.guest_gs; }

}  // namespace zirconia::platform::engine
