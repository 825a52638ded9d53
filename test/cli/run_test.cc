// zirconia run, as people use it.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "absl/base/config.h"
#include "test/support/command.h"

namespace zirconia::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

std::string Guest(const std::string& name) { return std::string(ZIRCONIA_GUESTS) + "/" + name; }

// zirconia run OPTIONS...
CommandResult Run(std::vector<std::string> words, int seconds = 60) {
  words.insert(words.begin(), {ZIRCONIA_PROGRAM, "run"});
  return RunCommand(words, seconds);
}

TEST_CASE("a guest gets its arguments, writes to the console, and gives its exit code", "[cli]") {
  const CommandResult r = Run({Guest("hello"), "one", "--two", "three four"});
  CHECK(r.exit_code == 3);
  CHECK_THAT(r.out, StartsWith("hello, world\n"));
  CHECK_THAT(r.out,
             Contains("argument 1: one\n") && Contains("argument 2: --two\n") && Contains("argument 3: three four\n"));
  CHECK(r.err.empty());
}

TEST_CASE("a program linked for a fixed address runs in a low window", "[cli]") {
  const CommandResult r = Run({"--maps", Guest("hello_fixed"), "x"});
  CHECK(r.exit_code == 1);
  CHECK_THAT(r.out, Contains("argument 1: x\n"));
  CHECK_THAT(r.err, Contains("0x000000400000"));
}

TEST_CASE("constructors, exit functions and unfinished lines come out in their order", "[cli]") {
  const CommandResult r = Run({Guest("exit_code"), "42"});
  CHECK(r.exit_code == 42);
  CHECK(r.out ==
        "constructor\nno newline at the endregistered second, runs first\nregistered first, runs last\ndestructor\n");
}

TEST_CASE("the console is standard output, byte for byte", "[cli]") {
  std::string expected;
  for (int c = 0; c < 256; ++c) expected.push_back(static_cast<char>(c));
  expected.push_back('\n');
  for (int i = 0; i < 300000; ++i) expected.push_back(static_cast<char>('a' + i % 26));
  expected.push_back('\n');
  for (int i = 0; i < 1000; ++i) expected += "line " + std::to_string(i) + "\n";
  const CommandResult r = Run({Guest("console")});
  CHECK(r.exit_code == 0);
  CHECK((r.out == expected));
  CHECK(r.err.empty());
}

TEST_CASE("guests that check behaviours find all of them", "[cli]") {
  const std::string name =
      GENERATE(as<std::string>(), "vm", "threads", "library", "malloc", "bad_pointers", "tasks", "info", "standard_c");
  CAPTURE(name);
  const CommandResult r = Run({Guest(name)});
  CAPTURE(r.out, r.err);
  CHECK(r.exit_code == 0);
  CHECK(r.signal == 0);
  CHECK_THAT(r.out, !Contains("FAIL"));
}

TEST_CASE("guests that check behaviours find all of them when memory is realized at once", "[cli]") {
  const std::string policy = GENERATE(as<std::string>(), "map", "populate");
  CAPTURE(policy);
  const CommandResult r = Run({"--realize=" + policy, "--seed", "17", Guest("vm")});
  CAPTURE(r.out, r.err);
  CHECK(r.exit_code == 0);
}

TEST_CASE("guests find nothing different under other ways to replace mappings, and nothing is lost", "[cli]") {
  const std::string remap = GENERATE(as<std::string>(), "auto", "direct", "reserve", "stage");
  const std::string guest = GENERATE(as<std::string>(), "vm", "threads", "remap_race");
  const std::string realize = GENERATE(as<std::string>(), "touch", "map");
  CAPTURE(remap, guest, realize);
  const CommandResult r = Run({"--verify", "--remap=" + remap, "--realize=" + realize, Guest(guest)});
  CAPTURE(r.out, r.err);
  CHECK(r.exit_code == 0);
  CHECK_THAT(r.err, Contains("agree"));
}

