// Guest threads and host threads touch what others remap, for as long as one likes.
#ifndef ZIRCONIA_TEST_CAMPAIGN_SOAK_H_
#define ZIRCONIA_TEST_CAMPAIGN_SOAK_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "platform/remap.h"
#include "test/campaign/random.h"

namespace zirconia::campaign {

struct SoakOptions {
  uint64_t seed = 1;
  double seconds = 1;
  unsigned threads = 3;  // so many guest threads, and so many host threads
  uint64_t one_in = 50;
  platform::RemapStrategy remap = platform::RemapStrategy::kDirect;
  std::function<void(double seconds, uint64_t touches)> progress = nullptr;
};

struct SoakResult {
  absl::Status status;
  uint64_t guest_touches = 0;
  uint64_t host_touches = 0;
  uint64_t remaps = 0;
  uint64_t faults = 0;  // host calls that failed
  Leftovers before, after;
  uint64_t frames_before = 0, frames_after = 0;
};

// In one address space, guest threads read all pages of a range over and over, and each must show one of the two things
// that it may: host threads map two VMOs, and snapshots of them, over each other there, change protections, read, and
// write what stands there anew, so that it is copied. Besides, each host
// thread has an address space of its own for random operations against a model. All share frames, the budget of host
// mappings, which is small, and a host whose calls fail. At the end there are as many descriptors, mappings and frames
// as at the beginning. In a process of its own: it leaves the engine's signal handlers installed.
SoakResult RunSoak(const SoakOptions& options);

}  // namespace zirconia::campaign

#endif  // ZIRCONIA_TEST_CAMPAIGN_SOAK_H_
