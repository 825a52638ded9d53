#include "test/campaign/random.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "mm/random.h"
#include "test/campaign/check.h"
#include "test/campaign/machine.h"
#include "test/campaign/operation.h"
#include "test/campaign/pager.h"

namespace zirconia::campaign {
namespace {

using platform::FaultMode;

constexpr uint64_t kEpisode = 2000;  // operations on one machine
constexpr uint64_t kFullCheckEvery = 64;
constexpr uint64_t kPagerRefusesOneIn = 16;

uint64_t CountOf(const platform::FaultyHost::Counts& counts, FaultMode mode) {
  uint64_t count = 0;
  for (const auto& of_kind : counts.effective) count += of_kind[static_cast<size_t>(mode)];
  return count;
}

MachineOptions AnyMachine(const RandomOptions& options, uint64_t& random) {
  // Where the budget is small, mappings come and go all the time.
  constexpr uint64_t kBudgets[] = {20, 32, 64, 1000};
  MachineOptions machine;
  machine.spaces = 2 + mm::NextRandom(random) % 2;
  machine.budget = kBudgets[mm::NextRandom(random) % std::size(kBudgets)];
  machine.realize =
      mm::NextRandom(random) % 4 == 0 ? mm::AddressSpace::Realize::kOnMap : mm::AddressSpace::Realize::kOnTouch;
  machine.table.remap = options.remap;
  return machine;
}

// One machine's life.
class Episode {
 public:
  Episode(const RandomOptions& options, uint64_t seed, RandomResult& result)
      : options_(options), random_(seed), result_(result), machine_(AnyMachine(options, random_)) {
    model_ = ModelOf(machine_);
    model_.pager_refuses_one_in = kPagerRefusesOneIn;
    model_.pager_random = seed;
    if (options.one_in != 0) machine_.faulty.FailAtRandom({.seed = seed, .one_in = options.one_in});
  }

  absl::Status Run(uint64_t operations) {
    for (uint64_t i = 0; i < operations; ++i) {
      if (options_.disturb_model) options_.disturb_model(result_.operation, model_);
      ++result_.operation;
      if (absl::Status s = Step(i % kFullCheckEvery == 0); !s.ok()) return s;
    }
    if (absl::Status s = CheckAll(machine_, model_); !s.ok()) return s;
    const platform::FaultyHost::Counts counts = machine_.faulty.counts();
    result_.faults += counts.total_fired();
    result_.torn += CountOf(counts, FaultMode::kTear) + CountOf(counts, FaultMode::kTearHalf);
    for (size_t n = 0; n < machine_.space_count(); ++n) {
      result_.evictions += machine_.space(n).table->stats().evictions;
    }
    return End();
  }

 private:
  absl::Status Step(bool check_all) {
    const Operation op = RandomOperation(model_, random_);
    result_.last = Describe(op);
    const bool valid = IsValid(model_, op);
    const uint64_t faults_before = machine_.faulty.fired();
    const uint64_t refusals_before = model_.pager_refusals;
    absl::Status done = Execute(machine_, model_, op);
    const bool disturbed = machine_.faulty.fired() != faults_before;
    if (done.code() == absl::StatusCode::kDataLoss) return done;
    if (done.ok() && !valid) return absl::InternalError("an operation succeeded that should be refused");
    if (!done.ok() && valid) {
      const bool may_run_out = disturbed || machine_.options().budget < 1000;
      const bool refused_by_pager = model_.pager_refusals != refusals_before && IsRefusalByPager(done);
      if (!refused_by_pager && (done.code() != absl::StatusCode::kResourceExhausted || !may_run_out)) {
        return absl::InternalError(absl::StrCat("an operation failed that should succeed: ", done.ToString()));
      }
      ++result_.refused;
    }
    if (!check_all && !disturbed) return absl::OkStatus();
    if (const absl::Status books = CheckBooks(machine_, model_); !books.ok()) {
      // A page that is lost says more.
      const absl::Status pages = CheckAllPages();
      return pages.ok() ? books : pages;
    }
    if (check_all) return CheckAll(machine_, model_);
    if (IsOnVmo(op)) return CheckAllPages();
    // The neighbours too: what fails at an edge harms what is beyond it.
    const uint64_t first = op.page - std::min<uint64_t>(op.page, 2);
    const uint64_t end = std::min(op.page + op.count + 2, machine_.options().space_pages);
    return first < end ? CheckPages(machine_, model_, op.space, first, end - first) : absl::OkStatus();
  }

  absl::Status CheckAllPages() {
    for (size_t n = 0; n < machine_.space_count(); ++n) {
      absl::Status s = CheckPages(machine_, model_, n, 0, machine_.options().space_pages);
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  }

  // Takes everything away: nothing may be left.
  absl::Status End() {
    machine_.faulty.StopFailing();
    for (ModelSpace& space : model_.spaces) space = ModelSpace();
    for (size_t n = 0; n < machine_.space_count(); ++n) machine_.space(n).space->Destroy();
    for (auto& handle : model_.handles) handle.reset();
    if (machine_.frames().stats().used != mm::PageCount(0)) {
      return absl::DataLossError(absl::StrFormat("%d frames are left over", machine_.frames().stats().used.value()));
    }
    for (size_t n = 0; n < machine_.space_count(); ++n) {
      if (options_.remap == platform::RemapStrategy::kNaive) break;
      if (absl::Status s = machine_.space(n).table->Verify(); !s.ok()) return s;
      if (machine_.space(n).table->stats().host_mappings != 1) {
        return absl::DataLossError(absl::StrFormat("space %d is empty and has host mappings left", n));
      }
    }
    return absl::OkStatus();
  }

  const RandomOptions& options_;
  uint64_t random_;
  RandomResult& result_;
  Machine machine_;
  Model model_;
};

}  // namespace

Leftovers CountLeftovers() {
  Leftovers count;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count.descriptors;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    ++count.mappings;
    if (line.find("/memfd:zirconia") != std::string::npos) ++count.shared;
  }
  return count;
}

RandomResult RunRandomly(const RandomOptions& options) {
  RandomResult result;
  uint64_t seed = options.seed;
  while (result.operation < options.operations) {
    const Leftovers before = CountLeftovers();
    const uint64_t operations = std::min(kEpisode, options.operations - result.operation);
    {
      Episode episode(options, mm::NextRandom(seed), result);
      result.status = episode.Run(operations);
    }
    if (!result.status.ok()) return result;
    const Leftovers after = CountLeftovers();
    if (before.descriptors != after.descriptors || before.shared != after.shared) {
      result.status = absl::DataLossError(
          absl::StrFormat("a machine has leaked: %d descriptors were %d, %d mappings of backing files were %d",
                          after.descriptors, before.descriptors, after.shared, before.shared));
      return result;
    }
    if (options.progress) options.progress(result.operation);
  }
  return result;
}

}  // namespace zirconia::campaign
