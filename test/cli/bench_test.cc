// zirconia-bench: that it measures everything, not what it measures.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "test/support/command.h"

namespace zirconia::test {
namespace {

using Catch::Matchers::StartsWith;

CommandResult Bench(std::vector<std::string> words) {
  words.insert(words.begin(), ZIRCONIA_BENCH);
  return RunCommand(words);
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

nlohmann::json ReadJson(const std::string& path) {
  std::ifstream in(path);
  return nlohmann::json::parse(in);
}

TEST_CASE("the benchmark prints each row that it lists, and writes the same as JSON", "[cli]") {
  const std::vector<std::string> names = Lines(Bench({"--quick", "--list"}).out);
  REQUIRE(names.size() > 30);
  const TemporaryFile file("");
  const CommandResult r = Bench({"--quick", "--json", file.path()});
  CAPTURE(r.out, r.err);
  REQUIRE(r.exit_code == 0);
  CHECK(r.err.empty());

  const std::vector<std::string> table = Lines(r.out);
  const nlohmann::json rows = ReadJson(file.path()).at("rows");
  REQUIRE(rows.size() == names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    CAPTURE(names[i]);
    CHECK(rows[i].at("operation") == names[i]);
    CHECK_THAT(table.at(i + 1), StartsWith(names[i] + " "));
    CHECK(rows[i].at("time_ns").get<double>() > 0);
    // Either it has a floor, and says what that is, or neither floor nor ratio.
    const bool has_floor = !rows[i].at("floor").get<std::string>().empty();
    CHECK(rows[i].at("floor_ns").is_number() == has_floor);
    CHECK(rows[i].at("ratio").is_number() == has_floor);
  }
}

TEST_CASE("mapping costs one host call, whatever the size, and none if it is left to the first touch", "[cli]") {
  const TemporaryFile file("");
  REQUIRE(Bench({"--quick", "--filter", "map", "--json", file.path()}).exit_code == 0);
  int at_once = 0, on_touch = 0;
  const nlohmann::json all = ReadJson(file.path());
  for (const nlohmann::json& row : all.at("rows")) {
    const std::string name = row.at("operation");
    if (name.rfind("map ", 0) != 0) continue;
    CAPTURE(name);
    const bool is_on_touch = name.find("on touch") != std::string::npos;
    ++(is_on_touch ? on_touch : at_once);
    CHECK(row.at("host_calls") == (is_on_touch ? 0.0 : 1.0));
  }
  CHECK(at_once >= 4);
  CHECK(on_touch >= 2);
}

TEST_CASE("an error in using the benchmark is one line and exit status 2", "[cli]") {
  const auto words = GENERATE(values<std::vector<std::string>>(
      {{"--filter", "no such row"}, {"--json", "/no/such/folder/file"}, {"--no-such-option"}, {"stray"}}));
  const CommandResult r = Bench(words);
  CAPTURE(r.err);
  CHECK(r.exit_code == 2);
  CHECK(r.out.empty());
  CHECK(Lines(r.err).size() == 1);
  CHECK_THAT(r.err, StartsWith("zirconia-bench: "));
}

}  // namespace
}  // namespace zirconia::test
