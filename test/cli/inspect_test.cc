// zirconia inspect: another process looks at a running machine.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "test/support/command.h"

namespace zirconia::test {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using nlohmann::json;

// A guest that has said where its memory lies, and stays for some seconds.
class InspectedRun {
 public:
  explicit InspectedRun(const std::vector<std::string>& options = {},
                        const std::vector<std::string>& arguments = {"20"})
      : directory_(fs::temp_directory_path() / ("zirconia-inspect-" + std::to_string(getpid()))) {
    fs::create_directory(directory_);
    std::vector<std::string> words{ZIRCONIA_PROGRAM, "run", "--memory=64M", "--inspect", socket()};
    words.insert(words.end(), options.begin(), options.end());
    words.push_back(std::string(ZIRCONIA_GUESTS) + "/inspected");
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    const std::string console = directory_ / "console";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, console.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    REQUIRE(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    for (int i = 0; i < 3000; ++i) {
      std::ifstream in(console);
      std::string line;
      if (std::getline(in, line) && !in.eof()) {
        std::istringstream(line) >> address >> vmo;
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    REQUIRE_FALSE(vmo.empty());
  }
  ~InspectedRun() {
    Kill();
    fs::remove_all(directory_);
  }
  InspectedRun(const InspectedRun&) = delete;
  InspectedRun& operator=(const InspectedRun&) = delete;

  std::string socket() const { return directory_ / "socket"; }
  std::string path(const std::string& name) const { return directory_ / name; }
  void Kill() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    (void)Wait();
  }
  int Wait() {
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  CommandResult Inspect(std::vector<std::string> words) const {
    words.insert(words.begin(), {ZIRCONIA_PROGRAM, "inspect", socket()});
    return RunCommand(words);
  }
  json InspectJson(std::vector<std::string> words) const {
    words.emplace_back("--json");
    const CommandResult r = Inspect(words);
    CHECK(r.exit_code == 0);
    return json::parse(r.out);
  }
  std::string address;  // as text: 0x...
  std::string vmo;      // its koid

 private:
  fs::path directory_;
  pid_t pid_ = 0;
};

std::string Content() {
  std::string content(size_t{4} * 4096, '\0');
  for (size_t i = 0; i < size_t{2} * 4096; ++i) content[i] = static_cast<char>(i / 4096 + i % 16);
  return content;
}

std::string Hex(const std::string& bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

TEST_CASE("inspect shows a running machine's mappings, VMOs and counters", "[cli]") {
  const InspectedRun run;
  CHECK_THAT(run.Inspect({}).out, Contains("'inspected'") && Contains("mappings"));
  CHECK_THAT(run.Inspect({"maps"}).out, Contains("vmar root") && Contains("vmo " + run.vmo + " "));
  CHECK_THAT(run.Inspect({"stats"}).out, Contains("vmar_map") && Contains("host calls"));
  CHECK_THAT(run.Inspect({"vmos"}).out, Contains(" inspected\n"));

  const json maps = run.InspectJson({"maps"});
  REQUIRE(maps.size() == 1);
  bool found = false;
  for (const json& region : maps[0]["regions"]) {
    if (region["kind"] != "mapping" || region["vmo"] != std::stoul(run.vmo)) continue;
    found = true;
    CHECK(region["base"] == std::stoul(run.address, nullptr, 16));
    CHECK(region["size"] == 4 * 4096);
    CHECK(region["protection"] == "rw-");
    CHECK(region["committed_pages"] == 2);
  }
  CHECK(found);
  // It isn't stopped: it goes on making system calls.
  const uint64_t before = run.InspectJson({"stats"})["syscalls"]["total"];
  bool grew = false;
  for (int i = 0; i < 200 && !grew; ++i) grew = run.InspectJson({"stats"})["syscalls"]["total"] > before;
  CHECK(grew);
}

TEST_CASE("inspect reads guest memory by address, from the memory itself or served", "[cli]") {
  const InspectedRun run({GENERATE("--backing=memfd", "--backing=tmpfile")});
  const CommandResult dump = run.Inspect({"dump", run.address, "0x20"});
  CHECK(dump.exit_code == 0);
  CHECK_THAT(dump.out, Contains("  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|\n"));
  CHECK(std::count(dump.out.begin(), dump.out.end(), '\n') == 2);
  const json all = run.InspectJson({"dump", run.address, "16384"});
  CHECK(all["bytes"] == Hex(Content()));
  CHECK(all["settled"] == true);
  const CommandResult nowhere = run.Inspect({"dump", "0x10", "1"});
  CHECK(nowhere.exit_code == 2);
  CHECK(nowhere.err == "zirconia: inspect: nothing is mapped at 0x10\n");
}

TEST_CASE("inspect exports a VMO as a copy that can't change", "[cli]") {
  const InspectedRun run;
  CHECK(run.Inspect({"export", run.vmo, run.path("copy")}).exit_code == 0);
  std::ifstream in(run.path("copy"), std::ios::binary);
  std::stringstream copy;
  copy << in.rdbuf();
  CHECK((copy.str() == Content()));
  const CommandResult none = run.Inspect({"export", "1", run.path("none")});
  CHECK(none.exit_code == 2);
  CHECK_THAT(none.err, Contains("no VMO 1"));
}

TEST_CASE("where there are several processes, one is chosen", "[cli]") {
  const InspectedRun run({}, {"20", "two"});
  const json summary = run.InspectJson({});
  REQUIRE(summary["processes"].size() == 2);
  const CommandResult which = run.Inspect({"dump", run.address, "1"});
  CHECK(which.exit_code == 2);
  CHECK_THAT(which.err, Contains("--process") && Contains("'inspected'"));
  for (const json& process : summary["processes"]) {
    const std::string koid = std::to_string(process["process"].get<uint64_t>());
    const bool first = process["name"] == "inspected";
    CHECK(run.Inspect({"--process", koid, "dump", run.address, "1"}).exit_code == (first ? 0 : 2));
    CHECK(run.InspectJson({"maps", "--process", koid}).size() == 1);
  }
  CHECK(run.Inspect({"maps", "--process", "1"}).exit_code == 2);
  // A name that the guest chose can't command the terminal.
  CHECK(run.Inspect({}).out.find('\033') == std::string::npos);
}

TEST_CASE("the socket goes with the run, and a stale one is replaced", "[cli]") {
  {
    InspectedRun run({}, {"0"});
    CHECK(run.Wait() == 7);
    CHECK_FALSE(fs::exists(run.socket()));
  }
  InspectedRun killed;
  killed.Kill();
  CHECK(fs::is_socket(killed.socket()));
  const CommandResult gone = killed.Inspect({});
  CHECK(gone.exit_code == 2);
  CHECK_THAT(gone.err, Contains("nobody listens"));
  const InspectedRun next;  // in the same directory
  CHECK(next.Inspect({}).exit_code == 0);
  const CommandResult second = RunCommand(
      {ZIRCONIA_PROGRAM, "run", "--inspect", next.socket(), std::string(ZIRCONIA_GUESTS) + "/exit_code", "0"});
  CHECK(second.exit_code == 2);
  CHECK_THAT(second.err, Contains("in use"));
}

TEST_CASE("errors of use of inspect are one line, and exit status 2", "[cli]") {
  for (const std::vector<std::string>& bad :
       std::vector<std::vector<std::string>>{{},
                                             {"/nonexistent/socket"},
                                             {"/dev/null"},
                                             {std::string(300, 's')},
                                             {"/nonexistent/socket", "write"},
                                             {"/nonexistent/socket", "dump"},
                                             {"/nonexistent/socket", "dump", "1"},
                                             {"/nonexistent/socket", "maps", "1"},
                                             {"/nonexistent/socket", "maps", "--process", "one"}}) {
    std::vector<std::string> words{ZIRCONIA_PROGRAM, "inspect"};
    words.insert(words.end(), bad.begin(), bad.end());
    const CommandResult r = RunCommand(words);
    CHECK(r.exit_code == 2);
    CHECK(r.out.empty());
    CHECK_THAT(r.err, StartsWith("zirconia: "));
    CHECK(r.err.find('\n') == r.err.size() - 1);
  }
  const InspectedRun run;
  for (const std::vector<std::string>& bad :
       std::vector<std::vector<std::string>>{{"dump", "x", "1"},
                                             {"dump", run.address, "0"},
                                             {"dump", "0xffffffffffffffff", "2"},
                                             {"export", "z", "f"},
                                             {"dump", run.address, "0x1000000", "--json"},
                                             {"maps", "--process", "-1"}}) {
    const CommandResult r = run.Inspect(bad);
    CAPTURE(bad, r.err);
    CHECK(r.exit_code == 2);
    CHECK(r.out.empty());
    CHECK(r.err.find('\n') == r.err.size() - 1);
  }
  const CommandResult no_socket = RunCommand({ZIRCONIA_PROGRAM, "inspect", "/dev/null"});
  CHECK_THAT(no_socket.err, Contains("not a socket"));
  const CommandResult lost =
      RunCommand({"/bin/sh", "-c", std::string(ZIRCONIA_PROGRAM) + " inspect " + run.socket() + " stats >/dev/full"});
  CHECK(lost.exit_code == 2);
  CHECK_THAT(lost.err, Contains("standard output"));
}

}  // namespace
}  // namespace zirconia::test
