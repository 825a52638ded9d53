// What guests do with memory: faults, first touches, a large VMO.
#include <sys/mman.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "tools/bench/benchmark.h"
#include "tools/bench/guest_machine.h"
#include "tools/bench/host_memory.h"
#include "tools/bench/touch.h"

namespace zirconia::bench {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

// One round on a machine of its own, so that its memory has never been used.
absl::StatusOr<Sample> OnFreshMachine(uint64_t memory, const std::string& benchmark, uint64_t n,
                                      bool count_host_calls) {
  auto machine = GuestMachine::Create({.memory = mm::ByteSize(memory)});
  if (!machine.ok()) return machine.status();
  const auto run = (*machine)->RunGuest(benchmark, n);
  if (!run.ok()) return run.status();
  Sample sample{.nanoseconds = run->PerOperation()};
  if (count_host_calls) sample.host_calls = static_cast<double>(run->host_calls);
  return sample;
}

// Faults answered in a signal handler by mapping one page, as the engine must; every other page of the file, so that
// none continues its neighbour.
double PresentFaults(size_t n) {
  const Memfd file(2 * n * BENCH_PAGE);
  const Reservation filling(2 * n * BENCH_PAGE);
  filling.Map(0, 2 * n * BENCH_PAGE, file, 0);
  bench_write_pages(filling.base(), 2 * n * BENCH_PAGE, 1);
  const Reservation window(n * BENCH_PAGE);
  const FaultMapper mapper(window, file, 2);
  return TimeOf([&] { bench_read_pages(window.base(), n * BENCH_PAGE); }) / static_cast<double>(n);
}

double NewFaults(size_t n) {
  const Memfd file(2 * n * BENCH_PAGE);
  const Reservation window(2 * n * BENCH_PAGE);
  const FaultMapper mapper(window, file, 1);
  return TimeOf([&] { bench_write_pages(window.base(), 2 * n * BENCH_PAGE, 2); }) / static_cast<double>(n);
}

// Writes that find their page read-only: a copy is mapped in its place.
double CopyFaults(size_t n) {
  const size_t size = 2 * n * BENCH_PAGE;
  const Memfd original(size), copy(size);
  const Reservation source(size), copies(size), window(size);
  source.Map(0, size, original, 0);
  bench_write_pages(source.base(), size, 1);
  copies.Map(0, size, copy, 0);
  window.Map(0, size, original, 0);
  bench_write_pages(window.base(), size, 1);
  window.Protect(0, size, PROT_READ);
  const FaultMapper mapper(window, copy, 1, copies.base(), source.base());
  return TimeOf([&] { bench_write_pages(window.base(), size, 2); }) / static_cast<double>(n);
}

// One mapping of a new file, touched page by page.
double MapAndTouch(size_t size) {
  const Memfd file(size);
  const Reservation window(size);
  return TimeOf([&] {
    window.Map(0, size, file, 0);
    bench_write_pages(window.base(), size, 1);
  });
}

std::string SizeName(uint64_t bytes) {
  return bytes >= 1024 * kMiB ? absl::StrCat(bytes / (1024 * kMiB), " GiB") : absl::StrCat(bytes / kMiB, " MiB");
}

}  // namespace

std::vector<Benchmark> MemoryBenchmarks(const Settings& settings) {
  const size_t faults = settings.quick ? 32 : 1024;
  const uint64_t touched = settings.quick ? kMiB : 64 * kMiB;
  const uint64_t large = settings.quick ? 16 * kMiB : 1024 * kMiB;
  std::vector<Benchmark> all;
  all.push_back({
      .name = "fault on a present page",
      .subject = [=] { return OnFreshMachine(256 * kMiB, "present_faults", faults, false); },
      .floor_name = "SIGSEGV, in it mmap of one page, return, the access",
      .floor = [=]() -> absl::StatusOr<double> { return PresentFaults(faults); },
      .note = "a read of a committed page that isn't realized; no neighbour is realized with it",
  });
  all.push_back({
      .name = "fault on a new page",
      .subject = [=] { return OnFreshMachine(256 * kMiB, "new_faults", faults, false); },
      .floor_name = "SIGSEGV, in it mmap of one page of a hole, return, the access allocates",
      .floor = [=]() -> absl::StatusOr<double> { return NewFaults(faults); },
      .note = "a write to a page that isn't committed",
  });
  all.push_back({
      .name = "first write to a page after a snapshot",
      .subject = [=] { return OnFreshMachine(256 * kMiB, "clone_writes", faults, false); },
      .floor_name = "SIGSEGV, in it a copy of the page to a hole and mmap of that, return, the access",
      .floor = [=]() -> absl::StatusOr<double> { return CopyFaults(faults); },
      .wanted = 1.5,
  });
  all.push_back({
      .name = absl::StrCat("first touch of ", SizeName(touched), ", uncommitted, in order"),
      .subject = [=] { return OnFreshMachine(4 * touched, "first_touch", touched, false); },
      .floor_name = "one mmap of a new memfd, the same touches",
      .floor = [=]() -> absl::StatusOr<double> { return MapAndTouch(touched); },
      .note = "dear by design: each page is committed exactly when it is touched, by a fault of its own, "
              "where the host's own faults stay inside the host",
      .rounds = 7,
  });
  all.push_back({
      .name = absl::StrCat("commit, map and touch ", SizeName(large)),
      .subject = [=] { return OnFreshMachine(large + 64 * kMiB, "committed_vmo", large, true); },
      .floor_name = "one mmap of a new memfd, the same touches",
      .floor = [=]() -> absl::StatusOr<double> { return MapAndTouch(large); },
      .wanted = 1.25,
      .note = "host calls: of the whole process",
      .rounds = 5,
  });
  return all;
}

}  // namespace zirconia::bench
