#include "tools/bench/benchmark.h"

#include <algorithm>

namespace zirconia::bench {

absl::StatusOr<Result> Measure(const Benchmark& benchmark, const Settings& settings) {
  Result result{
      .name = benchmark.name, .floor_name = benchmark.floor_name, .wanted = benchmark.wanted, .note = benchmark.note};
  const int rounds = settings.quick ? 1 : benchmark.rounds;
  for (int round = 0; round < rounds; ++round) {
    const auto sample = benchmark.subject();
    if (!sample.ok()) return sample.status();
    if (round == 0 || sample->nanoseconds < result.nanoseconds) {
      result.nanoseconds = sample->nanoseconds;
      result.host_calls = sample->host_calls;
    }
    if (!benchmark.floor) continue;
    const auto floor = benchmark.floor();
    if (!floor.ok()) return floor.status();
    result.floor_nanoseconds = std::min(*floor, result.floor_nanoseconds.value_or(*floor));
  }
  return result;
}

}  // namespace zirconia::bench
