// Runs the program, as a person would.
#ifndef ZIRCONIA_TEST_CAMPAIGN_RUN_CAMPAIGN_H_
#define ZIRCONIA_TEST_CAMPAIGN_RUN_CAMPAIGN_H_

#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <string>
#include <utility>

namespace zirconia::campaign {

// Its exit status (-1: it crashed) and its output.
inline std::pair<int, std::string> RunCampaign(const std::string& arguments) {
  FILE* const pipe = popen((ZIRCONIA_CAMPAIGN " " + arguments).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  std::array<char, 512> buffer;
  while (fgets(buffer.data(), buffer.size(), pipe) != nullptr) output += buffer.data();
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

}  // namespace zirconia::campaign

#endif  // ZIRCONIA_TEST_CAMPAIGN_RUN_CAMPAIGN_H_
