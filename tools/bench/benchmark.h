// One row of the table: an operation beside its floor.
#ifndef ZIRCONIA_TOOLS_BENCH_BENCHMARK_H_
#define ZIRCONIA_TOOLS_BENCH_BENCHMARK_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace zirconia::bench {

struct Settings {
  bool quick = false;  // one round, and less memory: shows that everything runs, not what it costs
};

// What one round of an operation gave, for each operation.
struct Sample {
  double nanoseconds = 0;
  std::optional<double> host_calls = std::nullopt;  // made through platform::Host
};

// One round of both sides, in nanoseconds for each operation.
struct Pair {
  double subject = 0;
  double floor = 0;
};

// The floor of an operation is the least that this host must be asked for to get the same effect, written out as raw
// host calls. Subject and floor are measured in alternate rounds: each call of `subject` and of `floor` is one. Where
// they can take turns more closely than that, `pairs` stands in their place and makes so many rounds at once. Fixtures
// are made by the first call.
struct Benchmark {
  std::string name;
  std::function<absl::StatusOr<Sample>()> subject = {};
  std::string floor_name = {};  // what the floor does; empty: there is none
  std::function<absl::StatusOr<double>()> floor = {};
  std::function<absl::StatusOr<std::vector<Pair>>(int rounds)> pairs = {};
  std::optional<double> wanted = std::nullopt;  // the ratio that is to be reached, at most
  std::string note = {};
  int rounds = 25;
};

struct Result {
  std::string name;
  double nanoseconds = 0;
  std::optional<double> host_calls = std::nullopt;
  std::string floor_name = {};
  std::optional<double> floor_nanoseconds = std::nullopt;
  std::optional<double> ratio = std::nullopt;
  std::optional<double> wanted = std::nullopt;
  std::string note = {};
};

// Runs all rounds. Times are those of the fastest round of each side, since what else the machine does only adds to
// them. The ratio is the median of the ratios of neighbouring rounds: a machine that is slow for a while is slow for
// both. Host calls are those of the round that made the fewest.
absl::StatusOr<Result> Measure(const Benchmark& benchmark, const Settings& settings);

// Host-side operations on address spaces: map, unmap, protect, replace.
std::vector<Benchmark> RemapBenchmarks(const Settings& settings);
// The safe remap alone, by strategy.
std::vector<Benchmark> SafeRemapBenchmarks(const Settings& settings);
// More mappings than the host permits.
std::vector<Benchmark> ManyMappingsBenchmarks(const Settings& settings);
// VMOs and VMARs by themselves, without a host.
std::vector<Benchmark> BookkeepingBenchmarks(const Settings& settings);
// What guests do with memory: faults, first touches, a large VMO.
std::vector<Benchmark> MemoryBenchmarks(const Settings& settings);
// System calls of guests, the start of a process.
std::vector<Benchmark> SyscallBenchmarks(const Settings& settings);
// Whole programs: hashing, the realization policies.
std::vector<Benchmark> ProgramBenchmarks(const Settings& settings);

// The time that `action` takes, in nanoseconds.
template <typename Action>
double TimeOf(Action action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace zirconia::bench

#endif  // ZIRCONIA_TOOLS_BENCH_BENCHMARK_H_
