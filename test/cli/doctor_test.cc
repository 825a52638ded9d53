// zirconia doctor, as people and programs use it.
#include <sys/utsname.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "test/support/command.h"

namespace zirconia::test {
namespace {

using Catch::Matchers::Contains;

CommandResult DoctorOn(const std::string& lacking, std::vector<std::string> options) {
  std::vector<std::string> words;
  if (!lacking.empty()) words = {ZIRCONIA_REFUSE, lacking};
  words.insert(words.end(), {ZIRCONIA_PROGRAM, "doctor"});
  words.insert(words.end(), options.begin(), options.end());
  return RunCommand(words);
}

nlohmann::json DoctorJson(const std::string& lacking = "") {
  const CommandResult r = DoctorOn(lacking, {"--json"});
  INFO(r.err);
  REQUIRE((r.exit_code == 0 || r.exit_code == 1));
  return nlohmann::json::parse(r.out);
}

int KernelVersion() {
  utsname name{};
  int major = 0;
  int minor = 0;
  if (uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return 0;
  return 100 * major + minor;
}

TEST_CASE("doctor answers each of the seven ways by a boolean, or by null with a reason", "[cli]") {
  const nlohmann::json json = DoctorJson();
  const nlohmann::json& loses = json.at("map_fixed_loses");
  CHECK(loses.size() == 7);
  for (const char* name : {"unix_socket", "tcp_socket", "proc_file", "hugetlb", "seal_future_write", "seal_write",
                           "private_over_memory"}) {
    INFO(name);
    REQUIRE(loses.contains(name));
    CHECK((loses.at(name).is_boolean() || loses.at(name).is_null()));
    CHECK_FALSE(json.at("reasons").at("map_fixed_loses").at(name).get<std::string>().empty());
  }
}

TEST_CASE("doctor gives a reason for everything that it couldn't try", "[cli]") {
  const nlohmann::json json = DoctorJson();
  for (const auto& [group, facts] : json.items()) {
    if (group == "reasons" || !facts.is_object()) continue;
    for (const auto& [name, value] : facts.items()) {
      INFO(group << "." << name);
      if (value.is_null()) CHECK(json.at("reasons").at(group).contains(name));
    }
  }
}

TEST_CASE("doctor finds on Linux 6.18 what was measured there", "[cli]") {
  if (KernelVersion() != 618) {
    WARN("this is another kernel");
    return;
  }
  const nlohmann::json json = DoctorJson();
  const nlohmann::json& loses = json.at("map_fixed_loses");
  const auto is = [&](const char* name, bool expected) {
    INFO(name << ": " << json.at("reasons").at("map_fixed_loses").at(name));
    CHECK((loses.at(name).is_null() || loses.at(name) == expected));
  };
  CHECK(loses.at("unix_socket") == true);
  is("tcp_socket", true);
  is("proc_file", true);
  is("hugetlb", true);
  is("seal_future_write", false);
  is("seal_write", false);
  is("private_over_memory", false);
  CHECK(json.at("mremap").at("moves_part_before_hole") == true);
  CHECK(json.at("mremap").at("duplicates_shared") == true);
  CHECK(json.at("seals").at("write_over_writable_mapping") == false);
  CHECK(json.at("reasons").at("seals").at("write_over_writable_mapping") == "EBUSY");
  CHECK(json.at("seals").at("maps_write_sealed") == true);
  CHECK(json.at("seals").at("future_write") == true);
  CHECK(json.at("chosen").at("remap") == "direct");
}

TEST_CASE("doctor chooses what run uses", "[cli]") {
  const nlohmann::json json = DoctorJson();
  const CommandResult r =
      RunCommand({ZIRCONIA_PROGRAM, "run", "--stats=json", std::string(ZIRCONIA_GUESTS) + "/hello"});
  CHECK(nlohmann::json::parse(r.err).at("remap") == json.at("chosen").at("remap"));
}

TEST_CASE("doctor is readable, and exits 0 where guests can run", "[cli]") {
  const CommandResult r = DoctorOn("", {});
  CHECK(r.exit_code == 0);
  CHECK(r.err.empty());
  CHECK_THAT(r.out, Contains("a Unix socket") && Contains("yes   (ENODEV)") && Contains("Chosen because of it") &&
                        Contains("Zirconia runs here."));
}

TEST_CASE("without syscall user dispatch doctor says so and exits 1, and run says so in one line", "[cli]") {
  const CommandResult text = DoctorOn("dispatch", {});
  CHECK(text.exit_code == 1);
  CHECK_THAT(text.out, Contains("no syscall user dispatch") && Contains("Zirconia can't run guests here."));
  const nlohmann::json json = DoctorJson("dispatch");
  CHECK(json.at("can_run") == false);
  CHECK(json.at("engine").at("syscall_user_dispatch") == "none");
  CHECK(json.at("chosen").at("engine").is_null());
  CHECK(json.at("map_fixed_loses").at("unix_socket") == true);

  const CommandResult run =
      RunCommand({ZIRCONIA_REFUSE, "dispatch", ZIRCONIA_PROGRAM, "run", std::string(ZIRCONIA_GUESTS) + "/hello"});
  CHECK(run.exit_code == 2);
  CHECK(run.out.empty());
  CHECK_THAT(run.err, Contains("no syscall user dispatch"));
  CHECK(run.err.find('\n') == run.err.size() - 1);
}

TEST_CASE("doctor works on a host without memfd, and says what couldn't be tried", "[cli]") {
  const nlohmann::json json = DoctorJson("memfd");
  CHECK(json.at("map_fixed_loses").at("unix_socket") == true);
  CHECK(json.at("map_fixed_loses").at("seal_write").is_null());
  CHECK_THAT(json.at("reasons").at("map_fixed_loses").at("seal_write").get<std::string>(), Contains("ENOSYS"));
  CHECK(json.at("seals").at("size").is_null());
  CHECK(json.at("chosen").at("backing") != "memfd");
  CHECK(json.at("can_run") == true);
  CHECK_THAT(json.at("advice").dump(), Contains("--backing=auto"));
}

}  // namespace
}  // namespace zirconia::test
