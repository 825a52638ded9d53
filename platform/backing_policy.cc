#include "platform/backing_policy.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "absl/strings/str_cat.h"

namespace zirconia::platform {
namespace {

// The order of BackingChoice::Auto.
constexpr std::array kPolicies{BackingPolicy::kMemfd,      BackingPolicy::kTmpfile,      BackingPolicy::kUnlinked,
                               BackingPolicy::kUnlinkLate, BackingPolicy::kUnlinkAtExit, BackingPolicy::kKept};

std::optional<BackingPolicy> PolicyOfName(std::string_view name) {
  const auto* const found =
      std::find_if(kPolicies.begin(), kPolicies.end(), [&](BackingPolicy p) { return BackingPolicyName(p) == name; });
  return found == kPolicies.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

std::string_view BackingPolicyName(BackingPolicy policy) {
  switch (policy) {
    case BackingPolicy::kMemfd:
      return "memfd";
    case BackingPolicy::kTmpfile:
      return "tmpfile";
    case BackingPolicy::kUnlinked:
      return "unlinked";
    case BackingPolicy::kUnlinkLate:
      return "unlink-late";
    case BackingPolicy::kUnlinkAtExit:
      return "unlink-at-exit";
    case BackingPolicy::kKept:
      return "kept";
  }
  return "unknown";
}

BackingChoice BackingChoice::Auto() {
  BackingChoice choice;
  choice.policies.assign(kPolicies.begin(), kPolicies.end() - 1);
  return choice;
}

absl::StatusOr<BackingChoice> BackingChoice::Parse(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("'", std::string(text), "' ", std::string(why)));
  };
  const size_t colon = text.find(':');
  std::string_view names = text.substr(0, colon);
  const std::string where(colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1));
  if (colon != std::string_view::npos && where.empty()) return refuse("names no place after its colon");

  BackingChoice choice;
  if (names == "auto") {
    choice = Auto();
    choice.directory = where;
    return choice;
  }
  choice.policies.clear();
  while (true) {
    const size_t comma = names.find(',');
    const std::optional<BackingPolicy> policy = PolicyOfName(names.substr(0, comma));
    if (!policy.has_value()) {
      return refuse("isn't a backing policy: auto, memfd, tmpfile, unlinked, unlink-late, unlink-at-exit or kept:PATH");
    }
    choice.policies.push_back(*policy);
    if (comma == std::string_view::npos) break;
    names.remove_prefix(comma + 1);
  }
  if (std::find(choice.policies.begin(), choice.policies.end(), BackingPolicy::kKept) != choice.policies.end()) {
    if (choice.policies.size() > 1) return refuse("keeps a file, which can't be one choice of several");
    if (where.empty()) return refuse("doesn't say where to keep the file: kept:PATH");
    choice.path = where;
    return choice;
  }
  if (!where.empty() && choice.policies == std::vector{BackingPolicy::kMemfd}) return refuse("has no directory");
  choice.directory = where;
  return choice;
}

std::vector<std::string> BackingChoice::Directories() const {
  if (!directory.empty()) return {directory};
  const char* const chosen = std::getenv("TMPDIR");
  if (chosen != nullptr && *chosen != '\0') return {chosen};
  return {"/dev/shm", "/tmp", "/var/tmp"};
}

}  // namespace zirconia::platform
