// The engine's signals: which they are, how they are installed, and what happens to those that aren't a guest's.
#ifndef ZIRCONIA_PLATFORM_ENGINE_SIGNALS_H_
#define ZIRCONIA_PLATFORM_ENGINE_SIGNALS_H_

#include <signal.h>
#include <ucontext.h>

#include <cstdint>

namespace zirconia::platform::engine {

// The signal that takes a guest thread out of guest code: a real-time signal that nobody is known to use.
inline constexpr int kInterruptSignal = 62;

// A signal set as the kernel has it: bit n - 1 is signal n.
using SignalMask = uint64_t;

constexpr SignalMask MaskOf(int signal) { return SignalMask{1} << (signal - 1); }

// All signals but those that the processor causes: those must never be blocked.
SignalMask AsynchronousSignals();

// Sets the calling thread's mask and returns the old one. Unlike the C library's function it blocks that library's own
// signals too.
SignalMask SetSignalMask(SignalMask mask);

// Installs the engine's handlers where they aren't in place; what was there is called for signals that are neither a
// guest's nor recovered from. Any number of times: others (test frameworks) exchange handlers too. Thread-safe.
void InstallSignalHandlers();

// A fault of a thread that isn't a guest's, or of one in host code: whether a HostFaultRange has answered it
// (host_faults.h).
bool AnswerHostFault(int signal, const siginfo_t& info, const ucontext_t& context);

}  // namespace zirconia::platform::engine

#endif  // ZIRCONIA_PLATFORM_ENGINE_SIGNALS_H_
