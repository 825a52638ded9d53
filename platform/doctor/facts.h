// What this host does, found by trying it.
#ifndef ZIRCONIA_PLATFORM_DOCTOR_FACTS_H_
#define ZIRCONIA_PLATFORM_DOCTOR_FACTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"

namespace zirconia::platform::doctor {

// monostate: it couldn't be tried.
using FactValue = std::variant<std::monostate, bool, int64_t, std::string>;

struct Finding {
  FactValue value;
  std::string
      reason;  // why it couldn't be tried; or what the value rests on, such as the error of a call; may be empty

  static Finding NotTried(std::string reason) { return {{}, std::move(reason)}; }
};

// One thing to try. `group` and `name` identify it for programs, `text` says for people what `name` asks.
struct Experiment {
  std::string_view group;
  std::string_view name;
  std::string_view text;
  Finding (*run)();  // in a scratch process; may change it, crash or hang
};

struct Fact {
  std::string group;
  std::string name;
  std::string text;
  Finding finding;
};

// All there are, in the order to show them; each group is contiguous.
std::vector<Experiment> AllExperiments();

// Runs each in a scratch process of its own; one that crashes, or still runs after `limit`, couldn't be tried.
std::vector<Fact> RunExperiments(const std::vector<Experiment>& experiments, absl::Duration limit = absl::Seconds(10));

// The value of a fact; monostate where there is none of that name.
const FactValue& Find(const std::vector<Fact>& facts, std::string_view group, std::string_view name);

// What `AllExperiments` is made of.
std::vector<Experiment> MapFixedExperiments();
std::vector<Experiment> MremapExperiments();
std::vector<Experiment> SealExperiments();
std::vector<Experiment> DescriptorExperiments();
std::vector<Experiment> DeletedFileExperiments();
std::vector<Experiment> ProcessorExperiments();
std::vector<Experiment> LimitExperiments();

}  // namespace zirconia::platform::doctor

#endif  // ZIRCONIA_PLATFORM_DOCTOR_FACTS_H_
