// What people and programs read: the table, and the same as JSON.
#ifndef ZIRCONIA_TOOLS_BENCH_REPORT_H_
#define ZIRCONIA_TOOLS_BENCH_REPORT_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "tools/bench/benchmark.h"

namespace zirconia::bench {

std::string ResultsAsTable(absl::Span<const Result> results);
// An object: "rows" as in the table, times in nanoseconds, null for what a row doesn't have; "host" and "quick" say
// where and how it was measured.
std::string ResultsAsJson(absl::Span<const Result> results, const Settings& settings);

}  // namespace zirconia::bench

#endif  // ZIRCONIA_TOOLS_BENCH_REPORT_H_
