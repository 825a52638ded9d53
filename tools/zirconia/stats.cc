#include "tools/zirconia/stats.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernel_sim/process.h"
#include "kernel_sim/syscalls/dispatch.h"

namespace zirconia::cli {

RunStats RunStats::Take(kernel::Kernel& kernel) {
  RunStats stats;
  const kernel::Kernel::Counters& counters = kernel.counters();
  for (size_t i = 0; i < counters.syscalls.size(); ++i) {
    const uint64_t n = counters.syscalls[i].load(std::memory_order_relaxed);
    stats.syscalls_total += n;
    if (n != 0) stats.syscalls[kernel::SyscallName(i)] = n;
  }
  stats.faults = counters.faults.load(std::memory_order_relaxed);
  stats.exceptions = counters.exceptions.load(std::memory_order_relaxed);
  for (const auto& [name, n] : kernel.machine().HostCalls()) {
    stats.host_calls[name] = n;
    stats.host_calls_total += n;
  }
  for (const auto& process : kernel.root_job()->processes()) {
    for (const mm::RegionInfo& region : process->aspace().Regions()) stats.mappings += region.is_mapping ? 1 : 0;
  }
  stats.host_mappings = kernel.machine().HostMappings();
  stats.host_mapping_limit = kernel.machine().HostMappingLimit();
  stats.remap = std::string(platform::RemapStrategyName(kernel.machine().remap()));
  const mm::FrameAllocator::Stats frames = kernel.frames().stats();
  stats.frames_used = frames.used.value();
  stats.frames_peak = frames.peak.value();
  stats.frames_total = frames.total.value();
  return stats;
}

std::string StatsAsText(const RunStats& s) {
  std::string text = absl::StrFormat("syscalls       %d\n", s.syscalls_total);
  for (const auto& [name, n] : s.syscalls) absl::StrAppendFormat(&text, "  %-32s %d\n", name, n);
  absl::StrAppendFormat(&text, "faults         %d\nexceptions     %d\nhost calls     %d\n", s.faults, s.exceptions,
                        s.host_calls_total);
  for (const auto& [name, n] : s.host_calls) absl::StrAppendFormat(&text, "  %-32s %d\n", name, n);
  absl::StrAppendFormat(&text, "mappings       %d\nhost mappings  %d of %d\nremap          %s\n", s.mappings,
                        s.host_mappings, s.host_mapping_limit, s.remap);
  absl::StrAppendFormat(&text, "frames         %d used, %d at most, of %d\n", s.frames_used, s.frames_peak,
                        s.frames_total);
  return text;
}

std::string StatsAsJson(const RunStats& s) {
  const nlohmann::json json = {
      {"syscalls", {{"total", s.syscalls_total}, {"by_name", s.syscalls}}},
      {"faults", s.faults},
      {"exceptions", s.exceptions},
      {"host_calls", {{"total", s.host_calls_total}, {"by_kind", s.host_calls}}},
      {"mappings", s.mappings},
      {"host_mappings", {{"alive", s.host_mappings}, {"limit", s.host_mapping_limit}}},
      {"remap", s.remap},
      {"frames", {{"used", s.frames_used}, {"peak", s.frames_peak}, {"total", s.frames_total}}},
  };
  return json.dump() + "\n";
}

}  // namespace zirconia::cli
