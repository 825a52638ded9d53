// Whole programs: hashing beside the same loop on the host, and the realization policies beside one another.
#include <sys/mman.h>

#include <memory>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernel_sim/loader/launch.h"
#include "tools/bench/benchmark.h"
#include "tools/bench/guest_machine.h"
#include "tools/bench/hash.h"
#include "tools/bench/host_memory.h"

namespace zirconia::bench {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
// A file of random bytes: mapped here for the host's loop, and a VMO of a machine for the guest's.
class HashInput {
 public:
  explicit HashInput(uint64_t size) : size_(size), file_(size), mapping_(size) {
    mapping_.Map(0, size, file_, 0);
    std::mt19937_64 random(1);
    auto* const words = reinterpret_cast<uint64_t*>(mapping_.base());
    for (size_t i = 0; i < size / sizeof(uint64_t); ++i) words[i] = random();
    mapping_.Protect(0, size, PROT_READ);
  }

  using Hash = uint64_t (*)(const void* data, size_t size);

  // The guest makes a pass and prints its time; while it waits for its console, the host makes one, on the same thread.
  absl::StatusOr<std::vector<Pair>> Passes(const std::string& benchmark, Hash hash, int rounds) {
    if (machine_ == nullptr) {
      auto machine = GuestMachine::Create({.memory = mm::ByteSize(size_ + 64 * kMiB)});
      if (!machine.ok()) return machine.status();
      auto vmo = kernel::VmoFromFile((*machine)->kernel(), absl::StrCat("/proc/self/fd/", file_.fd()), "input");
      if (!vmo.ok()) return vmo.status();
      machine_ = *std::move(machine);
      vmo_ = *std::move(vmo);
    }
    std::vector<Pair> pairs;
    bool same = true;
    const auto on_line = [&](const GuestMachine::Line& line) {
      uint64_t digest = 0;
      const double host = TimeOf([&] { digest = hash(mapping_.base(), size_); });
      same &= digest == line.operations;
      pairs.push_back({static_cast<double>(line.value), host});
    };
    const auto run = machine_->RunGuest(benchmark, static_cast<uint64_t>(rounds), {vmo_}, on_line);
    if (!run.ok()) return run.status();
    if (!same) return absl::InternalError("guest and host hash differently");
    return pairs;
  }

 private:
  const uint64_t size_;
  Memfd file_;
  Reservation mapping_;
  std::unique_ptr<GuestMachine> machine_;
  std::shared_ptr<kernel::VmoDispatcher> vmo_;
};

std::vector<Benchmark> HashBenchmarks(const Settings& settings) {
  const uint64_t size = settings.quick ? kMiB : 256 * kMiB;
  const auto input = std::make_shared<std::unique_ptr<HashInput>>();
  const auto made = [=]() -> HashInput& {
    if (*input == nullptr) *input = std::make_unique<HashInput>(size);
    return **input;
  };
  std::vector<Benchmark> all;
  const auto add = [&](absl::string_view name, const std::string& benchmark, HashInput::Hash hash) {
    all.push_back({
        .name = absl::StrCat(name, " of ", size / kMiB, " MiB"),
        .floor_name = "the same loop on the host, over the same file mapped",
        .pairs = [=](int rounds) { return made().Passes(benchmark, hash, rounds); },
        .wanted = 1.05,
        .rounds = 51,
    });
  };
  add("XXH3", "hash_xxh3", bench_xxh3);
  add("XXH64", "hash_xxh64", bench_xxh64);
  return all;
}

}  // namespace

std::vector<Benchmark> ProgramBenchmarks(const Settings& settings) {
  using Realize = mm::AddressSpace::Realize;
  const uint64_t size = settings.quick ? kMiB : 64 * kMiB;
  std::vector<Benchmark> all = HashBenchmarks(settings);
  const auto add = [&](absl::string_view name, Realize realize, bool populate) {
    all.push_back({
        .name = absl::StrCat("experiment: working set, realize=", name),
        .subject = [=]() -> absl::StatusOr<Sample> {
          auto machine = GuestMachine::Create(
              {.memory = mm::ByteSize(2 * size + 64 * kMiB), .realize = realize, .populate = populate});
          if (!machine.ok()) return machine.status();
          const auto run = (*machine)->RunGuest("working_set", size);
          if (!run.ok()) return run.status();
          return Sample{.nanoseconds = run->PerOperation(), .host_calls = static_cast<double>(run->host_calls)};
        },
        .note = absl::StrCat("over ", size / kMiB, " MiB: mapping without touching, sparse touches, dense touches"),
        .rounds = 7,
    });
  };
  add("touch", Realize::kOnTouch, false);
  add("map", Realize::kOnMap, false);
  add("populate", Realize::kOnMap, true);
  return all;
}

}  // namespace zirconia::bench
