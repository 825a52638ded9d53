// Small files of the host's /proc, read through `Host`.
#ifndef ZIRCONIA_PLATFORM_HOST_FILES_H_
#define ZIRCONIA_PLATFORM_HOST_FILES_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "mm/pool.h"
#include "mm/units.h"
#include "platform/host.h"

namespace zirconia::platform {

// The number in a file such as /proc/sys/vm/max_map_count; nullopt where it can't be read.
std::optional<uint64_t> ReadHostNumber(Host& host, const char* path);

// One line of /proc/self/maps: a mapping as the host has it.
struct HostVma {
  mm::VirtRange range;
  mm::Protection protection;
  bool shared = false;
  uint64_t offset = 0;  // in the file
  uint64_t device = 0;  // 0 with inode 0: anonymous
  uint64_t inode = 0;
  mm::PoolString path;
  friend bool operator==(const HostVma&, const HostVma&) = default;
};

// Page faults may need these: nothing comes from malloc. The host's mappings that overlap `range`, whole, in address
// order, unmerged as the host has them.
absl::StatusOr<mm::PoolVector<HostVma>> ReadHostVmas(Host& host, mm::VirtRange range);

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_HOST_FILES_H_
