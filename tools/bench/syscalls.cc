// System calls of guests, copies by the kernel, the start of a process.
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "platform/window.h"
#include "tools/bench/benchmark.h"
#include "tools/bench/guest_machine.h"
#include "tools/bench/host_memory.h"
#include "tools/bench/touch.h"

namespace zirconia::bench {
namespace {

// One machine for all rows of this file.
struct Machine {
  absl::StatusOr<GuestMachine::Run> Run(const std::string& benchmark, uint64_t n) {
    if (machine == nullptr) {
      auto made = GuestMachine::Create({.memory = mm::ByteSize(uint64_t{256} << 20)});
      if (!made.ok()) return made.status();
      machine = *std::move(made);
    }
    return machine->RunGuest(benchmark, n);
  }
  std::unique_ptr<GuestMachine> machine;
};

absl::StatusOr<Sample> PerOperation(Machine& machine, const std::string& benchmark, uint64_t n) {
  const auto run = machine.Run(benchmark, n);
  if (!run.ok()) return run.status();
  return Sample{.nanoseconds = run->PerOperation()};
}

double Getppid(int n) {
  return TimeOf([&] {
           for (int i = 0; i < n; ++i) syscall(SYS_getppid);
         }) /
         n;
}

double ClockGettime(int n) {
  timespec now{};
  return TimeOf([&] {
           for (int i = 0; i < n; ++i) clock_gettime(CLOCK_MONOTONIC, &now);
         }) /
         n;
}

// About 64 MiB in all, between two mappings that both were touched before. In pieces, since the C library copies what
// is larger past the caches.
double Copies(size_t size) {
  constexpr size_t kPiece = size_t{1} << 20;
  const Memfd file(2 * size);
  const Reservation memory(2 * size);
  memory.Map(0, 2 * size, file, 0);
  bench_write_pages(memory.base(), 2 * size, 1);
  const auto copy = [&] {
    for (size_t at = 0; at < size; at += kPiece) {
      std::memcpy(memory.base() + at, memory.base() + size + at, std::min(size, kPiece));
    }
    asm volatile("" : : "r"(memory.base()) : "memory");
  };
  copy();
  const size_t n = (size_t{1} << 26) / size;
  return TimeOf([&] {
           for (size_t i = 0; i < n; ++i) copy();
         }) /
         static_cast<double>(n);
}

// What a process needs of the host, each once and nothing else: a window; a mapping for each part of the program that
// runs (four segments, two of the vDSO, a stack), touched; a thread. `until_end`: and its end.
double StartByRawCalls(bool until_end) {
  constexpr size_t kParts = 7;
  const Memfd file(2 * kParts * BENCH_PAGE);
  const auto begin = std::chrono::steady_clock::now();
  double started = 0;
  {
    const Reservation window(platform::Window::kDefaultSize.value());
    std::thread thread([&] {
      for (size_t i = 0; i < kParts; ++i) {
        window.Map(2 * i * BENCH_PAGE, BENCH_PAGE, file, 2 * i * BENCH_PAGE);
        window.base()[2 * i * BENCH_PAGE] = 1;
      }
      started = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
    });
    thread.join();
  }
  if (!until_end) return started;
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

absl::StatusOr<Sample> SpawnHostProgram() {
  std::string path = BesideThisProgram("child");
  char* arguments[] = {path.data(), nullptr};
  int status = -1;
  const double taken = TimeOf([&] {
    pid_t child = 0;
    Must(posix_spawn(&child, path.c_str(), nullptr, nullptr, arguments, nullptr) == 0, "zirconia-bench: posix_spawn");
    Must(waitpid(child, &status, 0) == child, "zirconia-bench: waitpid");
  });
  if (status != 0) return absl::InternalError(absl::StrCat(path, " failed"));
  return Sample{.nanoseconds = taken};
}

std::string SizeName(uint64_t bytes) {
  return bytes >= 1 << 20 ? absl::StrCat(bytes >> 20, " MiB") : absl::StrCat(bytes >> 10, " KiB");
}

}  // namespace

std::vector<Benchmark> SyscallBenchmarks(const Settings& settings) {
  const auto machine = std::make_shared<Machine>();
  const int calls = settings.quick ? 1000 : 100000;
  std::vector<Benchmark> all;
  all.push_back({
      .name = "zx_vmo_get_size",
      .subject = [=] { return PerOperation(*machine, "get_size", static_cast<uint64_t>(calls)); },
      .floor_name = "getppid",
      .floor = [=]() -> absl::StatusOr<double> { return Getppid(calls); },
      .wanted = 1.0,
      .note = "the cheapest call that looks up a handle; getppid is the host's cheapest call, not a part of ours",
  });
  all.push_back({
      .name = "zx_clock_get_monotonic",
      .subject = [=] { return PerOperation(*machine, "get_clock", static_cast<uint64_t>(calls)); },
      .floor_name = "clock_gettime",
      .floor = [=]() -> absl::StatusOr<double> { return ClockGettime(calls); },
      .note = "clock_gettime stays in the host's vDSO",
  });
  for (const auto& [name, benchmark] : {std::pair("zx_vmo_read", "vmo_read"), std::pair("zx_vmo_write", "vmo_write")}) {
    for (const uint64_t size : {uint64_t{4} << 10, uint64_t{64} << 10, uint64_t{1} << 20, uint64_t{16} << 20}) {
      all.push_back({
          .name = absl::StrCat(name, " ", SizeName(size)),
          .subject = [=, b = std::string(benchmark)] { return PerOperation(*machine, b, size); },
          .floor_name = "memcpy between two mappings of a memfd",
          .floor = [=]() -> absl::StatusOr<double> { return Copies(size); },
          .rounds = 9,
      });
    }
  }
  all.push_back({
      .name = "process start, to main()",
      .subject = [=]() -> absl::StatusOr<Sample> {
        const auto run = machine->Run("start_time", 0);
        if (!run.ok()) return run.status();
        return Sample{.nanoseconds = static_cast<double>(run->last.value - run->begin_nanoseconds),
                      .host_calls = static_cast<double>(run->host_calls)};
      },
      .floor_name = "a window reserved, a thread, 7 pages mapped one by one and touched",
      .floor = []() -> absl::StatusOr<double> { return StartByRawCalls(false); },
      .note = "from the launch to the first statement of main, the runtime's start included",
      .rounds = 100,
  });
  all.push_back({
      .name = "process start and exit",
      .subject = [=]() -> absl::StatusOr<Sample> {
        const auto run = machine->Run("start_time", 0);
        if (!run.ok()) return run.status();
        return Sample{.nanoseconds = run->whole_nanoseconds, .host_calls = static_cast<double>(run->host_calls)};
      },
      .floor_name = "the same, and the thread joined, the window given back",
      .floor = []() -> absl::StatusOr<double> { return StartByRawCalls(true); },
      .note = "until the process is dead",
      .rounds = 100,
  });
  all.push_back({
      .name = "for comparison: a host process's start and exit",
      .subject = SpawnHostProgram,
      .note = "posix_spawn and waitpid of a static program that exits at once",
      .rounds = 100,
  });
  return all;
}

}  // namespace zirconia::bench
