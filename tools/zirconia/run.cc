#include "tools/zirconia/run.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <zircon/processargs.h>
#include <zircon/syscalls/object.h>

#include <atomic>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "kernel_sim/crash_report.h"
#include "kernel_sim/kernel.h"
#include "kernel_sim/loader/launch.h"
#include "kernel_sim/tracer.h"
#include "platform/host_linux.h"
#include "platform/map_budget.h"
#include "tools/zirconia/console.h"
#include "tools/zirconia/inspect_server.h"
#include "tools/zirconia/interrupts.h"
#include "tools/zirconia/stats.h"
#include "tools/zirconia/whole_number.h"

namespace zirconia::cli {
namespace {

int UsageError(absl::string_view what) {
  std::cerr << "zirconia: " << what << "\n";
  return kExitUsage;
}

// "512M", "512MiB" and the like: a number of bytes, or of K, M, G or T, which are powers of 1024.
std::optional<uint64_t> ParseSize(absl::string_view text) {
  uint64_t unit = 1;
  const bool spelt_out = absl::ConsumeSuffix(&text, "iB");
  if (!text.empty()) {
    switch (text.back()) {
      case 'K':
      case 'k':
        unit = uint64_t{1} << 10;
        break;
      case 'M':
      case 'm':
        unit = uint64_t{1} << 20;
        break;
      case 'G':
      case 'g':
        unit = uint64_t{1} << 30;
        break;
      case 'T':
      case 't':
        unit = uint64_t{1} << 40;
        break;
      default:
        break;
    }
    if (unit != 1) text.remove_suffix(1);
  }
  if (spelt_out && unit == 1) return std::nullopt;
  uint64_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number == 0 || number > UINT64_MAX / unit) return std::nullopt;
  return number * unit;
}

// Below the least a guest's threads take the code, the stack and the data that one instruction needs away from each
// other for ever; above the most the host refuses everything, the heap too, before the budget is spent.
absl::Status CheckHostMappings(uint64_t wanted) {
  constexpr uint64_t kLeast = 16;
  platform::LinuxHost host;
  const uint64_t most = platform::MapBudget::DefaultLimit(host);
  if (wanted == 0 || (wanted >= kLeast && wanted <= most)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "--host-mappings: %d isn't between %d and %d, which is what the host permits (vm.max_map_count) less a reserve",
      wanted, kLeast, most));
}

// Says where addresses of a process lie: in the program, if it is the one that was launched, or in the vDSO.
std::string Symbolize(const kernel::Kernel& kernel, const kernel::LaunchedProgram* launched,
                      const kernel::ProcessDispatcher& process, uint64_t address) {
  const auto name = [](const kernel::ElfImage& image, uint64_t linked, absl::string_view file) -> std::string {
    const auto symbol = image.SymbolAt(linked);
    return symbol.has_value() ? absl::StrFormat("%s+0x%x (%s)", symbol->first, symbol->second, file) : "";
  };
  const kernel::VdsoVmo& vdso = kernel.vdso();
  if (process.vdso_base() != 0 && address - process.vdso_base() < vdso.size()) {
    return name(vdso.image(), address - process.vdso_base(), "vdso");
  }
  if (launched == nullptr || launched->process.get() != &process) return "";
  return name(launched->image, address - launched->bias, process.name());
}

// Says what is found. False: something is wrong.
bool VerifyProcess(kernel::Kernel& kernel, const kernel::ProcessDispatcher& process) {
  absl::Status status = process.aspace().Verify();
  if (status.ok()) status = kernel.frames().Verify();
  if (!status.ok()) {
    Say(absl::StrFormat("zirconia: verify: %s: %s\n", process.name(), status.message()));
    return false;
  }
  Say(absl::StrFormat("zirconia: verify: %s: mappings, page table and host agree; %d host mappings stand\n",
                      process.name(), kernel.machine().HostMappings()));
  return true;
}

// The resource of this name (of --resource), and what it is handed over as.
std::pair<uint32_t, std::shared_ptr<kernel::Dispatcher>> ResourceNamed(kernel::Kernel& kernel,
                                                                       const std::string& name) {
  if (name == "root") return {PA_HND(PA_RESOURCE, 0), kernel.root_resource()};
  const auto make = [&](const kernel::ResourceRange& range) {
    return std::make_shared<kernel::ResourceDispatcher>(kernel.koids(), range, name);
  };
  const auto all = [&](zx_rsrc_kind_t kind) { return make(*kernel::ResourceRegistry::All(kind)); };
  if (name == "mmio") return {PA_HND(PA_MMIO_RESOURCE, 0), all(ZX_RSRC_KIND_MMIO)};
  if (name == "irq") return {PA_HND(PA_IRQ_RESOURCE, 0), all(ZX_RSRC_KIND_IRQ)};
  if (name == "ioport") return {PA_HND(PA_IOPORT_RESOURCE, 0), all(ZX_RSRC_KIND_IOPORT)};
  if (name == "system") return {PA_HND(PA_SYSTEM_RESOURCE, 0), all(ZX_RSRC_KIND_SYSTEM)};
  return {PA_HND(PA_SYSTEM_RESOURCE, static_cast<uint32_t>(ZX_RSRC_SYSTEM_VMEX_BASE)),
          make({ZX_RSRC_KIND_SYSTEM, ZX_RSRC_SYSTEM_VMEX_BASE, 1})};
}

