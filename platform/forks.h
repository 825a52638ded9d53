// Whether what was made is this process's, or its parent's.
#ifndef ZIRCONIA_PLATFORM_FORKS_H_
#define ZIRCONIA_PLATFORM_FORKS_H_

#include <cstdint>

namespace zirconia::platform {

// How many forks lie between the process that asked first and this one. What was made at another count belongs to the
// parent: its memory is shared with the parent, which goes on using it, while what is known of that memory was copied.
// Who makes something that depends on that keeps the count. Any thread; later calls also in signal handlers.
uint32_t ForkCount();

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_FORKS_H_
