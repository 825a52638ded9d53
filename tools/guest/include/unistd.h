#pragma once
#include <guest_linkage.h>
#include <stdint.h>
#include <sys/types.h>
#define STDIN_FILENO 0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2
#define _SC_PAGESIZE 30
#define _SC_PAGE_SIZE 30
#define _SC_NPROCESSORS_ONLN 84
#define _SC_PHYS_PAGES 85
__GUEST_BEGIN
void _exit(int code) __GUEST_NOEXCEPT __attribute__((__noreturn__));
ssize_t write(int fd, const void* from, size_t n);
ssize_t read(int fd, void* to, size_t n);
int isatty(int fd) __GUEST_NOEXCEPT;
long sysconf(int name) __GUEST_NOEXCEPT;
int getpagesize(void) __GUEST_NOEXCEPT;
pid_t getpid(void) __GUEST_NOEXCEPT;
unsigned sleep(unsigned seconds);
int usleep(unsigned microseconds);
extern char** environ;
__GUEST_END
