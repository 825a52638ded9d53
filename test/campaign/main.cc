// zirconia-campaign: the long campaigns, as a command. `tools/dev campaign` builds and runs it.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "platform/host_linux.h"
#include "platform/host_probe.h"
#include "test/campaign/exhaustive.h"
#include "test/campaign/random.h"
#include "test/campaign/soak.h"
#include "tools/zirconia/whole_number.h"

namespace {

using zirconia::platform::RemapStrategy;

constexpr int kLoss = 1;
constexpr int kUsageError = 2;

struct Arguments {
  uint64_t seed = 1;
  uint64_t operations = 100000;
  uint64_t one_in = 50;
  std::string remap = "auto";
  double minutes = 0;
  unsigned threads = 3;
  bool exhaustive = false;
};

std::optional<RemapStrategy> StrategyOf(const std::string& name) {
  if (name != "auto") return zirconia::platform::ParseRemapStrategy(name);
  zirconia::platform::LinuxHost host;
  return zirconia::platform::ChooseRemapStrategy(zirconia::platform::ProbeHostAtStart(host));
}

// Where more calls fail than this, one that must succeed fails twelve times in a row before long. A machine stops then,
// on purpose: that is no loss, and no finding.
constexpr uint64_t kMostOften = 10;

CLI::Validator OneIn() {
  const auto check = [](std::string& text) -> std::string {
    uint64_t number = 0;
    const bool fits = absl::SimpleAtoi(text, &number) && (number == 0 || number >= kMostOften);
    return fits ? "" : absl::StrFormat("'%s' is neither 0 nor at least %d", text, kMostOften);
  };
  return CLI::Validator(check, "");
}

CLI::Validator Minutes() {
  constexpr double kMost = 1e6;
  const auto check = [](std::string& text) -> std::string {
    double number = 0;
    const bool fits = absl::SimpleAtod(text, &number) && number > 0 && number <= kMost;
    return fits ? "" : absl::StrFormat("'%s' isn't a number of minutes", text);
  };
  return CLI::Validator(check, "");
}

// A line that is written over again and again; nothing where nobody looks.
class Progress {
 public:
  void Show(const std::string& line) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
  }
  void Clear() const {
    if (terminal_) std::fputs("\r\x1b[K", stderr);
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  std::chrono::steady_clock::time_point last_;
};

int RunExhaustive(RemapStrategy strategy) {
  zirconia::campaign::Matrix matrix;
  size_t findings = 0;
  for (const auto& sequence : zirconia::campaign::Sequences()) {
    for (const auto& f : zirconia::campaign::RunExhaustively(sequence, {.remap = strategy}, matrix)) {
      std::cout << "LOST: " << f.sequence << ": " << f.where << ": " << f.what << "\n";
      ++findings;
    }
  }
  std::cout << matrix;
  for (const std::string& cell : matrix.EmptyCells()) {
    std::cout << "never really happened: " << cell << "\n";
    ++findings;
  }
  return findings == 0 ? 0 : kLoss;
}

int RunRandom(const Arguments& arguments, RemapStrategy strategy) {
  Progress progress;
  zirconia::campaign::RandomOptions options;
  options.seed = arguments.seed;
  options.operations = arguments.operations;
  options.one_in = arguments.one_in;
  options.remap = strategy;
  options.progress = [&](uint64_t done) {
    progress.Show(absl::StrFormat("%d of %d operations", done, arguments.operations));
  };
  const zirconia::campaign::RandomResult result = zirconia::campaign::RunRandomly(options);
  progress.Clear();
  const std::string name(zirconia::platform::RemapStrategyName(strategy));
  if (!result.status.ok()) {
    std::cout << absl::StrFormat("LOST after operation %d (%s): %s\n", result.operation, result.last,
                                 result.status.message())
              << absl::StrFormat("replay: tools/dev campaign --seed %d --operations %d --remap=%s --one-in %d\n",
                                 arguments.seed, result.operation, name, arguments.one_in);
    return kLoss;
  }
  std::cout << absl::StrFormat(
      "%d operations with %s, seed %d: nothing lost. %d host calls failed, %d of them tearing; %d operations were "
      "refused; "
      "%d host mappings evicted.\n",
      result.operation, name, arguments.seed, result.faults, result.torn, result.refused, result.evictions);
  return 0;
}

int RunSoak(const Arguments& arguments, RemapStrategy strategy) {
  Progress progress;
  zirconia::campaign::SoakOptions options;
  options.seed = arguments.seed;
  options.seconds = arguments.minutes * 60;
  options.threads = arguments.threads;
  options.one_in = arguments.one_in;
  options.remap = strategy;
  options.progress = [&](double seconds, uint64_t touches) {
    progress.Show(absl::StrFormat("%.0f of %.0f seconds, %d touches", seconds, arguments.minutes * 60, touches));
  };
  const zirconia::campaign::SoakResult result = zirconia::campaign::RunSoak(options);
  progress.Clear();
  const std::string name(zirconia::platform::RemapStrategyName(strategy));
  if (!result.status.ok()) {
    std::cout << "LOST: " << result.status.message() << "\n"
              << absl::StrFormat(
                     "replay (threads: not exactly): tools/dev campaign --seed %d --minutes %g --threads %d --remap=%s "
                     "--one-in %d\n",
                     arguments.seed, arguments.minutes, arguments.threads, name, arguments.one_in);
    return kLoss;
  }
  std::cout << absl::StrFormat(
      "%.1f minutes with %s, seed %d: nothing lost. %d touches by guest threads, %d by host threads, %d remappings, %d "
      "host calls failed. Descriptors, mappings, frames: %d, %d, %d at the start, %d, %d, %d at the end.\n",
      arguments.minutes, name, arguments.seed, result.guest_touches, result.host_touches, result.remaps, result.faults,
      result.before.descriptors, result.before.mappings, result.frames_before, result.after.descriptors,
      result.after.mappings, result.frames_after);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Arguments arguments;
  CLI::App app{"Operations at random while host calls fail; exit status 1 if anything is lost", "tools/dev campaign"};
  const CLI::Validator number = zirconia::cli::WholeNumber();
  app.add_option("--seed", arguments.seed, "which operations and failures")->transform(number)->capture_default_str();
  CLI::Option* const operations =
      app.add_option("--operations", arguments.operations, "how many")->transform(number)->capture_default_str();
  app.add_option("--one-in", arguments.one_in, "one host call in so many fails; 0: none")
      ->transform(number)
      ->check(OneIn())
      ->capture_default_str();
  app.add_option("--remap", arguments.remap, "auto, direct, reserve, stage or naive")->capture_default_str();
  CLI::Option* const minutes =
      app.add_option("--minutes", arguments.minutes, "soak: threads touch what others remap, for so long instead")
          ->check(Minutes())
          ->excludes(operations);
  app.add_option("--threads", arguments.threads, "soak: guest threads, and host threads that remap, of each so many")
      ->capture_default_str()
      ->check(CLI::Range(1, 64))
      ->needs(minutes);
  app.add_flag("--exhaustive", arguments.exhaustive, "the exhaustive campaign instead, with its matrix")
      ->excludes(operations)
      ->excludes(minutes);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::cerr << "zirconia-campaign: " << error.what() << "\n";
    return kUsageError;
  }
  const std::optional<RemapStrategy> strategy = StrategyOf(arguments.remap);
  if (!strategy.has_value()) {
    std::cerr << "zirconia-campaign: --remap wants auto, direct, reserve, stage or naive\n";
    return kUsageError;
  }
  if (arguments.exhaustive) return RunExhaustive(*strategy);
  if (arguments.minutes > 0) return RunSoak(arguments, *strategy);
  return RunRandom(arguments, *strategy);
}
