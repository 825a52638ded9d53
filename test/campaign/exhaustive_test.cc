// The exhaustive campaign as a test.
#include "test/campaign/exhaustive.h"

#include <catch2/catch.hpp>
#include <iostream>

namespace zirconia::campaign {
namespace {

using platform::FaultMode;
using platform::HostCall;
using platform::RemapStrategy;

// Cells that a strategy adds to every sequence that replaces what is mapped.
std::vector<Matrix::Key> CellsOf(RemapStrategy strategy) {
  switch (strategy) {
    case RemapStrategy::kReserve:
      return {{HostCall::kMunmap, FaultMode::kBefore},
              {HostCall::kMremap, FaultMode::kBefore},
              {HostCall::kMremap, FaultMode::kTear},
              {HostCall::kMremap, FaultMode::kTearHalf},
              {HostCall::kMremap, FaultMode::kHalf}};
    case RemapStrategy::kStage:
      return {{HostCall::kMremap, FaultMode::kBefore}, {HostCall::kMremap, FaultMode::kTear}};
    default:
      return {};
  }
}

void Check(RemapStrategy strategy) {
  Matrix matrix;
  for (const Sequence& sequence : Sequences()) {
    if (sequence.replaces) {
      for (const Matrix::Key& cell : CellsOf(strategy)) matrix.Expect(sequence.name, cell);
    }
    for (const Finding& f : RunExhaustively(sequence, {.remap = strategy}, matrix)) {
      FAIL_CHECK(f.sequence << ": " << f.where << ": " << f.what);
    }
  }
  std::cout << "strategy: " << platform::RemapStrategyName(strategy) << "\n" << matrix << std::endl;
  for (const std::string& cell : matrix.EmptyCells()) FAIL_CHECK("never really happened: " << cell);
  CHECK(matrix.total().effective > 1000);
}

TEST_CASE("direct: whichever host call of a sequence fails, in whatever way, nothing is lost, altered or left behind") {
  Check(RemapStrategy::kDirect);
}
TEST_CASE(
    "reserve: whichever host call of a sequence fails, in whatever way, nothing is lost, altered or left behind") {
  Check(RemapStrategy::kReserve);
}
TEST_CASE("stage: whichever host call of a sequence fails, in whatever way, nothing is lost, altered or left behind") {
  Check(RemapStrategy::kStage);
}

}  // namespace
}  // namespace zirconia::campaign
