// Which kind of file the machine's memory is.
#ifndef ZIRCONIA_PLATFORM_BACKING_POLICY_H_
#define ZIRCONIA_PLATFORM_BACKING_POLICY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace zirconia::platform {

// Hosts differ in what they allow: no memfd, no executable mappings on some mounts, none of a file whose name is gone.
enum class BackingPolicy : uint8_t {
  kMemfd,         // memory that never has a name; the only one whose size can be sealed
  kTmpfile,       // O_TMPFILE: a file of a directory's file system that never has a name
  kUnlinked,      // created under a name, which is taken away before anything is mapped
  kUnlinkLate,    // ... which is taken away once the host has allowed the first executable mapping
  kUnlinkAtExit,  // ... which is taken away when the file is closed
  kKept,          // stays at a path of the caller's, with the machine's last state in it
};

// As it is written on the command line, e.g. "unlink-late".
std::string_view BackingPolicyName(BackingPolicy policy);

// What a caller wants. The policies are tried in order, each in every directory, until the host allows one.
struct BackingChoice {
  std::vector<BackingPolicy> policies{BackingPolicy::kMemfd};
  std::string directory;  // for files; empty: $TMPDIR, or else /dev/shm, /tmp and /var/tmp
  std::string path;       // kKept: where; nothing may stand there yet

  // Every policy but kKept, those that leave the least behind first.
  static BackingChoice Auto();
  // "auto", or policies separated by commas; then, where a file is meant, ":DIRECTORY". "kept:PATH" stands alone.
  // INVALID_ARGUMENT: anything else.
  static absl::StatusOr<BackingChoice> Parse(std::string_view text);

  // Where files may be made, in order of preference.
  std::vector<std::string> Directories() const;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_BACKING_POLICY_H_
