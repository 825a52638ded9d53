#include "platform/doctor/facts.h"

#include <charconv>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "platform/doctor/scratch_process.h"

namespace zirconia::platform::doctor {
namespace {

// A finding as it goes through the pipe: the kind of its value, the value, a line feed, the reason.
std::string Encode(const Finding& finding) {
  struct ToText {
    std::string operator()(std::monostate) const { return "n"; }
    std::string operator()(bool value) const { return value ? "bt" : "bf"; }
    std::string operator()(int64_t value) const { return absl::StrCat("i", value); }
    std::string operator()(const std::string& value) const { return absl::StrCat("s", value); }
  };
  return absl::StrCat(std::visit(ToText(), finding.value), "\n", finding.reason);
}

Finding Decode(const std::string& text) {
  const size_t end = text.find('\n');
  if (end == std::string::npos || end == 0) return Finding::NotTried("it said nothing");
  Finding finding{{}, text.substr(end + 1)};
  const std::string value = text.substr(1, end - 1);
  if (text[0] == 'b') finding.value = value == "t";
  if (text[0] == 's') finding.value = value;
  if (text[0] == 'i') {
    int64_t number = 0;
    (void)std::from_chars(value.data(), value.data() + value.size(), number);
    finding.value = number;
  }
  return finding;
}

}  // namespace

std::vector<Experiment> AllExperiments() {
  std::vector<Experiment> all;
  for (auto* const group : {MapFixedExperiments, MremapExperiments, SealExperiments, DescriptorExperiments,
                            DeletedFileExperiments, ProcessorExperiments, LimitExperiments}) {
    std::vector<Experiment> experiments = group();
    std::move(experiments.begin(), experiments.end(), std::back_inserter(all));
  }
  return all;
}

std::vector<Fact> RunExperiments(const std::vector<Experiment>& experiments, absl::Duration limit) {
  std::vector<Fact> facts;
  for (const Experiment& experiment : experiments) {
    const absl::StatusOr<std::string> said = RunInScratchProcess([&] { return Encode(experiment.run()); }, limit);
    facts.push_back({std::string(experiment.group), std::string(experiment.name), std::string(experiment.text),
                     said.ok() ? Decode(*said) : Finding::NotTried(std::string(said.status().message()))});
  }
  return facts;
}

const FactValue& Find(const std::vector<Fact>& facts, std::string_view group, std::string_view name) {
  static const FactValue kNone;
  for (const Fact& fact : facts) {
    if (fact.group == group && fact.name == name) return fact.finding.value;
  }
  return kNone;
}

}  // namespace zirconia::platform::doctor
