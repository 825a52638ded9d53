// Signals as far as standard C has them: a program may raise one for itself.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

static sighandler_t handlers[NSIG];

sighandler_t signal(int signal, sighandler_t handler) {
  if (signal <= 0 || signal >= NSIG) return errno = EINVAL, SIG_ERR;
  return __atomic_exchange_n(&handlers[signal], handler, __ATOMIC_ACQ_REL);
}

int raise(int signal) {
  if (signal <= 0 || signal >= NSIG) return errno = EINVAL, -1;
  const sighandler_t handler = __atomic_load_n(&handlers[signal], __ATOMIC_ACQUIRE);
  if (handler == SIG_IGN) return 0;
  if (handler == SIG_DFL) abort();
  __atomic_store_n(&handlers[signal], SIG_DFL, __ATOMIC_RELEASE);
  handler(signal);
  return 0;
}
