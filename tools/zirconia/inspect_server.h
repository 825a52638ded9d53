// The machine's side of zirconia inspect.
#ifndef ZIRCONIA_TOOLS_ZIRCONIA_INSPECT_SERVER_H_
#define ZIRCONIA_TOOLS_ZIRCONIA_INSPECT_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "kernel_sim/kernel.h"
#include "platform/memory_server.h"

namespace zirconia::cli {

// Answers inspectors at the socket `path` as long as it lives; `kernel` must outlive it. Guests aren't stopped: an
// answer is a snapshot, taken under the kernel's own locks, which are dropped before it is sent. Nothing can be changed
// through it.
//
// Requests are JSON objects; "process" is a koid, and may be left out where it selects:
//   {"what": "summary" | "maps" | "vmos" | "stats", "as": "text" | "json", "process": K}
//   {"what": "translate", "process": K, "address": A, "length": L}  where the bytes lie in the machine's memory:
//       [[offset or null for zeros, length], ...]; at most kMostTranslated bytes
//   {"what": "read", ...likewise}                                   the bytes themselves
//   {"what": "export", "vmo": K}                                    a sealed copy, as a descriptor
absl::StatusOr<std::unique_ptr<platform::MemoryServer>> ServeInspectors(kernel::Kernel& kernel,
                                                                        const std::string& path);

inline constexpr uint64_t kMostTranslated = uint64_t{1} << 20;
// How much of a VMO may be committed for it to be exported: a copy takes as much of the host's memory again.
inline constexpr uint64_t kMostExported = uint64_t{1} << 30;

}  // namespace zirconia::cli

#endif  // ZIRCONIA_TOOLS_ZIRCONIA_INSPECT_SERVER_H_
