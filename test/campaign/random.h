// A long random campaign, by seed.
#ifndef ZIRCONIA_TEST_CAMPAIGN_RANDOM_H_
#define ZIRCONIA_TEST_CAMPAIGN_RANDOM_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "platform/remap.h"
#include "test/campaign/model.h"

namespace zirconia::campaign {

struct RandomOptions {
  uint64_t seed = 1;
  uint64_t operations = 100000;
  uint64_t one_in = 50;  // of the host calls of each kind, so many fail; 0: none
  platform::RemapStrategy remap = platform::RemapStrategy::kDirect;
  std::function<void(uint64_t done)> progress = nullptr;  // now and then
  // Called for the model before each operation; for tests of the campaign itself.
  std::function<void(uint64_t operation, Model& model)> disturb_model = nullptr;
};

struct RandomResult {
  absl::Status status;     // what was lost, altered or leaked
  uint64_t operation = 0;  // the number of the operation after which that was found, from 1; else how many were done
  std::string last;        // that operation
  uint64_t refused = 0;    // operations that failed because a host call did, or room ran out
  uint64_t faults = 0;     // host calls that failed
  uint64_t torn = 0;       // of these, those that tore a mapping down
  uint64_t evictions = 0;
};

// The same seed gives the same operations and the same failures, as long as the campaign itself isn't changed. Every
// 2,000 operations the machine is a new one, of another size; that it leaks no descriptor and no mapping is checked.
RandomResult RunRandomly(const RandomOptions& options);

// How many descriptors this process has open, and how many mappings of machines' memory and windows.
struct Leftovers {
  uint64_t descriptors = 0;
  uint64_t mappings = 0;  // all lines of /proc/self/maps
  uint64_t shared = 0;    // those of a backing file
};
Leftovers CountLeftovers();

}  // namespace zirconia::campaign

#endif  // ZIRCONIA_TEST_CAMPAIGN_RANDOM_H_
