// Numbers on the command line.
#ifndef ZIRCONIA_TOOLS_ZIRCONIA_WHOLE_NUMBER_H_
#define ZIRCONIA_TOOLS_ZIRCONIA_WHOLE_NUMBER_H_

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace zirconia::cli {

// What an option of type uint64_t takes, for `transform`: decimal digits that fit. By itself CLI11 takes -1 for the
// largest number there is, likewise what doesn't fit, and 010 for 8.
inline CLI::Validator WholeNumber() {
  const auto check = [](std::string& text) -> std::string {
    uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (text.empty() || error != std::errc() || stop != end) return absl::StrCat("'", text, "' isn't a whole number");
    text = absl::StrCat(number);
    return "";
  };
  return CLI::Validator(check, "NUMBER");
}

}  // namespace zirconia::cli

#endif  // ZIRCONIA_TOOLS_ZIRCONIA_WHOLE_NUMBER_H_
