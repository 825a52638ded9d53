// A kernel in this process that runs the guest program of the benchmarks.
#ifndef ZIRCONIA_TOOLS_BENCH_GUEST_MACHINE_H_
#define ZIRCONIA_TOOLS_BENCH_GUEST_MACHINE_H_

#include <cstdint>
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
  // What the guest printed, and what its process took as a whole.
  struct Run {
    uint64_t value = 0;
    uint64_t operations = 0;
    double whole_nanoseconds = 0;    // from the call that launches it until it is dead
    uint64_t begin_nanoseconds = 0;  // the guest's clock when the call was made
    uint64_t host_calls = 0;         // made meanwhile
    double PerOperation() const { return static_cast<double>(value) / static_cast<double>(operations); }
  };

  // The status says what the host or the build lacks.
  static absl::StatusOr<std::unique_ptr<GuestMachine>> Create(const kernel::Machine::Options& options);

  // Launches the guest with these arguments (guest/benchmarks.h) and waits for its end.
  absl::StatusOr<Run> RunGuest(const std::string& benchmark, uint64_t n,
                               std::vector<std::shared_ptr<kernel::VmoDispatcher>> vmos = {});

  kernel::Kernel& kernel() { return *kernel_; }

 private:
  GuestMachine() = default;
  uint64_t HostCalls() const;

  std::vector<std::byte> program_;
  std::string console_;
  std::unique_ptr<kernel::Kernel> kernel_;
};

}  // namespace zirconia::bench

#endif  // ZIRCONIA_TOOLS_BENCH_GUEST_MACHINE_H_
