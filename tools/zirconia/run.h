// zirconia run: one guest program on one machine.
#ifndef ZIRCONIA_TOOLS_ZIRCONIA_RUN_H_
#define ZIRCONIA_TOOLS_ZIRCONIA_RUN_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace zirconia::cli {

struct RunOptions {
  bool trace = false;
  bool maps = false;
  std::string stats;  // empty: none; "text" or "json"
  std::string memory = "4G";
  std::vector<std::string> vmos;       // NAME=FILE
  std::vector<std::string> resources;  // as the option's help lists them
  std::string realize = "touch";
  std::string remap = "auto";
  uint64_t host_mappings = 0;  // 0: as many as the host permits
  bool verify = false;
  std::string inspect;            // the path of a socket; empty: none
  std::string backing = "memfd";  // BackingChoice::Parse
  uint64_t seed = 0;
  std::string log_level = "warn";
  std::vector<std::string> command;  // the program and its arguments
};

CLI::App* AddRunCommand(CLI::App& app, RunOptions& options);
// Where a "--" stands that ends the options of `zirconia run ...`; argc: there is none.
int EndOfRunOptions(const CLI::App& run, int argc, const char* const* argv);

// Exit statuses that are Zirconia's, not the guest's.
inline constexpr int kExitUsage = 2;      // bad options, no such file, not a program that can run
inline constexpr int kExitBroken = 70;    // --verify found something wrong
inline constexpr int kExitKilled = 137;   // the guest was killed
inline constexpr int kExitCrashed = 139;  // the guest died of an exception

// Runs the program; what the process should exit with.
int Run(const RunOptions& options);

}  // namespace zirconia::cli

#endif  // ZIRCONIA_TOOLS_ZIRCONIA_RUN_H_
