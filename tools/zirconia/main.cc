// The command line: zirconia COMMAND ...
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "absl/synchronization/mutex.h"
#include "tools/zirconia/doctor.h"
#include "tools/zirconia/run.h"

namespace {

constexpr int kUsageError = 2;

}  // namespace

int main(int argc, char** argv) {
  // Who reads our output may go away: that is an error of a write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  // Likewise a backing file larger than the limit on files.
  std::signal(SIGXFSZ, SIG_IGN);
  // Abseil can follow the order of locks; that is for tests: here it would double the cost of a system call.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);

  CLI::App app{"zirconia: a synthetic Zircon kernel in user space, whose guests run natively"};
  app.set_version_flag("--version", "zirconia 0.1.0");
  app.require_subcommand(1);
  zirconia::cli::RunOptions run;
  CLI::App* run_command = zirconia::cli::AddRunCommand(app, run);
  zirconia::cli::DoctorOptions doctor;
  CLI::App* doctor_command = zirconia::cli::AddDoctorCommand(app, doctor);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success))
      return app.exit(error);  // --help, --version
    std::cerr << "zirconia: " << error.what() << " (see zirconia --help)\n";
    return kUsageError;
  }
  if (run_command->parsed()) {
    run.command = run_command->remaining();
    return zirconia::cli::Run(run);
  }
  if (doctor_command->parsed()) return zirconia::cli::Doctor(doctor);
  return kUsageError;
}
