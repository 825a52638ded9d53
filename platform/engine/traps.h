// Turns a signal that stopped guest code into a GuestEvents call, and its answer into the signal frame to return by.
#ifndef ZIRCONIA_PLATFORM_ENGINE_TRAPS_H_
#define ZIRCONIA_PLATFORM_ENGINE_TRAPS_H_

#include <signal.h>
#include <ucontext.h>

#include "platform/engine/context.h"

namespace zirconia::platform::engine {

// Called on the alternate stack of a guest thread that was in guest mode, with the interrupt signal masked. What the
// guest goes on with (or the engine's way out) is then in `frame` and `trap`.
void AnswerTrap(int signal, const siginfo_t& info, ucontext_t& frame, TrapFrame& trap);

}  // namespace zirconia::platform::engine

#endif  // ZIRCONIA_PLATFORM_ENGINE_TRAPS_H_
