#include "test/campaign/exhaustive.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "test/campaign/check.h"

namespace zirconia::campaign {
namespace {

using platform::FaultMode;
using platform::FaultyHost;
using platform::HostCall;
using platform::HostCallSet;

// What happens after the operation in which the call failed.
enum class Next { kCheck, kGoOn };

struct Injection {
  size_t step = 0;
  uint64_t call = 1;
  uint64_t times = 1;
  FaultMode mode = FaultMode::kBefore;
  int error = 0;
  Next next = Next::kCheck;
  std::optional<FaultMode> then_mremap = std::nullopt;  // what puts a backup back fails too, in this way
};

struct Outcome {
  FaultyHost::Counts counts;
  std::optional<HostCall> first_failed;
  absl::Status status;  // what is wrong
};

absl::Status During(const absl::Status& status, const char* when, const Operation& op) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(when, " (", Describe(op), "): ", status.message()));
}

class Run {
 public:
  Run(const Sequence& sequence, const platform::HostPageTable::Options& table) : sequence_(sequence), table_(table) {}

  Outcome operator()(const Injection& injection) const {
    MachineOptions options = sequence_.machine;
    options.table = table_;
    options.keep_unsealed = injection.mode == FaultMode::kUnprovided;
    Machine machine(options);
    Model model = ModelOf(machine);
    Outcome outcome;
    for (const Operation& op : sequence_.setup) {
      outcome.status = During(Execute(machine, model, op), "setting the scene", op);
      if (!outcome.status.ok()) return outcome;
    }
    for (size_t i = 0; i < injection.step && outcome.status.ok(); ++i) {
      outcome.status = During(Execute(machine, model, sequence_.script[i]), "undisturbed", sequence_.script[i]);
    }
    if (outcome.status.ok()) outcome.status = Disturbed(machine, model, injection, outcome);
    return outcome;
  }

 private:
  absl::Status Disturbed(Machine& machine, Model& model, const Injection& injection, Outcome& outcome) const {
    const Operation& op = sequence_.script[injection.step];
    machine.faulty.Fail({.first = injection.call,
                         .times = injection.times,
                         .mode = injection.mode,
                         .error = injection.error,
                         .kinds = HostCallSet::All(),
                         .then = injection.then_mremap ? HostCallSet{HostCall::kMremap} : HostCallSet{},
                         .then_mode = injection.then_mremap.value_or(FaultMode::kBefore)});
    const absl::Status done = Execute(machine, model, op);
    outcome.counts = machine.faulty.counts();
    const bool bus = machine.faulty.withholds() && done.code() == absl::StatusCode::kUnavailable;
    if (!done.ok() && done.code() != absl::StatusCode::kResourceExhausted && !bus) {
      return During(done, "the operation with the failure", op);
    }
    if (!done.ok() && outcome.counts.total_fired() == 0) return During(done, "undisturbed", op);
    if (machine.faulty.withholds()) {
      for (size_t n = 0; n < machine.space_count(); ++n) {
        absl::Status s = CheckPages(machine, model, n, 0, machine.options().space_pages, /*may_withhold=*/true);
        if (!s.ok()) return During(s, "while memory is withheld", op);
      }
    }
    machine.faulty.StopFailing();
    if (absl::Status s = CheckBooks(machine, model); !s.ok()) return During(s, "after it", op);
    if (injection.next == Next::kCheck) {
      if (absl::Status s = CheckAll(machine, model); !s.ok()) return During(s, "after it", op);
    }
    // It works when it is repeated, and so does what follows.
    for (size_t i = injection.step + (done.ok() ? 1 : 0); i < sequence_.script.size(); ++i) {
      const Operation& next = sequence_.script[i];
      if (absl::Status s = Execute(machine, model, next); !s.ok()) return During(s, "a later operation", next);
    }
    return During(CheckAll(machine, model), "at the end", op);
  }

  const Sequence& sequence_;
  const platform::HostPageTable::Options& table_;
};

// How many host calls the step makes when nothing fails.
uint64_t CallsOf(const Sequence& sequence, const platform::HostPageTable::Options& table, size_t step) {
  MachineOptions options = sequence.machine;
  options.table = table;
  Machine machine(options);
  Model model = ModelOf(machine);
  for (const Operation& op : sequence.setup) (void)Execute(machine, model, op);
  for (size_t i = 0; i < step; ++i) (void)Execute(machine, model, sequence.script[i]);
  const uint64_t before = machine.counting.counts().total();
  (void)Execute(machine, model, sequence.script[step]);
  return machine.counting.counts().total() - before;
}

