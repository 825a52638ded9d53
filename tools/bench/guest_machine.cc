#include "tools/bench/guest_machine.h"

#include <unistd.h>

#include <climits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
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
  kernel_options.console = [made = machine.get()](absl::string_view text) { made->OnConsole(text); };
  auto kernel = kernel::Kernel::Create(std::move(kernel_options));
  if (!kernel.ok()) return kernel.status();
  machine->kernel_ = *std::move(kernel);
  return machine;
}

void GuestMachine::OnConsole(absl::string_view text) {
  console_.append(text.data(), text.size());
  for (size_t end; (end = console_.find('\n')) != std::string::npos;) {
    const std::vector<std::string> words = absl::StrSplit(console_.substr(0, end), ' ');
    Line line;
    // What isn't two numbers is a complaint: it is kept for the error.
    if (words.size() != 2 || !absl::SimpleAtoi(words[0], &line.value) ||
        !absl::SimpleAtoi(words[1], &line.operations)) {
      return;
    }
    console_.erase(0, end + 1);
    lines_.push_back(line);
    if (on_line_) on_line_(line);
  }
}

uint64_t GuestMachine::HostCalls() const {
  uint64_t sum = 0;
  for (const auto& [name, n] : kernel_->machine().HostCalls()) sum += n;
  return sum;
}

absl::StatusOr<GuestMachine::Run> GuestMachine::RunGuest(const std::string& benchmark, uint64_t n,
                                                         std::vector<std::shared_ptr<kernel::VmoDispatcher>> vmos,
                                                         std::function<void(const Line&)> on_line) {
  console_.clear();
  lines_.clear();
  on_line_ = std::move(on_line);
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
  if (code != 0 || lines_.empty() || !console_.empty()) {
    return absl::InternalError(absl::StrCat("the guest '", benchmark, "' ended with ", code, " and said: ", console_));
  }
  run.last = lines_.back();
  return run;
}

}  // namespace zirconia::bench
