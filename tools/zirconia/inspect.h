// zirconia inspect: looks at a machine of another process, without stopping it.
#ifndef ZIRCONIA_TOOLS_ZIRCONIA_INSPECT_H_
#define ZIRCONIA_TOOLS_ZIRCONIA_INSPECT_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace zirconia::cli {

struct InspectOptions {
  std::string socket;
  std::string action = "summary";
  std::vector<std::string> arguments;
  std::optional<uint64_t> process;
  bool json = false;
};

CLI::App* AddInspectCommand(CLI::App& app, InspectOptions& options);

// Prints what was asked for to stdout; what the process should exit with: 0, or kExitUsage after one line on stderr.
int Inspect(const InspectOptions& options);

}  // namespace zirconia::cli

#endif  // ZIRCONIA_TOOLS_ZIRCONIA_INSPECT_H_
