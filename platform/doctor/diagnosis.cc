#include "platform/doctor/diagnosis.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "platform/backing_file.h"
#include "platform/doctor/scratch_process.h"
#include "platform/guest_engine.h"
#include "platform/host_linux.h"
#include "platform/host_probe.h"
#include "platform/window.h"

namespace zirconia::platform::doctor {
namespace {

constexpr absl::Duration kLimit = absl::Seconds(10);

// What `make` says of its choice, in a scratch process: the choice, a line feed, the reason.
Choice TryPart(const char* part, std::string (*make)()) {
  const absl::StatusOr<std::string> said = RunInScratchProcess(make, kLimit);
  if (!said.ok()) return {part, "", std::string(said.status().message())};
  const size_t end = std::min(said->find('\n'), said->size());
  return {part, said->substr(0, end), end < said->size() ? said->substr(end + 1) : ""};
}

std::string Refusal(const absl::Status& status) { return absl::StrCat("\n", status.message()); }

std::string TryBacking() {
  LinuxHost host;
  BackingFile::Options options;
  options.size = mm::PageCount(16);
  options.backing = BackingChoice::Auto();
  const auto file = BackingFile::Create(host, options);
  if (!file.ok()) return Refusal(file.status());
  return absl::StrCat(std::string(BackingPolicyName((*file)->policy())), "\n",
                      (*file)->size_is_sealed() ? "its size is sealed" : "its size can't be sealed",
                      "; it can be mapped executable");
}

std::string TryWindow() {
  LinuxHost host;
  const auto window = Window::Create(host);
  if (!window.ok()) return Refusal(window.status());
  return absl::StrFormat("%d GiB\nat %#x", (*window)->range().size.value() >> 30, (*window)->range().base.value());
}

std::string TryEngine() {
  const auto engine = CreateInProcessEngine();
  return engine.ok() ? "in-process\n" : Refusal(engine.status());
}

bool Is(const std::vector<Fact>& facts, std::string_view group, std::string_view name, const FactValue& value) {
  return Find(facts, group, name) == value;
}

}  // namespace

bool Diagnosis::can_run() const {
  return std::all_of(choices.begin(), choices.end(), [](const Choice& c) { return !c.choice.empty(); });
}

Choice ChooseRemap(const std::vector<Fact>& facts) {
  HostBehaviour behaviour;
  for (const HostBehaviour::Named& named : HostBehaviour::All()) {
    const FactValue& value = Find(facts, "map_fixed_loses", named.name);
    if (const bool* const loses = std::get_if<bool>(&value)) (behaviour.*named.answer).loses = *loses;
  }
  const RemapStrategy strategy = ChooseRemapStrategy(behaviour);
  const char* reason = "none of our own calls was seen to lose a mapping; what none foresaw heals from the truth";
  if (strategy != RemapStrategy::kDirect) {
    reason = behaviour.seal_future_write.loses.has_value() || behaviour.private_over_memory.loses.has_value()
                 ? "a call that fails loses the mapping: a duplicate stands by"
                 : "nothing could be tried: a duplicate stands by";
  }
  return {"remap", std::string(RemapStrategyName(strategy)), reason};
}

std::vector<std::string> Advise(const std::vector<Fact>& facts, const std::vector<Choice>& choices) {
  std::vector<std::string> advice;
  for (const Choice& choice : choices) {
    if (choice.choice.empty()) {
      advice.push_back(absl::StrCat("Guests can't run: no ", choice.part, ": ", choice.reason, "."));
    }
    if (choice.part == "backing" && !choice.choice.empty() && choice.choice != "memfd") {
      advice.push_back("Memory can't be a memfd here: `zirconia run --backing=auto` takes what the host has instead.");
    }
    if (choice.part == "remap" && choice.choice == "reserve") {
      advice.push_back(
          "A newer kernel (6.18 does) keeps a mapping that it can't replace: replacing would take one call instead of "
          "three.");
    }
  }
  if (Is(facts, "engine", "syscall_user_dispatch", "exclusive")) {
    advice.push_back("Linux 6.16 catches the system calls of a window alone: windows could lie anywhere.");
  }
  const FactValue& count = Find(facts, "limits", "max_map_count");
  if (const int64_t* const limit = std::get_if<int64_t>(&count); limit != nullptr && *limit < (1 << 18)) {
    advice.push_back(absl::StrCat(
        "Guests with many small mappings run without evictions if vm.max_map_count is larger than ", *limit, "."));
  }
  if (Is(facts, "limits", "shared_huge_pages", "never") || Is(facts, "limits", "shared_huge_pages", "deny")) {
    advice.push_back(
        "Guests with much memory have fewer TLB misses with huge pages: write `advise` or `always` to "
        "/sys/kernel/mm/transparent_hugepage/shmem_enabled.");
  }
  if (Is(facts, "limits", "overcommit", int64_t{1})) {
    advice.push_back(
        "vm.overcommit_memory is 1: where memory runs out, the host kills a process instead of refusing a call; 0 is "
        "safer.");
  }
  if (!std::holds_alternative<std::string>(Find(facts, "limits", "address_space"))) {
    advice.push_back("RLIMIT_AS limits address space: windows get smaller, or don't fit.");
  }
  if (Is(facts, "descriptors", "reopens_for_writing", true)) {
    advice.push_back(
        "A read-only descriptor that is handed out can be reopened for writing by the same user through /proc: "
        "inspect machines only with processes that you trust, or as another user.");
  }
  return advice;
}

Diagnosis Diagnose() {
  Diagnosis diagnosis;
  diagnosis.facts = RunExperiments(AllExperiments(), kLimit);
  diagnosis.choices = {ChooseRemap(diagnosis.facts), TryPart("backing", TryBacking), TryPart("window", TryWindow),
                       TryPart("engine", TryEngine)};
  diagnosis.advice = Advise(diagnosis.facts, diagnosis.choices);
  return diagnosis;
}

}  // namespace zirconia::platform::doctor
