// What Zirconia makes of what a host does.
#ifndef ZIRCONIA_PLATFORM_DOCTOR_DIAGNOSIS_H_
#define ZIRCONIA_PLATFORM_DOCTOR_DIAGNOSIS_H_

#include <string>
#include <vector>

#include "platform/doctor/facts.h"

namespace zirconia::platform::doctor {

// One of the parts that a machine is made of, made for trial in a scratch process.
struct Choice {
  std::string part;    // "remap", "backing", "engine", "window"
  std::string choice;  // empty: none can be made
  std::string reason;
};

struct Diagnosis {
  std::vector<Fact> facts;
  std::vector<Choice> choices;
  std::vector<std::string> advice;  // what would make it faster or safer here

  // Whether guests can run: each part can be made.
  bool can_run() const;
};

// Runs all experiments, in some tenths of a second.
Diagnosis Diagnose();

// The strategy for a host of which these facts are known.
Choice ChooseRemap(const std::vector<Fact>& facts);

std::vector<std::string> Advise(const std::vector<Fact>& facts, const std::vector<Choice>& choices);

}  // namespace zirconia::platform::doctor

#endif  // ZIRCONIA_PLATFORM_DOCTOR_DIAGNOSIS_H_
