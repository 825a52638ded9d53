// Starts a program the way Zircon does.
#ifndef ZIRCONIA_KERNEL_SIM_LOADER_LAUNCH_H_
#define ZIRCONIA_KERNEL_SIM_LOADER_LAUNCH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernel_sim/kernel.h"
#include "kernel_sim/loader/elf_image.h"

namespace zirconia::kernel {

struct LaunchedProgram {
  std::shared_ptr<ProcessDispatcher> process;
  ElfImage image;
  uint64_t bias = 0;  // add to an address as linked to get the one where it stands
};

struct LaunchOptions {
  std::string name;                    // of the process
  std::vector<std::string> arguments;  // argv, the program's name first
  std::vector<std::string> environment;
  // The i-th is handed over as PA_HND(PA_USER0, i).
  std::vector<std::shared_ptr<VmoDispatcher>> vmos;
  // What else is handed over, with its default rights: what it is (PA_HND(...)), and the object. Resources, for
  // example.
  std::vector<std::pair<uint32_t, std::shared_ptr<Dispatcher>>> handles;
  // Where the program gives none (PT_GNU_STACK). Committed as it is touched.
  uint64_t stack_size = uint64_t{8} << 20;
  // Called when all is ready, before the first instruction runs; may be empty.
  std::function<void(const LaunchedProgram&)> before_start;
};

// A process with this executable in it, its segments as VMOs of their own, the vDSO, a stack above a guard page;
// started with the vDSO's base in its second argument and, in its first, a channel that holds one message: arguments,
// environment and handles (its process, its thread, the root job, its root VMAR, the vDSO and stack VMOs, and the
// caller's). Errors say what is wrong with the program, or what the machine hasn't got; then no process is left.
absl::StatusOr<LaunchedProgram> LaunchProgram(Kernel& kernel, absl::Span<const std::byte> file,
                                              const LaunchOptions& options);

// A VMO with a file's bytes, copied once, its content size the file's. The error names the file.
absl::StatusOr<std::shared_ptr<VmoDispatcher>> VmoFromFile(Kernel& kernel, const std::string& path,
                                                           const std::string& name);

// A file's bytes, of which there may be `kMostRead`: they are read into the host's heap. The error names the file.
inline constexpr uint64_t kMostRead = uint64_t{1} << 30;
absl::StatusOr<std::vector<std::byte>> ReadWholeFile(const std::string& path);

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_LOADER_LAUNCH_H_
