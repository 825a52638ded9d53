// Starting helper processes.
#ifndef ZIRCONIA_PLATFORM_HELPER_PROCESS_H_
#define ZIRCONIA_PLATFORM_HELPER_PROCESS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "platform/host.h"

namespace zirconia::platform {

struct HelperOptions {
  std::string path;                              // of the executable; no search
  std::vector<std::string> arguments;            // after the program's own name
  std::vector<std::pair<int, int>> descriptors;  // (ours, the helper's number); it gets these and 0 to 2 only
};

// Starts a program as a child process, which inherits the environment; posix_spawn, never a bare fork, because this
// process has threads, and because a host may kill the child of a fork whose executable is gone from the disk.
// NOT_FOUND: the executable isn't on disk (any more), and the message says so. Otherwise the host's error.
absl::StatusOr<int> SpawnHelper(Host& host, const HelperOptions& options);

// Waits for a helper to end: its exit status, or 128 and the number of the signal that ended it.
absl::StatusOr<int> WaitForHelper(Host& host, int pid);

// Where this very program lies, to start more of it. NOT_FOUND: it was deleted since it was started.
// FAILED_PRECONDITION: another one stands in its place, as after a new build: what it speaks may differ.
absl::StatusOr<std::string> OwnExecutable(Host& host);

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_HELPER_PROCESS_H_
