// zirconia run --resource, and the objects that a guest makes with it.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "test/support/command.h"

namespace zirconia::test {
namespace {

using Catch::Matchers::Contains;

CommandResult Run(std::vector<std::string> words) {
  words.insert(words.begin(), {ZIRCONIA_PROGRAM, "run"});
  return RunCommand(words, 60);
}

std::string Guest(const std::string& name) { return std::string(ZIRCONIA_GUESTS) + "/" + name; }

TEST_CASE("a guest that is given the root resource uses ports, streams, devices and pagers", "[cli]") {
  const CommandResult r = Run({"--resource", "root", "--verify", Guest("objects")});
  CAPTURE(r.out, r.err);
  CHECK(r.exit_code == 0);
  CHECK_THAT(r.out, !Contains("FAIL"));
}

TEST_CASE("a guest that isn't given a resource has none", "[cli]") {
  const CommandResult r = Run({Guest("objects")});
  CHECK(r.exit_code == 2);  // what needs none works
  CHECK_THAT(r.out, Contains("FAIL a_device_gets_addresses") && Contains("FAIL a_resource_makes_smaller_ones") &&
                        Contains("ok a_stream_reads_what_was_written"));
}

TEST_CASE("a resource that doesn't exist is named", "[cli]") {
  const CommandResult r = Run({"--resource", "everything", Guest("hello")});
  CHECK(r.exit_code == 2);
  CHECK_THAT(r.err, Contains("everything"));
}

TEST_CASE("a thread that unmaps its own stack ends without a trace of it", "[cli]") {
  const CommandResult r = Run({"--trace", Guest("detached")});
  CAPTURE(r.out, r.err);
  CHECK(r.exit_code == 139);
  CHECK_THAT(r.err, Contains("zx_vmar_unmap_handle_close_thread_exit") && Contains("ZX_EXCP_UNDEFINED_INSTRUCTION"));
}

}  // namespace
}  // namespace zirconia::test
