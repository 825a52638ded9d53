#include "tools/bench/guest_machine.h"

#include <unistd.h>

#include <climits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "kernel_sim/loader/launch.h"
#include "tools/bench/benchmark.h"

namespace zirconia::bench {

std::string BesideThisProgram(const std::string& name) {
  std::string path(PATH_MAX, '\0');
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  path.resize(length < 0 ? 0 : static_cast<size_t>(length));
  return absl::StrCat(path.substr(0, path.find_last_of('/')), "/bench/", name);
}

absl::StatusOr<std::unique_ptr<GuestMachine>> GuestMachine::Create(const kernel::Machine::Options& options) {
  std::unique_ptr<GuestMachine> machine(new GuestMachine);
  auto program = kernel::ReadWholeFile(BesideThisProgram("guest"));
  if (!program.ok()) return program.status();
  machine->program_ = *std::move(program);
  kernel::Kernel::Options kernel_options;
  kernel_options.machine = options;
  kernel_options.console = [console = &machine->console_](absl::string_view text) {
    console->append(text.data(), text.size());
  };
  auto kernel = kernel::Kernel::Create(std::move(kernel_options));
  if (!kernel.ok()) return kernel.status();
  machine->kernel_ = *std::move(kernel);
  return machine;
}

uint64_t GuestMachine::HostCalls() const {
  uint64_t sum = 0;
  for (const auto& [name, n] : kernel_->machine().HostCalls()) sum += n;
  return sum;
}

absl::StatusOr<GuestMachine::Run> GuestMachine::RunGuest(const std::string& benchmark, uint64_t n,
                                                         std::vector<std::shared_ptr<kernel::VmoDispatcher>> vmos) {
  console_.clear();
  kernel::LaunchOptions launch;
  launch.name = "bench";
  launch.arguments = {"bench", benchmark, absl::StrCat(n)};
  launch.vmos = std::move(vmos);
  Run run;
  const uint64_t host_calls = HostCalls();
  run.begin_nanoseconds = static_cast<uint64_t>(kernel_->Now());
  absl::Status status;
  int64_t code = 0;
  run.whole_nanoseconds = TimeOf([&] {
    auto launched = kernel::LaunchProgram(*kernel_, program_, launch);
    status = launched.status();
    if (!status.ok()) return;
    launched->process->WaitUntilDead();
    code = launched->process->return_code();
  });
  if (!status.ok()) return status;
  run.host_calls = HostCalls() - host_calls;
  const std::vector<std::string> words = absl::StrSplit(absl::StripAsciiWhitespace(console_), ' ');
  if (code != 0 || words.size() != 2 || !absl::SimpleAtoi(words[0], &run.value) ||
      !absl::SimpleAtoi(words[1], &run.operations)) {
    return absl::InternalError(absl::StrCat("the guest '", benchmark, "' ended with ", code, " and said: ", console_));
  }
  return run;
}

}  // namespace zirconia::bench
