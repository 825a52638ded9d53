#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <set>
#include <string>

#include "platform/doctor/diagnosis.h"
#include "platform/doctor/facts.h"
#include "platform/doctor/scratch_process.h"

namespace zirconia::platform::doctor {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("A scratch process hands back what was found, and changes nothing here") {
  int here = 1;
  const auto said = RunInScratchProcess(
      [&] {
        here = 2;
        return std::string(100000, 'x');
      },
      absl::Seconds(30));
  REQUIRE(said.ok());
  CHECK((*said == std::string(100000, 'x')));
  CHECK(here == 1);
}

TEST_CASE("An experiment that crashes is reported by its signal") {
  const auto said = RunInScratchProcess(
      []() -> std::string {
        raise(SIGSEGV);
        return "survived";
      },
      absl::Seconds(30));
  CHECK(absl::IsAborted(said.status()));
  CHECK_THAT(std::string(said.status().message()), Contains("SIGSEGV"));
}

TEST_CASE("An experiment that hangs is killed with what it started, and reported") {
  const auto begin = std::chrono::steady_clock::now();
  const auto said = RunInScratchProcess(
      []() -> std::string {
        (void)fork();
        while (true) pause();
      },
      absl::Milliseconds(200));
  CHECK(absl::IsDeadlineExceeded(said.status()));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(60));
}

TEST_CASE("Facts keep the kind of their value; what crashed could not be tried") {
  const std::vector<Experiment> experiments = {
      {"g", "yes", "",
       [] {
         return Finding{true, "because"};
       }},
      {"g", "no", "",
       [] {
         return Finding{false, ""};
       }},
      {"g", "number", "",
       [] {
         return Finding{int64_t{-5}, ""};
       }},
      {"g", "text", "",
       [] {
         return Finding{std::string("two words"), "a\nb"};
       }},
      {"g", "untried", "", [] { return Finding::NotTried("no way"); }},
      {"g", "crash", "", []() -> Finding { _exit(3); }},
  };
  const std::vector<Fact> facts = RunExperiments(experiments);
  REQUIRE(facts.size() == experiments.size());
  CHECK((Find(facts, "g", "yes") == FactValue(true)));
  CHECK((Find(facts, "g", "no") == FactValue(false)));
  CHECK((Find(facts, "g", "number") == FactValue(int64_t{-5})));
  CHECK((Find(facts, "g", "text") == FactValue(std::string("two words"))));
  CHECK((Find(facts, "g", "untried") == FactValue()));
  CHECK((Find(facts, "g", "crash") == FactValue()));
  CHECK((Find(facts, "g", "unheard of") == FactValue()));
  CHECK(facts[0].finding.reason == "because");
  CHECK(facts[3].finding.reason == "a\nb");
  CHECK(facts[4].finding.reason == "no way");
  CHECK_THAT(facts[5].finding.reason, Contains("status 3"));
}

TEST_CASE("Every experiment has a name of its own, and none crashes or hangs here") {
  std::set<std::pair<std::string, std::string>> names;
  for (const Fact& fact : RunExperiments(AllExperiments(), absl::Seconds(120))) {
    INFO(fact.group << "." << fact.name << ": " << fact.finding.reason);
    CHECK(names.emplace(fact.group, fact.name).second);
    CHECK_FALSE(fact.text.empty());
    CHECK(fact.finding.reason.find("it died") == std::string::npos);
    CHECK(fact.finding.reason.find("it exited") == std::string::npos);
    CHECK(fact.finding.reason.find("it still ran") == std::string::npos);
  }
  CHECK(names.size() > 25);
}

Fact Known(const char* group, const char* name, FactValue value) { return {group, name, "", {std::move(value), ""}}; }

TEST_CASE("The strategy and the advice follow from the facts") {
  const auto remap = [](FactValue seal, FactValue memory) {
    return ChooseRemap({Known("map_fixed_loses", "seal_future_write", std::move(seal)),
                        Known("map_fixed_loses", "private_over_memory", std::move(memory))})
        .choice;
  };
  CHECK(remap(false, false) == "direct");
  CHECK(remap(true, false) == "reserve");
  CHECK(remap(false, true) == "reserve");
  CHECK(remap({}, {}) == "reserve");

  const auto advice = [](std::vector<Fact> facts, const std::vector<Choice>& choices) {
    facts.push_back(Known("limits", "address_space", std::string("unlimited")));
    std::string all;
    for (const std::string& line : Advise(facts, choices)) all += line + "\n";
    return all;
  };
  CHECK(advice({}, {}).empty());
  CHECK_THAT(advice({Known("limits", "max_map_count", int64_t{65530})}, {}), Contains("65530"));
  CHECK(advice({Known("limits", "max_map_count", int64_t{1} << 20)}, {}).empty());
  CHECK_THAT(advice({Known("limits", "overcommit", int64_t{1})}, {}), Contains("overcommit"));
  CHECK_THAT(advice({}, {{"engine", "", "no dispatch"}}), Contains("no dispatch"));
  CHECK_THAT(advice({}, {{"remap", "reserve", ""}}), Contains("three"));
}

TEST_CASE("Guests can run only where each part can be made") {
  Diagnosis diagnosis;
  diagnosis.choices = {{"remap", "direct", ""}, {"engine", "in-process", ""}};
  CHECK(diagnosis.can_run());
  diagnosis.choices[1].choice.clear();
  CHECK_FALSE(diagnosis.can_run());
}

}  // namespace
}  // namespace zirconia::platform::doctor
