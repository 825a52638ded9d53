#include "tools/bench/report.h"

#include <sys/utsname.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace zirconia::bench {
namespace {

std::string TimeText(double nanoseconds) {
  if (nanoseconds < 1e3) return absl::StrFormat("%.1f ns", nanoseconds);
  if (nanoseconds < 1e6) return absl::StrFormat("%.2f us", nanoseconds / 1e3);
  if (nanoseconds < 1e9) return absl::StrFormat("%.2f ms", nanoseconds / 1e6);
  return absl::StrFormat("%.3f s", nanoseconds / 1e9);
}

// The position of `text` in `all`, from 1; it is added if it isn't there.
size_t NumberOf(const std::string& text, std::vector<std::string>& all) {
  const auto found = std::find(all.begin(), all.end(), text);
  if (found != all.end()) return static_cast<size_t>(found - all.begin()) + 1;
  all.push_back(text);
  return all.size();
}

template <typename T>
nlohmann::json OrNull(const std::optional<T>& value) {
  return value.has_value() ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

}  // namespace

std::string ResultsAsTable(absl::Span<const Result> results) {
  size_t width = 9;
  for (const Result& result : results) width = std::max(width, result.name.size());
  std::vector<std::string> notes;
  std::string table = absl::StrFormat("%-*s  %10s  %10s  %6s  %7s  %10s  %s\n", static_cast<int>(width), "operation",
                                      "time", "floor", "ratio", "wanted", "host calls", "the floor is");
  for (const Result& result : results) {
    const std::optional<double>& ratio = result.ratio;
    absl::StrAppendFormat(
        &table, "%-*s  %10s  %10s  %6s  %7s  %10s  %s", static_cast<int>(width), result.name,
        TimeText(result.nanoseconds), result.floor_nanoseconds.has_value() ? TimeText(*result.floor_nanoseconds) : "-",
        ratio.has_value() ? absl::StrFormat("%.2f", *ratio) : "-",
        result.wanted.has_value() ? absl::StrFormat("<= %.2f", *result.wanted) : "",
        result.host_calls.has_value() ? absl::StrFormat("%.6g", *result.host_calls) : "", result.floor_name);
    if (!result.note.empty()) absl::StrAppendFormat(&table, " [%d]", NumberOf(result.note, notes));
    if (ratio.has_value() && result.wanted.has_value() && *ratio > *result.wanted) table += " MISSED";
    table += "\n";
  }
  table += "\nTimes are those of the fastest round; the ratio is the median over neighbouring rounds.\n";
  for (size_t i = 0; i < notes.size(); ++i) absl::StrAppendFormat(&table, "[%d] %s\n", i + 1, notes[i]);
  return table;
}

std::string ResultsAsJson(absl::Span<const Result> results, const Settings& settings) {
  nlohmann::json rows = nlohmann::json::array();
  for (const Result& result : results) {
    rows.push_back({{"operation", result.name},
                    {"time_ns", result.nanoseconds},
                    {"floor_ns", OrNull(result.floor_nanoseconds)},
                    {"ratio", OrNull(result.ratio)},
                    {"wanted", OrNull(result.wanted)},
                    {"host_calls", OrNull(result.host_calls)},
                    {"floor", result.floor_name},
                    {"note", result.note}});
  }
  utsname host{};
  uname(&host);
  const nlohmann::json all = {
      {"rows", rows},
      {"quick", settings.quick},
      {"host", {{"kernel", host.release}, {"processors", std::thread::hardware_concurrency()}}},
  };
  return all.dump(2) + "\n";
}

}  // namespace zirconia::bench