// --help, with what the parser isn't told of: the program and its arguments.
class RunHelp : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: zirconia run [OPTIONS] [--] PROGRAM [ARGS...]\n";
  }
};

}  // namespace

int EndOfRunOptions(const CLI::App& run, int argc, const char* const* argv) {
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--") return i;
    if (word.size() < 2 || word[0] != '-') return argc;  // the program: what follows is its own
    const CLI::Option* option = run.get_option_no_throw(word);
    if (option != nullptr && option->get_items_expected_max() > 0) ++i;
  }
  return argc;
}

CLI::App* AddRunCommand(CLI::App& app, RunOptions& options) {
  CLI::App* run = app.add_subcommand("run", "Run a guest program; its exit code is the exit code");
  run->add_flag("--trace", options.trace, "Print each system call with its arguments and result");
  run->add_flag("--maps", options.maps, "Print the address space at the end as a tree");
  run->add_flag("--stats{text}", options.stats, "Print counters at the end; --stats=json: as JSON")
      ->check(CLI::IsMember({"text", "json"}));
  run->add_option("--memory", options.memory, "Size of the machine's memory: bytes, or with K, M, G, T (or KiB, ...)")
      ->capture_default_str();
  run->add_option("--vmo", options.vmos, "NAME=FILE: hand the guest a file as a VMO; the i-th is PA_HND(PA_USER0, i)")
      ->allow_extra_args(false);
  run->add_option("--resource", options.resources,
                  "Hand the guest a resource: root is PA_HND(PA_RESOURCE, 0), mmio, irq, ioport and system are "
                  "PA_HND(PA_*_RESOURCE, 0), vmex is PA_HND(PA_SYSTEM_RESOURCE, ZX_RSRC_SYSTEM_VMEX_BASE)")
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"root", "mmio", "irq", "ioport", "system", "vmex"}));
  run->add_option("--realize", options.realize,
                  "When memory is mapped on the host: on the first touch, when the guest maps it, or populated at once")
      ->check(CLI::IsMember({"touch", "map", "populate"}))
      ->capture_default_str();
  run->add_option("--remap", options.remap,
                  "How host mappings are replaced: by one call, with a reserve, or (for comparison) staged or naively")
      ->check(CLI::IsMember({"auto", "direct", "reserve", "stage", "naive"}))
      ->capture_default_str();
  run->add_option("--host-mappings", options.host_mappings,
                  "How many host mappings guests may have; 0: as many as the host permits")
      ->transform(WholeNumber())
      ->capture_default_str();
  run->add_flag("--verify", options.verify,
                "At the end compare the address space with the page table, and that with the host");
  run->add_option("--backing", options.backing,
                  "What file the memory is: auto, memfd, tmpfile, unlinked, unlink-late, unlink-at-exit, each but "
                  "memfd with :DIR if wanted, or kept:PATH")
      ->capture_default_str();
  run->add_option("--inspect", options.inspect, "A socket at this path, through which zirconia inspect looks in");
  run->add_option("--seed", options.seed, "Randomise the address layout; 0: lowest addresses first")
      ->transform(WholeNumber())
      ->capture_default_str();
  run->add_option("--log", options.log_level, "What Zirconia logs of its own doings")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
  run->prefix_command();
  run->formatter(std::make_shared<RunHelp>());
  return run;
}

