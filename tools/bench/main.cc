// zirconia-bench: measures each operation beside its floor.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "tools/bench/benchmark.h"
#include "tools/bench/report.h"

namespace zirconia::bench {
namespace {

constexpr int kUsageError = 2;

struct Options {
  Settings settings;
  std::string json;
  std::string filter;
  bool list = false;
};

int Run(const Options& options) {
  std::ofstream json;
  if (!options.json.empty()) {
    json.open(options.json);
    if (!json) {
      std::cerr << "zirconia-bench: can't write " << options.json << "\n";
      return kUsageError;
    }
  }
  std::vector<Benchmark> benchmarks;
  for (const auto group : {RemapBenchmarks, SafeRemapBenchmarks, ManyMappingsBenchmarks, BookkeepingBenchmarks,
                           MemoryBenchmarks, SyscallBenchmarks, ProgramBenchmarks}) {
    for (Benchmark& benchmark : group(options.settings)) {
      if (benchmark.name.find(options.filter) != std::string::npos) benchmarks.push_back(std::move(benchmark));
    }
  }
  if (benchmarks.empty()) {
    std::cerr << "zirconia-bench: no row's name contains '" << options.filter << "' (--list shows them)\n";
    return kUsageError;
  }
  std::vector<Result> results;
  for (Benchmark& benchmark : benchmarks) {
    if (options.list) {
      std::cout << benchmark.name << "\n";
      continue;
    }
    if (isatty(STDERR_FILENO) != 0) std::cerr << "\r\033[K" << benchmark.name << std::flush;
    auto result = Measure(benchmark, options.settings);
    if (isatty(STDERR_FILENO) != 0) std::cerr << "\r\033[K" << std::flush;
    if (!result.ok()) {
      std::cerr << "zirconia-bench: " << benchmark.name << ": " << result.status().message() << "\n";
      return 1;
    }
    results.push_back(*std::move(result));
    benchmark = {};  // frees what it used
  }
  if (options.list) return 0;
  std::cout << ResultsAsTable(results) << std::flush;
  if (json.is_open()) json << ResultsAsJson(results, options.settings) << std::flush;
  return std::cout.good() && !json.fail() ? 0 : 1;
}

}  // namespace
}  // namespace zirconia::bench

int main(int argc, char** argv) {
  // The search for deadlocks in lock orders would be measured with every call.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("zirconia", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
  spdlog::set_level(spdlog::level::warn);

  CLI::App app{"zirconia-bench: each operation, its time, its floor, and the ratio"};
  zirconia::bench::Options options;
  app.add_option("--json", options.json, "Write the table to this file too, as JSON");
  app.add_option("--filter", options.filter, "Only rows whose name contains this");
  app.add_flag("--quick", options.settings.quick,
               "One round, little memory: whether everything runs, not what it costs");
  app.add_flag("--list", options.list, "Print the rows' names and measure nothing");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);  // --help
    std::cerr << "zirconia-bench: " << error.what() << " (see --help)\n";
    return zirconia::bench::kUsageError;
  }
  return zirconia::bench::Run(options);
}
