// Files that crashed runs have left behind.
#ifndef ZIRCONIA_PLATFORM_BACKING_SWEEP_H_
#define ZIRCONIA_PLATFORM_BACKING_SWEEP_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "platform/host.h"

namespace zirconia::platform {

// Backing files with a name of Zirconia's choosing are named "zirconia-", sixteen hexadecimal digits, ".memory", and
// their owner holds an exclusive flock on them from creation to close; the host drops it when the process dies,
// however it dies. So a file by such a name that can be locked belongs to nobody.
//
// The gap between creating and locking is closed from both sides: a sweeper takes a name away only while it has the
// lock; and who creates a file looks, when it has the lock, whether the name is still there, and starts over if not.

// A name by this pattern that nobody is likely to have.
std::string RandomSweepableName();
bool IsSweepableName(std::string_view name);

// Takes away the files by such names in `directory` that are regular files of this user and belong to nobody. What
// can't be opened, locked or read is left alone, without an error. Returns how many are gone.
size_t SweepStaleFiles(Host& host, const std::string& directory);

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_BACKING_SWEEP_H_
