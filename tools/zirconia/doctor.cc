#include "tools/zirconia/doctor.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/zirconia/console.h"
#include "tools/zirconia/run.h"

namespace zirconia::cli {
namespace {

using platform::doctor::Choice;
using platform::doctor::Diagnosis;
using platform::doctor::Fact;
using platform::doctor::FactValue;

std::string Title(const std::string& group) {
  static const std::map<std::string, std::string> titles = {
      {"map_fixed_loses", "A mmap(MAP_FIXED) that fails loses the mapping that stood there, where..."},
      {"mremap", "mremap"},
      {"seals", "Seals"},
      {"descriptors", "Descriptors"},
      {"deleted_files", "Deleted files"},
      {"engine", "For the engine"},
      {"limits", "Limits and settings"},
  };
  const auto found = titles.find(group);
  return found == titles.end() ? group : found->second;
}

std::string ValueAsText(const FactValue& value) {
  struct ToText {
    std::string operator()(std::monostate) const { return "?"; }
    std::string operator()(bool yes) const { return yes ? "yes" : "no"; }
    std::string operator()(int64_t number) const { return absl::StrCat(number); }
    std::string operator()(const std::string& text) const { return text; }
  };
  return std::visit(ToText(), value);
}

nlohmann::json ValueAsJson(const FactValue& value) {
  struct ToJson {
    nlohmann::json operator()(std::monostate) const { return nullptr; }
    nlohmann::json operator()(bool yes) const { return yes; }
    nlohmann::json operator()(int64_t number) const { return number; }
    nlohmann::json operator()(const std::string& text) const { return text; }
  };
  return std::visit(ToJson(), value);
}

// "  LABEL  VALUE  (REASON)".
void AppendLine(std::string* text, absl::string_view label, absl::string_view value, absl::string_view reason) {
  absl::StrAppendFormat(text, "  %-52s %s", label, value);
  if (!reason.empty())
    absl::StrAppend(text, value.size() < 6 ? std::string(6 - value.size(), ' ') : " ", "(", reason, ")");
  absl::StrAppend(text, "\n");
}

}  // namespace

CLI::App* AddDoctorCommand(CLI::App& app, DoctorOptions& options) {
  CLI::App* const doctor = app.add_subcommand(
      "doctor", "Try what this host does, and say what is chosen because of it; 1: guests can't run");
  doctor->add_flag("--json", options.json, "Print it as JSON");
  return doctor;
}

std::string DiagnosisAsText(const Diagnosis& diagnosis) {
  std::string text;
  const std::string* group = nullptr;
  for (const Fact& fact : diagnosis.facts) {
    if (group == nullptr || *group != fact.group) {
      absl::StrAppend(&text, group == nullptr ? "" : "\n", Title(fact.group), "\n");
    }
    group = &fact.group;
    AppendLine(&text, fact.text, ValueAsText(fact.finding.value), fact.finding.reason);
  }
  absl::StrAppend(&text, "\nChosen because of it\n");
  for (const Choice& choice : diagnosis.choices) {
    AppendLine(&text, choice.part, choice.choice.empty() ? "none" : choice.choice, choice.reason);
  }
  if (!diagnosis.advice.empty()) absl::StrAppend(&text, "\nWhat would make it faster or safer here\n");
  for (const std::string& advice : diagnosis.advice) absl::StrAppend(&text, "  - ", advice, "\n");
  absl::StrAppend(&text, "\n", diagnosis.can_run() ? "Zirconia runs here." : "Zirconia can't run guests here.", "\n");
  return text;
}

std::string DiagnosisAsJson(const Diagnosis& diagnosis) {
  nlohmann::ordered_json json;
  nlohmann::ordered_json reasons = nlohmann::ordered_json::object();
  json["can_run"] = diagnosis.can_run();
  for (const Fact& fact : diagnosis.facts) {
    json[fact.group][fact.name] = ValueAsJson(fact.finding.value);
    if (!fact.finding.reason.empty()) reasons[fact.group][fact.name] = fact.finding.reason;
  }
  for (const Choice& choice : diagnosis.choices) {
    json["chosen"][choice.part] = choice.choice.empty() ? nlohmann::json(nullptr) : nlohmann::json(choice.choice);
    if (!choice.reason.empty()) reasons["chosen"][choice.part] = choice.reason;
  }
  json["advice"] = diagnosis.advice;
  json["reasons"] = std::move(reasons);
  return json.dump(2) + "\n";
}

int Doctor(const DoctorOptions& options) {
  const Diagnosis diagnosis = platform::doctor::Diagnose();
  if (!WriteStdout(options.json ? DiagnosisAsJson(diagnosis) : DiagnosisAsText(diagnosis))) return kExitUsage;
  return diagnosis.can_run() ? 0 : 1;
}

}  // namespace zirconia::cli
