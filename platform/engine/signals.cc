#include "platform/engine/signals.h"

#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "platform/engine/context.h"
#include "platform/engine/host_faults.h"
#include "platform/engine/safe_copy.h"
#include "platform/engine/traps.h"

extern "C" {

extern const char zirconia_engine_safe_copy_begin[];
extern const char zirconia_engine_safe_copy_end[];
extern const char zirconia_engine_safe_copy_fault[];

}  // extern "C"

namespace zirconia::platform::engine {
namespace {

constexpr int kTrapSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
constexpr int kSignalCount = 65;
constexpr uint64_t kSaRestorer = 0x04000000;

// struct sigaction as the kernel has it. The C library's function isn't used: it hides the restorer, and sanitizers
// wrap it.
struct KernelAction {
  void* handler;
  uint64_t flags;
  void* restorer;
  SignalMask mask;
};

// What was installed before; never freed, since a handler may be reading it.
struct PreviousAction {
  KernelAction action;
  const PreviousAction* older;
};

std::array<std::atomic<const PreviousAction*>, kSignalCount> g_previous;

// The previous action that runs on this thread.
thread_local const PreviousAction* t_passing_on_to = nullptr;

void SetAction(int signal, const KernelAction& action) {
  syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof(SignalMask));
}

KernelAction GetAction(int signal) {
  KernelAction action{};
  syscall(SYS_rt_sigaction, signal, nullptr, &action, sizeof(SignalMask));
  return action;
}

void* HandlerOf(int signal) {
  return reinterpret_cast<void*>(signal == kInterruptSignal ? zirconia_engine_interrupt_handler
                                                            : zirconia_engine_trap_handler);
}

void* Restorer() { return reinterpret_cast<void*>(zirconia_engine_restorer); }

void SetOurAction(int signal) {
  // NODEFER: the kernel's own code may fault recoverably (SafeCopy) while a guest's fault is being answered.
  SetAction(signal, {.handler = HandlerOf(signal),
                     .flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART | kSaRestorer,
                     .restorer = Restorer(),
                     .mask = AsynchronousSignals()});
}

// Whether somebody has put us back through the C library, which brings its own restorer.
bool IsPutBack(int signal) {
  const KernelAction action = GetAction(signal);
  return action.handler == HandlerOf(signal) && action.restorer != Restorer();
}

void InstallSignalHandler(int signal) {
  const KernelAction current = GetAction(signal);
  if (current.handler == HandlerOf(signal)) return;
  g_previous[signal] = new PreviousAction{current, g_previous[signal]};
  SetOurAction(signal);
}

// Held while handlers are put in place.
absl::Mutex& InstallMutex() {
  static absl::Mutex& mutex = *new absl::Mutex;
  return mutex;
}

// Ends the process as the signal would have ended it without any handler, once the caller has returned to what was
// interrupted: a fault then happens again, and gives the debugger and the core file the state that they want.
void DieByDefault(int signal, const siginfo_t& info) {
  SetAction(signal, {.handler = nullptr, .flags = kSaRestorer, .restorer = Restorer(), .mask = 0});
  const bool happens_again = info.si_code > 0 && signal != SIGTRAP && signal != SIGSYS;
  if (!happens_again) syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal);
}

void Call(const KernelAction& action, int signal, siginfo_t* info, void* context) {
  if ((action.flags & SA_SIGINFO) != 0) {
    reinterpret_cast<void (*)(int, siginfo_t*, void*)>(action.handler)(signal, info, context);
  } else {
    reinterpret_cast<void (*)(int)>(action.handler)(signal);
  }
}

// A signal that has nothing to do with guests. The handler that was there before us runs as if it were there still.
// When it gives up, it commonly puts back what it had found and raises the signal again: if that was us, then what was
// there before is next.
void PassOn(int signal, siginfo_t* info, void* context) {
  const PreviousAction* previous = g_previous[signal];
  if (previous != nullptr && previous == t_passing_on_to && IsPutBack(signal)) {
    previous = previous->older;
    g_previous[signal] = previous;
  }
  const KernelAction action = previous == nullptr ? KernelAction{} : previous->action;
  const bool ignored = action.handler == reinterpret_cast<void*>(SIG_IGN);
  if (ignored && info->si_code <= 0) return;
  if (ignored || action.handler == nullptr) return DieByDefault(signal, *info);

  SetOurAction(signal);
  if ((action.flags & SA_RESETHAND) != 0) g_previous[signal] = previous->older;
  const SignalMask mask = static_cast<ucontext_t*>(context)->uc_sigmask.__val[0];
  SetSignalMask(mask | action.mask | ((action.flags & SA_NODEFER) != 0 ? 0 : MaskOf(signal)));
  const PreviousAction* const outer = std::exchange(t_passing_on_to, previous);
  Call(action, signal, info, context);
  t_passing_on_to = outer;
  if (IsPutBack(signal)) {
    g_previous[signal] = previous->older;
    SetOurAction(signal);
  }
}

bool RecoverSafeCopy(int signal, ucontext_t& context) {
  if (signal != SIGSEGV && signal != SIGBUS) return false;
  greg_t& rip = context.uc_mcontext.gregs[REG_RIP];
  if (rip < reinterpret_cast<greg_t>(zirconia_engine_safe_copy_begin) ||
      rip >= reinterpret_cast<greg_t>(zirconia_engine_safe_copy_end)) {
    return false;
  }
  rip = reinterpret_cast<greg_t>(zirconia_engine_safe_copy_fault);
  return true;
}

}  // namespace

SignalMask AsynchronousSignals() {
  SignalMask mask = ~SignalMask{0};
  for (const int signal : kTrapSignals) mask &= ~MaskOf(signal);
  return mask;
}

SignalMask SetSignalMask(SignalMask mask) {
  SignalMask old = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &old, sizeof(SignalMask));
  return old;
}

void InstallSignalHandlers() {
  absl::MutexLock lock(&InstallMutex());
  for (const int signal : kTrapSignals) InstallSignalHandler(signal);
  InstallSignalHandler(kInterruptSignal);
}

// Called by signal_entry.S with the host's state in place.
extern "C" void zirconia_engine_on_signal(int signal, siginfo_t* info, ucontext_t* context, TrapFrame* trap) {
  const bool in_guest = trap->context != nullptr && trap->context->in_guest.load(std::memory_order_relaxed) != 0;
  if (in_guest && (signal == kInterruptSignal || info->si_code > 0)) return AnswerTrap(signal, *info, *context, *trap);
  if (AnswerHostFault(signal, *info, *context)) return;
  if (RecoverSafeCopy(signal, *context)) return;
  if (in_guest) {
    // Sent by somebody: no trap, so the handler before us runs in the host's name and guest code goes on.
    trap->context->in_guest.store(0, std::memory_order_relaxed);
    trap->to_guest = 1;
  }
  PassOn(signal, info, context);
}

}  // namespace zirconia::platform::engine

namespace zirconia::platform {

void InstallFaultHandlers() {
  absl::MutexLock lock(&engine::InstallMutex());
  for (const int signal : {SIGSEGV, SIGBUS}) engine::InstallSignalHandler(signal);
}

void EnableSafeCopy() { InstallFaultHandlers(); }

}  // namespace zirconia::platform
