// The command line: zirconia COMMAND ...
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "absl/synchronization/mutex.h"
#include "tools/zirconia/console.h"
#include "tools/zirconia/doctor.h"
#include "tools/zirconia/inspect.h"
#include "tools/zirconia/run.h"

namespace {

constexpr int kUsageError = 2;

}  // namespace

int main(int argc, char** argv) {
  zirconia::cli::ReserveStandardDescriptors();
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
  const bool is_run = argc > 1 && run_command->check_name(argv[1]);
  const int parsed = is_run ? zirconia::cli::EndOfRunOptions(*run_command, argc, argv) : argc;
  zirconia::cli::InspectOptions inspect;
  CLI::App* inspect_command = zirconia::cli::AddInspectCommand(app, inspect);
  try {
    app.parse(parsed, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success))
      return app.exit(error);  // --help, --version
    const auto is_named = [&](const CLI::App* command) { return command->check_name(argv[1]); };
    if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_named).empty()) {
      std::cerr << "zirconia: '" << argv[1] << "' isn't a command (see zirconia --help)\n";
      return kUsageError;
    }
    std::cerr << "zirconia: " << error.what() << " (see zirconia --help)\n";
    return kUsageError;
  }
  if (run_command->parsed()) {
    run.command = run_command->remaining();
    if (parsed < argc) run.command.insert(run.command.end(), argv + parsed + 1, argv + argc);
    return zirconia::cli::Run(run);
  }
  if (inspect_command->parsed()) return zirconia::cli::Inspect(inspect);
  if (doctor_command->parsed()) return zirconia::cli::Doctor(doctor);
  return kUsageError;
}
