// A million mappings that can't merge, on a host that permits some 65,000.
#include "tools/bench/many_mappings.h"

#include <sys/mman.h>

#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mm/units.h"
#include "tools/bench/benchmark.h"
#include "tools/bench/guest_machine.h"
#include "tools/bench/host_memory.h"

namespace zirconia::bench {
namespace {

struct Costs {
  double map = 0;
  double touch = 0;
};

// Below the host's limit.
Costs HostCosts(size_t count) {
  const Memfd file(MANY_MAPPINGS_PAGES * mm::kPageSize);
  file.Allocate();
  // As a committed VMO of a machine has been: its first touch elsewhere cleared each page.
  const Reservation all(MANY_MAPPINGS_PAGES * mm::kPageSize);
  all.Map(0, MANY_MAPPINGS_PAGES * mm::kPageSize, file, 0);
  for (size_t i = 0; i < MANY_MAPPINGS_PAGES; ++i) all.base()[i * mm::kPageSize] = 0;
  const Reservation window(count * mm::kPageSize);
  Costs costs;
  costs.map = TimeOf([&] {
    for (size_t i = 0; i < count; ++i) {
      window.Map(i * mm::kPageSize, mm::kPageSize, file, many_mappings_page(i) * mm::kPageSize,
                 i % 2 == 0 ? PROT_READ | PROT_WRITE : PROT_READ);
    }
  });
  costs.touch = TimeOf([&] {
    for (size_t i = 0; i < count; ++i) (void)*static_cast<volatile char*>(window.base() + i * mm::kPageSize);
  });
  costs.map /= static_cast<double>(count);
  costs.touch /= static_cast<double>(count);
  return costs;
}

absl::StatusOr<Costs> GuestCosts(size_t count) {
  auto machine = GuestMachine::Create({.memory = mm::ByteSize(uint64_t{1} << 30)});
  if (!machine.ok()) return machine.status();
  std::vector<double> each;
  const auto run = (*machine)->RunGuest("many_mappings", count, {}, [&each](const GuestMachine::Line& line) {
    each.push_back(static_cast<double>(line.value) / static_cast<double>(line.operations));
  });
  if (!run.ok()) return run.status();
  return Costs{each.at(0), each.at(1)};
}

}  // namespace

std::vector<Benchmark> ManyMappingsBenchmarks(const Settings& settings) {
  const size_t count = settings.quick ? 2000 : 1'000'000;
  const size_t floor_count = settings.quick ? 1000 : 30'000;
  // One run serves all rows.
  struct Measured {
    std::optional<Costs> guest;
    Costs host;
  };
  auto measured = std::make_shared<Measured>();
  std::vector<Benchmark> all;
  const auto add = [&](absl::string_view what, absl::string_view floor, double (*cost)(const Costs&),
                       std::optional<double> wanted) {
    all.push_back({
        .name = absl::StrCat(count, " mappings: ", what, " one"),
        .floor_name = std::string(floor),
        .pairs = [=](int) -> absl::StatusOr<std::vector<Pair>> {
          if (!measured->guest.has_value()) {
            measured->host = HostCosts(floor_count);
            const auto guest = GuestCosts(count);
            if (!guest.ok()) return guest.status();
            measured->guest = *guest;
          }
          return std::vector<Pair>{{cost(*measured->guest), cost(measured->host)}};
        },
        .wanted = wanted,
        .note = "one page each, none can merge; all are mapped, then all are touched, in one run",
        .rounds = 1,
    });
  };
  add(
      "map and first touch", "mmap of one page, and its first touch, below the limit",
      [](const Costs& c) { return c.map + c.touch; }, 4.0);
  add(
      "map", "mmap of one page", [](const Costs& c) { return c.map; }, std::nullopt);
  add(
      "first touch", "the first touch of one page", [](const Costs& c) { return c.touch; }, std::nullopt);
  return all;
}

}  // namespace zirconia::bench
