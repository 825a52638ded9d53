#include "tools/bench/benchmark.h"

#include <algorithm>

namespace zirconia::bench {
namespace {

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

absl::StatusOr<Result> Measure(const Benchmark& benchmark, const Settings& settings) {
  Result result{
      .name = benchmark.name, .floor_name = benchmark.floor_name, .wanted = benchmark.wanted, .note = benchmark.note};
  const int rounds = settings.quick ? 1 : benchmark.rounds;
  std::vector<Pair> pairs;
  if (benchmark.pairs) {
    auto made = benchmark.pairs(rounds);
    if (!made.ok()) return made.status();
    pairs = *std::move(made);
  } else {
    for (int round = 0; round < rounds; ++round) {
      const auto sample = benchmark.subject();
      if (!sample.ok()) return sample.status();
      result.host_calls = round == 0 ? sample->host_calls : std::min(sample->host_calls, result.host_calls);
      const auto floor = benchmark.floor ? benchmark.floor() : absl::StatusOr<double>(0.0);
      if (!floor.ok()) return floor.status();
      pairs.push_back({sample->nanoseconds, *floor});
    }
  }
  const auto fastest = [&](double Pair::*side) {
    double least = pairs.front().*side;
    for (const Pair& pair : pairs) least = std::min(least, pair.*side);
    return least;
  };
  result.nanoseconds = fastest(&Pair::subject);
  if (!benchmark.floor && !benchmark.pairs) return result;
  result.floor_nanoseconds = fastest(&Pair::floor);
  std::vector<double> ratios;
  ratios.reserve(pairs.size());
  for (const Pair& pair : pairs) ratios.push_back(pair.subject / pair.floor);
  result.ratio = Median(std::move(ratios));
  return result;
}

}  // namespace zirconia::bench