TEST_CASE("more mappings than the host permits are all there, with every byte right", "[cli]") {
  const std::string remap = GENERATE(as<std::string>(), "direct", "reserve");
  const CommandResult r =
      Run({"--verify", "--stats=json", "--remap=" + remap, "--host-mappings=600", Guest("many_mappings"), "20000"});
  CAPTURE(r.out, r.err);
  CHECK(r.exit_code == 0);
  CHECK_THAT(r.err, Contains("agree"));
}

#if !defined(ABSL_HAVE_ADDRESS_SANITIZER)  // which takes minutes
TEST_CASE("a million mappings that can't merge are all there, on a host that permits fewer", "[cli][slow]") {
  const CommandResult r = Run({"--verify", Guest("many_mappings"), "1000000"}, 300);
  CAPTURE(r.out, r.err);
  CHECK(r.exit_code == 0);
  CHECK_THAT(r.err, Contains("agree"));
}
#endif

TEST_CASE("a guest that misbehaves ends as Zircon would have it, with a report, and harms nothing else", "[cli]") {
  struct Case {
    std::string guest;
    std::string exception;
    std::string detail;
  };
  const auto c = GENERATE(values<Case>({
      {"crash_null", "ZX_EXCP_FATAL_PAGE_FAULT", "reading address 0x0"},
      {"crash_jump", "ZX_EXCP_FATAL_PAGE_FAULT", "executing address 0x1234000"},
      {"crash_stack", "ZX_EXCP_FATAL_PAGE_FAULT", "nothing is mapped there (ZX_ERR_NOT_FOUND)"},
      {"crash_write_code", "ZX_EXCP_FATAL_PAGE_FAULT", "in a r-x mapping"},
      {"crash_run_data", "ZX_EXCP_FATAL_PAGE_FAULT", "in a rw- mapping"},
      {"crash_vmo_end", "ZX_EXCP_FATAL_PAGE_FAULT", "ZX_ERR_OUT_OF_RANGE"},
      {"crash_syscall", "ZX_EXCP_POLICY_ERROR", "ZX_EXCP_POLICY_CODE_BAD_SYSCALL"},
      {"crash_int80", "ZX_EXCP_POLICY_ERROR", "ZX_EXCP_POLICY_CODE_BAD_SYSCALL"},
      {"crash_undefined", "ZX_EXCP_UNDEFINED_INSTRUCTION", "main"},
      {"crash_abort", "ZX_EXCP_UNDEFINED_INSTRUCTION", "abort"},
      {"crash_breakpoint", "ZX_EXCP_SW_BREAKPOINT", "main"},
      {"crash_divide", "ZX_EXCP_GENERAL", "(processor exception 0)"},
      {"crash_noncanonical", "ZX_EXCP_GENERAL", "(processor exception 13)"},
      {"crash_privileged", "ZX_EXCP_GENERAL", "(processor exception 13)"},
      {"crash_random_pointer", "ZX_EXCP_FATAL_PAGE_FAULT", "writing address 0x1000"},
      {"crash_segment_registers", "ZX_EXCP_FATAL_PAGE_FAULT", ""},
  }));
  CAPTURE(c.guest);
  const CommandResult r = Run({Guest(c.guest)});
  CAPTURE(r.out, r.err);
  CHECK(r.exit_code == 139);
  CHECK(r.signal == 0);
  CHECK_FALSE(r.timed_out);
  CHECK_THAT(r.err, Contains(c.exception) && Contains(c.detail) && Contains("backtrace:") && Contains("rip 0x"));
  CHECK_THAT(r.out, !Contains("it came back"));
  if (c.guest == "crash_abort") CHECK(r.out == "about to abort");
}

TEST_CASE("what a guest leaves behind ends with it", "[cli]") {
  for (int i = 0; i < 10; ++i) {
    const CommandResult r = Run({"--stats", Guest("children_left")});
    CAPTURE(r.out, r.err);
    CHECK(r.exit_code == 11);
    CHECK(r.signal == 0);
    CHECK_FALSE(r.timed_out);
  }
}

