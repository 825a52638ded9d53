// The counters of a run.
#ifndef ZIRCONIA_TOOLS_ZIRCONIA_STATS_H_
#define ZIRCONIA_TOOLS_ZIRCONIA_STATS_H_

#include <cstdint>
#include <map>
#include <string>

#include "kernel_sim/kernel.h"

namespace zirconia::cli {

// Taken while the guest's address space still stands.
struct RunStats {
  uint64_t syscalls_total = 0;
  std::map<std::string, uint64_t> syscalls;  // by name
  uint64_t faults = 0;
  uint64_t exceptions = 0;
  uint64_t host_calls_total = 0;
  std::map<std::string, uint64_t> host_calls;  // by kind
  uint64_t mappings = 0;                       // of guests, alive
  uint64_t host_mappings = 0;                  // of the host, alive, that realize them
  uint64_t host_mapping_limit = 0;
  std::string remap;  // how they are replaced: the strategy's name
  uint64_t frames_used = 0;
  uint64_t frames_peak = 0;
  uint64_t frames_total = 0;

  static RunStats Take(kernel::Kernel& kernel);
};

// For people: some lines. For machines: one line of JSON with the fields' names.
std::string StatsAsText(const RunStats& stats);
std::string StatsAsJson(const RunStats& stats);

}  // namespace zirconia::cli

#endif  // ZIRCONIA_TOOLS_ZIRCONIA_STATS_H_
