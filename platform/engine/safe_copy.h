// A copy that survives memory that can't be touched.
#ifndef ZIRCONIA_PLATFORM_ENGINE_SAFE_COPY_H_
#define ZIRCONIA_PLATFORM_ENGINE_SAFE_COPY_H_

#include <cstddef>

extern "C" bool zirconia_engine_safe_copy(void* to, const void* from, size_t size);

namespace zirconia::platform {

// Makes SafeCopy work in this process; creating an in-process engine does so too. Any number of times; thread-safe. To
// be repeated after somebody else has installed handlers of SIGSEGV or SIGBUS.
void EnableSafeCopy();

// Copies `size` bytes upwards. False if a byte of either side couldn't be read or written (SIGSEGV, SIGBUS); an unknown
// part of `to` is then overwritten. On any thread whose SIGSEGV and SIGBUS aren't blocked, also within a GuestEvents
// call. Neither locks nor allocates.
inline bool SafeCopy(void* to, const void* from, size_t size) { return zirconia_engine_safe_copy(to, from, size); }

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_ENGINE_SAFE_COPY_H_