int Run(const RunOptions& options) {
  if (options.command.empty())
    return UsageError("run: no PROGRAM given (usage: zirconia run [OPTIONS] PROGRAM [ARGS...])");
  const std::string& path = options.command.front();
  if (path.size() > 1 && path[0] == '-' && path != "--")
    return UsageError(absl::StrCat("run: unknown option '", path, "'"));
  const auto memory = ParseSize(options.memory);
  if (!memory.has_value()) {
    return UsageError(
        absl::StrCat("--memory: '", options.memory, "' is not a size (bytes, or with K, M, G, T, or KiB and so on)"));
  }
  const auto backing = platform::BackingChoice::Parse(options.backing);
  if (!backing.ok()) return UsageError(absl::StrCat("--backing: ", backing.status().message()));
  if (const absl::Status s = CheckHostMappings(options.host_mappings); !s.ok()) return UsageError(s.message());
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("zirconia", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
  spdlog::set_level(spdlog::level::from_str(options.log_level));

  Interrupts interrupts;
  const auto file = kernel::ReadWholeFile(path);
  if (!file.ok()) return UsageError(file.status().message());

  // For the callbacks; both are set before the guest's first instruction.
  kernel::Kernel* the_kernel = nullptr;
  const kernel::LaunchedProgram* the_program = nullptr;
  kernel::Tracer tracer([](absl::string_view line) { Say(absl::StrCat(line, "\n")); });

  kernel::Kernel::Options kernel_options;
  kernel_options.machine.memory = mm::ByteSize(*memory);
  kernel_options.machine.layout_seed = options.seed;
  kernel_options.machine.realize =
      options.realize == "touch" ? mm::AddressSpace::Realize::kOnTouch : mm::AddressSpace::Realize::kOnMap;
  kernel_options.machine.populate = options.realize == "populate";
  kernel_options.machine.remap = platform::ParseRemapStrategy(options.remap);
  if (options.host_mappings != 0) kernel_options.machine.host_mappings = options.host_mappings;
  kernel_options.machine.backing = *backing;
  kernel_options.console = WriteStdout;
  if (spdlog::should_log(spdlog::level::debug)) {
    kernel_options.log = [](absl::string_view line) {
      spdlog::debug("{}", fmt::string_view(line.data(), line.size()));
    };
  }
  if (options.trace) kernel_options.tracer = &tracer;
  kernel_options.on_crash = [&](const kernel::CrashReport& report) {
    Say(absl::StrCat("zirconia: ", kernel::FormatCrashReport(report, [&](uint64_t address) {
                       return Symbolize(*the_kernel, the_program, *report.guest, address);
                     })));
  };
  std::atomic<bool> broken = false;
  kernel_options.on_exit = [&](kernel::ProcessDispatcher& process) {
    if (options.verify && !VerifyProcess(*the_kernel, process)) broken = true;
    if (the_program == nullptr || the_program->process.get() != &process) return;
    if (options.maps) Say(kernel::FormatMaps(process));
    if (options.stats == "text") Say(StatsAsText(RunStats::Take(*the_kernel)));
    if (options.stats == "json") Say(StatsAsJson(RunStats::Take(*the_kernel)));
  };

  auto kernel = kernel::Kernel::Create(std::move(kernel_options));
  if (!kernel.ok()) return UsageError(absl::StrCat("can't make a machine: ", kernel.status().message()));
  the_kernel = kernel->get();

  kernel::LaunchOptions launch;
  launch.name = path.substr(path.find_last_of('/') + 1);
  launch.arguments = options.command;
  for (const std::string& vmo : options.vmos) {
    const size_t equals = vmo.find('=');
    if (equals == std::string::npos || equals == 0)
      return UsageError(absl::StrCat("--vmo: '", vmo, "' isn't NAME=FILE"));
    auto made = kernel::VmoFromFile(**kernel, vmo.substr(equals + 1), vmo.substr(0, equals));
    if (!made.ok()) return UsageError(absl::StrCat("--vmo: ", made.status().message()));
    launch.vmos.push_back(*std::move(made));
  }
  for (const std::string& name : options.resources) launch.handles.push_back(ResourceNamed(**kernel, name));
  // It goes before the kernel does.
  std::unique_ptr<platform::MemoryServer> inspectors;
  if (!options.inspect.empty()) {
    auto serving = ServeInspectors(**kernel, options.inspect);
    if (!serving.ok()) return UsageError(absl::StrCat("--inspect: ", serving.status().message()));
    inspectors = *std::move(serving);
  }
  std::optional<kernel::LaunchedProgram> program;
  launch.before_start = [&](const kernel::LaunchedProgram& ready) { the_program = &program.emplace(ready); };
  const auto launched = kernel::LaunchProgram(**kernel, *file, launch);
  if (!launched.ok()) return UsageError(absl::StrCat("can't run '", path, "': ", launched.status().message()));
  interrupts.set_stop([&] { launched->process->Exit(ZX_TASK_RETCODE_SYSCALL_KILL); });
  launched->process->WaitUntilDead();
  interrupts.set_stop(nullptr);
  (*kernel)->Stop();  // other processes of the guest too, whose ends are still reported to what stands here

  if (broken) return kExitBroken;
  if (interrupts.signal() != 0) return 128 + interrupts.signal();
  const int64_t code = launched->process->return_code();
  if (code == ZX_TASK_RETCODE_EXCEPTION_KILL) return kExitCrashed;
  if (code == ZX_TASK_RETCODE_SYSCALL_KILL) {
    Say("zirconia: the guest was killed (zx_task_kill)\n");
    return kExitKilled;
  }
  return static_cast<int>(code & 0xff);
}

}  // namespace zirconia::cli
