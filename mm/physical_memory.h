// The machine's physical memory, as mm sees it.
#ifndef ZIRCONIA_MM_PHYSICAL_MEMORY_H_
#define ZIRCONIA_MM_PHYSICAL_MEMORY_H_

#include <cstddef>

#include "absl/status/status.h"
#include "mm/units.h"

namespace zirconia::mm {

// A fixed number of frames, all reachable at all times through one linear mapping that belongs to the kernel.
// Implementations: `HeapPhysicalMemory` (tests; no host call) and `platform::BackingFile`. Thread-safe.
class PhysicalMemory {
 public:
  virtual ~PhysicalMemory() = default;

  virtual PageCount size() const = 0;

  // The first byte of the frame through the kernel's linear mapping, readable and writable as long as this object
  // lives. A frame that was never secured may fault for good when it is touched (the host is out of memory): secure
  // first.
  std::byte* data(FrameNumber frame) const { return linear_ + frame.offset().value(); }

  // Makes the host provide the memory behind a run of frames, in one step. RESOURCE_EXHAUSTED: the host can't; content
  // is unchanged either way, and what was partly provided stays harmlessly provided.
  virtual absl::Status Secure(FrameRun run) = 0;

  // Gives the memory behind a run back to the host: it reads as zeros afterwards and is no longer secured. On an error
  // the content is undefined and the run counts as secured.
  virtual absl::Status Discard(FrameRun run) = 0;

 protected:
  explicit PhysicalMemory(std::byte* linear) : linear_(linear) {}
  PhysicalMemory(const PhysicalMemory&) = delete;
  PhysicalMemory& operator=(const PhysicalMemory&) = delete;
  void set_linear(std::byte* linear) { linear_ = linear; }

 private:
  std::byte* linear_;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_PHYSICAL_MEMORY_H_