TEST_CASE("a VMO holds the file that it was made from", "[cli]") {
  std::string content(1'000'003, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 + i / 251);
  const TemporaryFile file(content);
  const CommandResult ours = Run({"--vmo", "file=" + file.path(), Guest("hash")});
  CAPTURE(ours.err);
  REQUIRE(ours.exit_code == 0);
  const CommandResult theirs = RunCommand({"xxhsum", "-H1", file.path()});
  REQUIRE(theirs.exit_code == 0);
  CHECK(ours.out.substr(0, 16) == theirs.out.substr(0, 16));
}

TEST_CASE("a machine's memory is as large as was asked for", "[cli]") {
  const std::string size = GENERATE(as<std::string>(), "64M", "64m", "64MiB", "65536K", "65536KiB", "67108864");
  CAPTURE(size);
  const CommandResult r = Run({"--memory", size, Guest("hello")});
  CHECK_THAT(r.out, Contains(" 64 MiB of memory"));
}

TEST_CASE("a trace shows each call with its arguments, its result and what it gave back", "[cli]") {
  const CommandResult r = Run({"--trace", Guest("vm")});
  CHECK(r.exit_code == 0);
  CHECK_THAT(r.err, Contains("zx_vmo_create(size=") && Contains(" = ZX_OK {out: 0x") &&
                        Contains("zx_process_exit(retcode=0)"));
}

TEST_CASE("statistics count what happened, for people and for machines", "[cli]") {
  const CommandResult text = Run({"--stats", Guest("hello")});
  CHECK_THAT(text.err, Contains("zx_debug_write") && Contains("faults") && Contains("mmap") && Contains("frames"));
  const CommandResult r = Run({"--stats=json", Guest("hello")});
  const auto json = nlohmann::json::parse(r.err);
  CHECK(json["syscalls"]["by_name"]["zx_process_exit"] == 1);
  CHECK(json["faults"].get<int>() > 0);
  CHECK(json["host_calls"]["by_kind"]["mmap"].get<int>() > 0);
  CHECK(json["mappings"].get<int>() > 3);
  CHECK(json["host_mappings"]["alive"].get<int>() > 0);
  CHECK(json["frames"]["used"].get<int>() > 0);
}

TEST_CASE("-- ends the options", "[cli]") {
  CommandResult r = Run({"--seed", "3", "--", Guest("hello"), "--", "--maps"});
  CHECK(r.exit_code == 2);  // the guest returns the number of its arguments
  CHECK_THAT(r.out, Contains("argument 1: --\n") && Contains("argument 2: --maps\n"));
  CHECK(r.err.empty());
  r = Run({Guest("hello"), "--", "x"});
  CHECK_THAT(r.out, Contains("argument 1: --\n") && Contains("argument 2: x\n"));
  r = Run({"--"});
  CHECK(r.exit_code == 2);
  CHECK_THAT(r.err, Contains("no PROGRAM"));
}

