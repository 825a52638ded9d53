// A kernel in this process that runs the guest program of the benchmarks.
#ifndef ZIRCONIA_TOOLS_BENCH_GUEST_MACHINE_H_
#define ZIRCONIA_TOOLS_BENCH_GUEST_MACHINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel_sim/kernel.h"

namespace zirconia::bench {

// Where the file `name` of this build's benchmark lies.
std::string BesideThisProgram(const std::string& name);

class GuestMachine {
 public:
  // A line that the guest printed.
  struct Line {
    uint64_t value = 0;
    uint64_t operations = 0;
  };
  // A process from its launch to its end.
  struct Run {
    Line last;
    uint64_t begin_nanoseconds = 0;  // the guest's clock when the launch was asked for
    double whole_nanoseconds = 0;    // from then on until it is dead
    uint64_t host_calls = 0;         // made meanwhile
    double PerOperation() const { return static_cast<double>(last.value) / static_cast<double>(last.operations); }
  };

  // The status says what the host or the build lacks.
  static absl::StatusOr<std::unique_ptr<GuestMachine>> Create(const kernel::Machine::Options& options);

  // Launches the guest with these arguments (guest/benchmarks.h) and waits for its end. `on_line`, if it isn't empty,
  // is called for each line, on the guest's thread, while the guest waits for its console.
  absl::StatusOr<Run> RunGuest(const std::string& benchmark, uint64_t n,
                               std::vector<std::shared_ptr<kernel::VmoDispatcher>> vmos = {},
                               std::function<void(const Line&)> on_line = {});

  kernel::Kernel& kernel() { return *kernel_; }

 private:
  GuestMachine() = default;
  uint64_t HostCalls() const;
  void OnConsole(absl::string_view text);

  std::vector<std::byte> program_;
  std::string console_;  // what isn't a line of numbers
  std::vector<Line> lines_;
  std::function<void(const Line&)> on_line_;
  std::unique_ptr<kernel::Kernel> kernel_;
};

}  // namespace zirconia::bench

#endif  // ZIRCONIA_TOOLS_BENCH_GUEST_MACHINE_H_
