// What was tried, and what really happened.
#ifndef ZIRCONIA_TEST_CAMPAIGN_MATRIX_H_
#define ZIRCONIA_TEST_CAMPAIGN_MATRIX_H_

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "platform/host_faulty.h"

namespace zirconia::campaign {

// Sequence by host call by way of failing: how many runs there were, how many calls failed in them, and in how many of
// these what the way says was really done to the host.
class Matrix {
 public:
  using Key = std::pair<platform::HostCall, platform::FaultMode>;
  struct Cell {
    uint64_t runs = 0;
    uint64_t fired = 0;
    uint64_t effective = 0;
    bool expected = false;
  };

  // A cell that must not be empty at the end: its way of failing must really have happened there.
  void Expect(const std::string& sequence, const Key& key) {
    cells_[{sequence, key.first, key.second}].expected = true;
  }
  void Add(const std::string& sequence, platform::HostCall call, platform::FaultMode mode, uint64_t fired,
           uint64_t effective);

  // The names of the expected cells where nothing really happened.
  std::vector<std::string> EmptyCells() const;
  Cell total() const;

  friend std::ostream& operator<<(std::ostream& out, const Matrix& matrix);

 private:
  std::map<std::tuple<std::string, platform::HostCall, platform::FaultMode>, Cell> cells_;
};

}  // namespace zirconia::campaign

#endif  // ZIRCONIA_TEST_CAMPAIGN_MATRIX_H_
