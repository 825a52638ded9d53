// Simulated memory and the host's own system calls.
//
// In a program that uses the host library, mapped addresses are real ones, and are handed to the host's system calls
// too: write(fd, p, n), read(fd, p, n). Those don't fault where a page isn't there yet: they fail with EFAULT. So:
//
//   - The host may read what is mapped readable: what is committed is what it is, all else is zeros.
//   - The host may write into what is mapped writable only after zirconia_prepare_host_write, or after the program
//     itself has written to each of the pages, until the next call that takes pages away (decommit, zero, a snapshot of
//     the VMO, ...).
//   - While another thread changes a VMO (or writes, for the first time, to a page that this thread shows too), a host
//     call may find the page gone for a moment, and fail with EFAULT. It can be repeated.
//   - A pager-backed VMO's pages are there when they were supplied.
//   - The host has a limit of mappings (vm.max_map_count, 65530 by default). A program that needs more, because its
//     memory lies scattered, finds that some of it has to be touched, or prepared, again.
#ifndef ZIRCONIA_HOST_MEMORY_H_
#define ZIRCONIA_HOST_MEMORY_H_

#include <stddef.h>
#include <zircon/compiler.h>
#include <zircon/types.h>

__BEGIN_CDECLS

// Makes [address, address + size) ready for the host to write into, or to read: commits what isn't committed (for
// writing), and maps it. A range that isn't simulated memory at all is ready as it is.
//
// ZX_ERR_NOT_FOUND: nothing is mapped at some of it. ZX_ERR_ACCESS_DENIED: a mapping doesn't permit it.
// ZX_ERR_OUT_OF_RANGE: it lies beyond the end of its VMO, or wraps around. ZX_ERR_NO_MEMORY: no memory is left. In each
// case a part of it may have been made ready.
zx_status_t zirconia_prepare_host_write(void* address, size_t size);
zx_status_t zirconia_prepare_host_read(const void* address, size_t size);

// Puts the library's handlers of SIGSEGV and SIGBUS in place again, where the program has set others since it made its
// first zx_* call; those are called for faults that have nothing to do with simulated memory. zx_vmar_map does so too.
void zirconia_install_fault_handlers(void);

__END_CDECLS

#endif  // ZIRCONIA_HOST_MEMORY_H_
