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

// What one round of an operation gave.
struct Sample {
  double nanoseconds = 0;                           // for each operation
  std::optional<double> host_calls = std::nullopt;  // made through platform::Host, for each operation
};

// The floor of an operation is the least that this host must be asked for to get the same effect, written out as raw
// host calls. Subject and floor are measured in alternate rounds; each call of the functions is one round, and their
// fixtures are made by the first.
struct Benchmark {
  std::string name;
  std::function<absl::StatusOr<Sample>()> subject;
  std::string floor_name = {};                         // what the floor does; empty: there is none
  std::function<absl::StatusOr<double>()> floor = {};  // nanoseconds for each operation
  std::optional<double> wanted = std::nullopt;         // the ratio that is to be reached, at most
  std::string note = {};
  int rounds = 25;
};

struct Result {
  std::string name;
  double nanoseconds = 0;
  std::optional<double> host_calls = std::nullopt;
  std::string floor_name = {};
  std::optional<double> floor_nanoseconds = std::nullopt;
  std::optional<double> wanted = std::nullopt;
  std::string note = {};
  std::optional<double> ratio() const {
    if (!floor_nanoseconds.has_value() || *floor_nanoseconds <= 0) return std::nullopt;
    return nanoseconds / *floor_nanoseconds;
  }
};

// Runs all rounds. The figures are those of the fastest round of each side: whatever else this machine does only adds
// to the time, and it adds to both.
absl::StatusOr<Result> Measure(const Benchmark& benchmark, const Settings& settings);

// Host-side operations on address spaces: map, unmap, protect, replace.
std::vector<Benchmark> RemapBenchmarks(const Settings& settings);
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
