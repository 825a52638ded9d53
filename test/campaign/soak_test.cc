// A short soak: the program, for three seconds.
#include <catch2/catch.hpp>
#include <string>

#include "test/campaign/run_campaign.h"

namespace zirconia::campaign {
namespace {

TEST_CASE("Guest threads and host threads touch what others remap while host calls fail: nothing is lost or leaked") {
  const std::string remap = GENERATE("direct", "reserve");
  const auto [status, output] = RunCampaign("--minutes 0.03 --threads 3 --remap=" + remap);
  INFO(output);
  CHECK(status == 0);
  CHECK_THAT(output, Catch::Contains("nothing lost"));
}

TEST_CASE("Under the naive remap the soak sees what threads lose") {
  const auto [status, output] = RunCampaign("--minutes 0.2 --threads 3 --remap=naive");
  INFO(output);
  CHECK(status == 1);
  CHECK_THAT(output, Catch::Contains("LOST") && Catch::Contains("page"));
}

}  // namespace
}  // namespace zirconia::campaign
