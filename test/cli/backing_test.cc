// zirconia run --backing: where the machine's memory lies.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "test/support/command.h"

namespace zirconia::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace fs = std::filesystem;

class Directory {
 public:
  Directory() : path_(fs::temp_directory_path() / ("zirconia-cli-" + std::to_string(getpid()))) {
    fs::create_directory(path_);
  }
  ~Directory() { fs::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  std::string path() const { return path_; }
  size_t files() const { return static_cast<size_t>(std::distance(fs::directory_iterator(path_), {})); }

 private:
  fs::path path_;
};

CommandResult RunBackedBy(const std::string& backing) {
  return RunCommand({ZIRCONIA_PROGRAM, "run", "--memory=64M", "--backing=" + backing,
                     std::string(ZIRCONIA_GUESTS) + "/exit_code", "5"});
}

TEST_CASE("a guest runs on every kind of backing file, and only a kept one is there afterwards", "[cli]") {
  const Directory directory;
  for (const std::string policy : {"auto", "tmpfile", "unlinked", "unlink-late", "unlink-at-exit"}) {
    INFO(policy);
    const CommandResult r = RunBackedBy(policy + ":" + directory.path());
    CHECK(r.exit_code == 5);
    CHECK(r.err.empty());
    CHECK(directory.files() == 0);
  }
  CHECK(RunBackedBy("memfd").exit_code == 5);
  const std::string kept = directory.path() + "/memory";
  CHECK(RunBackedBy("kept:" + kept).exit_code == 5);
  CHECK(fs::file_size(kept) == 64 << 20);
  const CommandResult again = RunBackedBy("kept:" + kept);
  CHECK(again.exit_code == 2);
  CHECK_THAT(again.err, StartsWith("zirconia: ") && Contains("exists"));
}

TEST_CASE("a backing file that can't be made is one line, and exit status 2", "[cli]") {
  for (const std::string bad : {"paper", "kept", "tmpfile:/nonexistent", "unlinked:/proc", "unlinked,tmpfile:/proc"}) {
    INFO(bad);
    const CommandResult r = RunBackedBy(bad);
    CHECK(r.exit_code == 2);
    CHECK(r.out.empty());
    CHECK_THAT(r.err, StartsWith("zirconia: "));
    CHECK(r.err.find('\n') == r.err.size() - 1);
  }
}

}  // namespace
}  // namespace zirconia::test