// A shell's redirections: "$0" is the program, the rest its arguments.
CommandResult RunShell(const std::string& script, const std::vector<std::string>& arguments) {
  std::vector<std::string> words{"/bin/sh", "-c", script, ZIRCONIA_PROGRAM, "run"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return RunCommand(words);
}

TEST_CASE("a closed standard descriptor isn't mistaken for another file", "[cli]") {
  // Were the machine's memory opened in its place, the console's bytes would overwrite the guest.
  const std::string closed = GENERATE(as<std::string>(), ">&-", "<&- >&-", "<&-", "2>&-");
  CAPTURE(closed);
  const CommandResult r = RunShell("\"$0\" \"$@\" " + closed, {Guest("console")});
  CAPTURE(r.err);
  CHECK(r.exit_code == 0);
  CHECK(r.signal == 0);
  if (closed.find(">&-") == std::string::npos || closed == "2>&-") {
    CHECK(r.err.empty());
  } else {
    CHECK_THAT(r.err, Contains("can't write to standard output"));
  }
  const CommandResult fds =
      RunShell("\"$0\" \"$@\" " + closed + " & sleep 1; ls -l /proc/$!/fd >&2; kill $!", {Guest("endless"), "sleep"});
  CHECK_THAT(fds.err,
             Contains("memfd") && !Contains(" 0 -> /memfd") && !Contains(" 1 -> /memfd") && !Contains(" 2 -> /memfd"));
}

TEST_CASE("output that is lost is said, once, unless the reader has gone", "[cli]") {
  CommandResult r = RunShell("\"$0\" \"$@\" >/dev/full", {Guest("console")});
  CHECK(r.exit_code == 0);
  CHECK(r.err == "zirconia: can't write to standard output: No space left on device\n");
  r = RunShell("{ \"$0\" \"$@\"; echo \"exit $?\" >&2; } | true", {Guest("console")});
  CHECK(r.err == "exit 0\n");
}

TEST_CASE("an interrupt ends the guest in order, with the conventional exit status", "[cli]") {
  const auto [signal, status] = GENERATE(table<std::string, int>({{"INT", 130}, {"TERM", 143}, {"HUP", 129}}));
  const std::string what = GENERATE(as<std::string>(), "spin", "sleep");
  CAPTURE(signal, what);
  // In a script's background interrupts are ignored: env restores them.
  const CommandResult r = RunShell("env --default-signal \"$0\" \"$@\" & sleep 1; kill -" + signal + " $!; wait $!",
                                   {"--stats", Guest("endless"), what});
  CAPTURE(r.out, r.err);
  CHECK(r.exit_code == status);
  CHECK_THAT(r.out, Contains("started\n"));
  CHECK_THAT(r.err, Contains("frames ") && !Contains("was killed"));
}

TEST_CASE("errors of use are one line that names what was wrong, and exit status 2", "[cli]") {
  const TemporaryFile text("not a program\n");
  const TemporaryFile large("");
  REQUIRE(truncate(large.path().c_str(), off_t{1} << 42) == 0);
  const std::string pipe = text.path() + ".pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  struct Case {
    std::vector<std::string> words;
    std::string names;
  };
  const std::vector<Case> cases = {
      {{}, "PROGRAM"},
      {{"/nonexistent/program"}, "/nonexistent/program"},
      {{"/"}, "regular file"},
      {{text.path()}, "ELF"},
      {{large.path()}, "too large"},
      {{pipe}, "regular file"},
      {{"--vmo", "a=" + pipe, Guest("hello")}, "regular file"},
      {{ZIRCONIA_PROGRAM}, "dynamically linked"},
      {{"--no-such-option", Guest("hello")}, "--no-such-option"},
      {{"--memory", "much", Guest("hello")}, "much"},
      {{"--memory", "0", Guest("hello")}, "--memory"},
      {{"--memory", "512iB", Guest("hello")}, "512iB"},
      {{"--memory", "512MB", Guest("hello")}, "512MB"},
      {{"--host-mappings=-1", Guest("hello")}, "-1"},
      {{"--host-mappings=3", Guest("hello")}, "--host-mappings"},
      {{"--host-mappings=10000000", Guest("hello")}, "max_map_count"},
      {{"--host-mappings=99999999999999999999", Guest("hello")}, "99999999999999999999"},
      {{"--seed=-1", Guest("hello")}, "--seed"},
      {{"--remap=safe", Guest("hello")}, "safe"},
      {{"--vmo", "nofile", Guest("hello")}, "NAME=FILE"},
      {{"--vmo", "a=/nonexistent", Guest("hello")}, "/nonexistent"},
      {{"--realize=never", Guest("hello")}, "never"},
      {{"--memory", "40K", Guest("hello")}, "hello"},
  };
  for (const Case& c : cases) {
    const CommandResult r = Run(c.words);
    CAPTURE(c.names, r.err);
    CHECK(r.exit_code == 2);
    CHECK(r.out.empty());
    CHECK_THAT(r.err, StartsWith("zirconia: ") && Contains(c.names));
    CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
  }
  unlink(pipe.c_str());
}

}  // namespace
}  // namespace zirconia::test
