#include "platform/helper_process.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "platform/host_linux.h"
#include "test/platform/scratch.h"

namespace zirconia::platform {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

TEST_CASE("A helper gets its arguments and exactly the descriptors it is given, and its end is told") {
  LinuxHost host;
  std::array<int, 2> pipe{};
  REQUIRE(pipe2(pipe.data(), O_CLOEXEC) == 0);
  HelperOptions options;
  options.path = "/bin/sh";
  options.arguments = {"-c", "echo $1 >&7; test -e /proc/self/fd/" + std::to_string(pipe[0]) + " && exit 1; exit 5",
                       "sh", "hello"};
  options.descriptors = {{pipe[1], 7}};
  const auto pid = SpawnHelper(host, options);
  REQUIRE(pid.ok());
  close(pipe[1]);
  std::array<char, 16> text{};
  CHECK(read(pipe[0], text.data(), text.size()) == 6);
  CHECK(std::string(text.data()) == "hello\n");
  close(pipe[0]);
  CHECK(WaitForHelper(host, *pid).value() == 5);
  options.arguments = {"-c", "kill -9 $$"};
  options.descriptors.clear();
  CHECK(WaitForHelper(host, SpawnHelper(host, options).value()).value() == 128 + SIGKILL);
}

TEST_CASE("A helper whose executable isn't on disk is an error that says so") {
  LinuxHost host;
  const test::ScratchDirectory directory;
  HelperOptions options;
  options.path = directory.path() + "/gone";
  const absl::Status gone = SpawnHelper(host, options).status();
  CHECK(gone.code() == absl::StatusCode::kNotFound);
  CHECK_THAT(std::string(gone.message()), Contains("isn't on disk") && Contains(options.path));
  options.path = directory.path();
  CHECK(SpawnHelper(host, options).status().code() == absl::StatusCode::kFailedPrecondition);
  options.path = directory.path() + "/text";
  std::ofstream(options.path) << "no program";
  CHECK_FALSE(SpawnHelper(host, options).ok());
}

TEST_CASE("A program knows where it lies, and when it was deleted or replaced since") {
  LinuxHost host;
  const auto own = OwnExecutable(host);
  REQUIRE(own.ok());
  CHECK(fs::exists(*own));

  // This program again, under a name that can go; what it finds is its exit status.
  const test::ScratchDirectory directory;
  const bool deleted_name = GENERATE(false, true);
  const std::string copy = directory.path() + (deleted_name ? "/copy (deleted)" : "/copy");
  const auto asked = [&](const std::string& what) {
    fs::copy_file(*own, copy, fs::copy_options::overwrite_existing);
    HelperOptions options;
    options.path = copy;
    options.arguments = {"[own-executable]"};
    setenv("ZIRCONIA_TEST_OWN_EXECUTABLE", what.c_str(), 1);
    const auto pid = SpawnHelper(host, options);
    unsetenv("ZIRCONIA_TEST_OWN_EXECUTABLE");
    REQUIRE(pid.ok());
    return WaitForHelper(host, *pid).value();
  };
  CHECK(asked("keep") == 20);
  CHECK(asked("replace") == 20 + static_cast<int>(absl::StatusCode::kFailedPrecondition));
  CHECK(asked("delete") == 20 + static_cast<int>(absl::StatusCode::kNotFound));
}

// Runs in the copies that the case above starts.
TEST_CASE("(asked by another case) what OwnExecutable says", "[.][own-executable]") {
  const char* const what = std::getenv("ZIRCONIA_TEST_OWN_EXECUTABLE");
  if (what == nullptr) return;
  LinuxHost host;
  const auto path = OwnExecutable(host);
  if (!path.ok()) _exit(1);
  if (std::string(what) != "keep") fs::remove(*path);
  if (std::string(what) == "replace") std::ofstream(*path) << "another program";
  const auto then = OwnExecutable(host);
  _exit(20 + static_cast<int>(then.status().code()));
}

}  // namespace
}  // namespace zirconia::platform
