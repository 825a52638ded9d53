#include "test/campaign/matrix.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace zirconia::campaign {

void Matrix::Add(const std::string& sequence, platform::HostCall call, platform::FaultMode mode, uint64_t fired,
                 uint64_t effective) {
  Cell& cell = cells_[{sequence, call, mode}];
  ++cell.runs;
  cell.fired += fired;
  cell.effective += effective;
}

std::vector<std::string> Matrix::EmptyCells() const {
  std::vector<std::string> empty;
  for (const auto& [key, cell] : cells_) {
    if (cell.effective != 0 || !cell.expected) continue;
    const auto& [sequence, call, mode] = key;
    empty.push_back(absl::StrCat(sequence, ": ", std::string(platform::HostCallName(call)), ", ",
                                 std::string(platform::FaultModeName(mode))));
  }
  return empty;
}

Matrix::Cell Matrix::total() const {
  Cell total;
  for (const auto& [key, cell] : cells_) {
    total.runs += cell.runs;
    total.fired += cell.fired;
    total.effective += cell.effective;
  }
  return total;
}

std::ostream& operator<<(std::ostream& out, const Matrix& matrix) {
  const auto line = [&out](const std::string& sequence, const std::string& call, const std::string& mode,
                           const Matrix::Cell& cell) {
    out << absl::StrFormat("%-44s %-10s %-11s %7d %7d %9d\n", sequence, call, mode, cell.runs, cell.fired,
                           cell.effective);
  };
  out << absl::StrFormat("%-44s %-10s %-11s %7s %7s %9s\n", "sequence", "host call", "failure", "runs", "failed",
                         "really so");
  std::string last;
  for (const auto& [key, cell] : matrix.cells_) {
    const auto& [sequence, call, mode] = key;
    line(sequence == last ? "" : sequence, std::string(platform::HostCallName(call)),
         std::string(platform::FaultModeName(mode)), cell);
    last = sequence;
  }
  line("all", "", "", matrix.total());
  return out;
}

}  // namespace zirconia::campaign
