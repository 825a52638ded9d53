// Nothing interrupts a guest: a handler is called by raise() alone.
#pragma once
#include <guest_linkage.h>
typedef int sig_atomic_t;
typedef void (*sighandler_t)(int);
#define SIG_DFL ((sighandler_t)0)
#define SIG_IGN ((sighandler_t)1)
#define SIG_ERR ((sighandler_t)-1)
#define SIGINT 2
#define SIGILL 4
#define SIGABRT 6
#define SIGFPE 8
#define SIGSEGV 11
#define SIGTERM 15
#define NSIG 32
__GUEST_BEGIN
sighandler_t signal(int signal, sighandler_t handler) __GUEST_NOEXCEPT;
int raise(int signal);
__GUEST_END