std::optional<HostCall> FirstFailed(const FaultyHost::Counts& counts) {
  for (size_t kind = 0; kind < platform::kHostCallKinds; ++kind) {
    if (counts.fired[kind][0] != 0) return static_cast<HostCall>(kind);
  }
  return std::nullopt;
}

}  // namespace

std::vector<Finding> RunExhaustively(const Sequence& sequence, const platform::HostPageTable::Options& table,
                                     Matrix& matrix) {
  for (const Matrix::Key& cell : sequence.cells) matrix.Expect(sequence.name, cell);
  const Run run(sequence, table);
  std::vector<Finding> findings;
  for (size_t step = 0; step < sequence.script.size(); ++step) {
    bool found = false;
    const auto report = [&](const Injection& injection, HostCall call, const std::string& what) {
      if (std::exchange(found, true)) return;
      const std::string where =
          absl::StrFormat("operation %d (%s), host call %d (%s), %d times, %s, errno %d, %s", step,
                          Describe(sequence.script[step]), injection.call, std::string(platform::HostCallName(call)),
                          injection.times, std::string(platform::FaultModeName(injection.mode)), injection.error,
                          injection.next == Next::kCheck ? "then checked" : "then the next operation");
      findings.push_back({sequence.name, where, what});
    };
    const uint64_t calls = CallsOf(sequence, table, step);
    for (uint64_t k = 1; k <= calls && !found; ++k) {
      // Which call it is shows when it fails alone.
      const Outcome alone = run({step, k, 1, FaultMode::kBefore, ENOMEM, Next::kCheck});
      const std::optional<HostCall> call = FirstFailed(alone.counts);
      if (!call.has_value()) {
        report({step, k}, HostCall::kMmap, absl::StrCat("the call wasn't made this time: ", alone.status.message()));
        continue;
      }
      matrix.Add(sequence.name, *call, FaultMode::kBefore, 1, 1);
      if (!alone.status.ok()) report({step, k, 1, FaultMode::kBefore, ENOMEM}, *call, alone.status.ToString());
      const absl::Span<const int> errors = platform::PlausibleErrors(*call);
      std::vector<FaultMode> modes(platform::PlausibleModes(*call).begin(), platform::PlausibleModes(*call).end());
      if (*call == HostCall::kFallocate && !sequence.kernel_writes) modes.push_back(FaultMode::kUnprovided);
      // A backup is put back after a tear; that can fail in each way too.
      if (*call == HostCall::kMmap && table.remap == platform::RemapStrategy::kReserve) {
        for (const FaultMode then : platform::PlausibleModes(HostCall::kMremap)) {
          const Injection injection{step, k, 1, FaultMode::kTear, ENOMEM, Next::kCheck, then};
          const Outcome outcome = run(injection);
          const auto at = [then](const auto& counts) {
            return counts[static_cast<size_t>(HostCall::kMremap)][static_cast<size_t>(then)];
          };
          if (at(outcome.counts.fired) == 0) break;
          matrix.Add(sequence.name, HostCall::kMremap, then, at(outcome.counts.fired), at(outcome.counts.effective));
          if (!outcome.status.ok()) report(injection, HostCall::kMremap, outcome.status.ToString());
        }
      }
      uint64_t variant = k;
      for (const FaultMode mode : modes) {
        for (const auto& [times, next] : {std::pair(1, Next::kCheck), {1, Next::kGoOn}, {4, Next::kCheck}}) {
          const Injection injection{step, k, static_cast<uint64_t>(times), mode, errors[variant++ % errors.size()],
                                    next};
          const Outcome outcome = run(injection);
          const auto at = [mode, &call](const auto& counts) {
            return counts[static_cast<size_t>(*call)][static_cast<size_t>(mode)];
          };
          matrix.Add(sequence.name, *call, mode, at(outcome.counts.fired), at(outcome.counts.effective));
          if (!outcome.status.ok()) report(injection, *call, outcome.status.ToString());
        }
      }
    }
  }
  return findings;
}

}  // namespace zirconia::campaign
