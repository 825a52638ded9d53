// Host calls that fail in every way at every place: nothing is lost, and bookkeeping is what the host has.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "test/platform/table_rig.h"
#include "test/platform/touch.h"

namespace zirconia::platform {
namespace {

using mm::Access;
using mm::FrameNumber;
using mm::PageTableEdit;
using mm::Protection;

constexpr Protection kRead = Protection::Read();
constexpr Protection kReadWrite = Protection::ReadWrite();

using ScriptStep = std::function<void(TableRig&)>;

const std::vector<ScriptStep>& Script() {
  static const std::vector<ScriptStep> script = {
      [](TableRig& rig) { rig.Map(10, 50, 100, kReadWrite); },
      [](TableRig& rig) { REQUIRE(rig.Realize(30, 1).ok()); },
      // Replaced in the middle, at both ends, and over an end.
      [](TableRig& rig) { rig.Map(20, 5, 300, kRead); },
      [](TableRig& rig) { rig.Map(10, 2, 400, kReadWrite); },
      [](TableRig& rig) { rig.Map(55, 10, 500, kReadWrite); },
      // Protection across several mappings.
      [](TableRig& rig) { rig.Protect(15, 20, kRead); },
      [](TableRig& rig) { rig.Protect(12, 30, kReadWrite); },
      [](TableRig& rig) { rig.Protect(5, 60, Protection::None()); },
      [](TableRig& rig) { rig.Protect(5, 60, kReadWrite); },
      // Zeros, and what replaces them.
      [](TableRig& rig) { rig.MapZero(100, 40, kRead); },
      [](TableRig& rig) { REQUIRE(rig.Realize(100, 40).ok()); },
      [](TableRig& rig) { rig.Map(110, 1, 7, kReadWrite); },
      [](TableRig& rig) { rig.MapZero(20, 30, kRead); },
      [](TableRig& rig) { rig.Protect(90, 60, kReadWrite); },
      // Taking away: in the middle, over gaps, several in one batch.
      [](TableRig& rig) { rig.Map(10, 50, 100, kReadWrite); },
      [](TableRig& rig) { rig.Unmap(30, 3); },
      [](TableRig& rig) {
        rig.Edit({PageTableEdit::Unmap(rig.Pages(12, 2)), PageTableEdit::Unmap(rig.Pages(14, 2)),
                  PageTableEdit::Map(rig.Pages(40, 2), FrameNumber(600), kRead),
                  PageTableEdit::Protect(rig.Pages(45, 5), kRead)});
      },
      [](TableRig& rig) { REQUIRE(rig.Realize(0, 200).ok()); },
      [](TableRig& rig) { rig.Unmap(0, 200); },
  };
  return script;
}

constexpr uint64_t kMostMappings = 1000;

HostPageTable::Options With(RemapStrategy strategy) {
  HostPageTable::Options options;
  options.remap = strategy;
  return options;
}

// Runs the script with the calls from the k-th on failing; returns how many failed.
uint64_t RunScript(RemapStrategy strategy, uint64_t k, uint64_t times, FaultMode mode, int error) {
  TableRig rig(kMostMappings, With(strategy));
  rig.faulty.FailAt(k, times, mode, error);
  for (const ScriptStep& step : Script()) {
    step(rig);
    rig.Check();
  }
  const uint64_t fired = rig.faulty.fired();
  rig.faulty.StopFailing();
  rig.RealizeAndTouchAll();
  return fired;
}

TEST_CASE("Whichever host call of a script fails, in whatever way, nothing is lost") {
  const auto strategy = GENERATE(RemapStrategy::kDirect, RemapStrategy::kReserve, RemapStrategy::kStage);
  const auto mode = GENERATE(FaultMode::kBefore, FaultMode::kTear, FaultMode::kTearHalf, FaultMode::kHalf);
  INFO(RemapStrategyName(strategy));
  const int error = GENERATE(ENOMEM, ENODEV);
  const uint64_t times = GENERATE(1, 3);
  uint64_t runs = 0;
  for (uint64_t k = 1;; ++k, ++runs) {
    INFO("call " << k << ", " << times << " times, mode " << static_cast<int>(mode) << ", errno " << error);
    if (RunScript(strategy, k, times, mode, error) == 0) break;
  }
  CHECK(runs > 15);
}

TEST_CASE("After each single failure every page is as it should be, once it is touched") {
  const auto strategy = GENERATE(RemapStrategy::kDirect, RemapStrategy::kReserve, RemapStrategy::kStage);
  const auto mode = GENERATE(FaultMode::kBefore, FaultMode::kTear, FaultMode::kTearHalf, FaultMode::kHalf);
  INFO(RemapStrategyName(strategy));
  for (size_t failing = 0; failing < Script().size(); ++failing) {
    for (uint64_t k = 1;; ++k) {
      TableRig rig(kMostMappings, With(strategy));
      for (size_t i = 0; i < failing; ++i) Script()[i](rig);
      rig.faulty.FailAt(k, 1, mode, ENOMEM);
      Script()[failing](rig);
      const uint64_t fired = rig.faulty.fired();
      rig.faulty.StopFailing();
      INFO("step " << failing << ", call " << k << ", mode " << static_cast<int>(mode));
      rig.Check();
      rig.RealizeAndTouchAll();
      if (fired == 0) break;
    }
  }
}

TEST_CASE("A hole that the host tore is reservation again, and what stood there comes back on touch") {
  TableRig rig;
  rig.Map(10, 20, 100, kReadWrite);
  REQUIRE(rig.Realize(10, 20).ok());
  rig.faulty.FailAt(1, 1, FaultMode::kTear, ENODEV);
  rig.Map(15, 5, 300, kReadWrite);
  CHECK(rig.faulty.fired() == 1);
  CHECK(rig.table().stats().torn == 1);
  CHECK_FALSE(CanAccess(rig.Page(15), Access::kRead));
  CHECK(rig.Read(14) == 104);
  REQUIRE(rig.Realize(15, 1).ok());
  CHECK(rig.Read(15) == 300);
  CHECK(rig.Read(19) == 304);
}

TEST_CASE("With a reserve, what the host tore is back before the operation ends") {
  TableRig rig(kMostMappings, With(RemapStrategy::kReserve));
  rig.Map(10, 20, 100, kReadWrite);
  REQUIRE(rig.Realize(10, 20).ok());
  const HostCallCounts calls = rig.Counted([&] { rig.Map(12, 3, 300, kReadWrite); });
  CHECK(calls[HostCall::kMremap] == 1);
  CHECK(calls[HostCall::kMmap] == 1);
  CHECK(calls[HostCall::kMunmap] == 1);
  rig.faulty.FailAt(1, 1, FaultMode::kTear, ENODEV);
  rig.Map(15, 5, 300, kReadWrite);
  CHECK(rig.faulty.fired() == 1);
  CHECK(rig.table().stats().torn == 1);
  CHECK(rig.table().stats().restored == 1);
  rig.Check();
  rig.RealizeAndTouchAll();
}

TEST_CASE("Duplicates that can't be dropped at once are counted, and dropped later") {
  TableRig rig(kMostMappings, With(RemapStrategy::kReserve));
  rig.Map(10, 20, 100, kReadWrite);
  REQUIRE(rig.Realize(10, 20).ok());
  const uint64_t before = rig.budget.used();
  rig.faulty.FailAt(2, 1, FaultMode::kBefore, ENOMEM);  // mmap, then munmap
  rig.Map(10, 20, 300, kReadWrite);
  CHECK(rig.faulty.fired() == 1);
  CHECK(rig.budget.used() == before + 1);
  rig.Check();
  rig.Map(10, 20, 500, kReadWrite);
  CHECK(rig.budget.used() == before);
  rig.RealizeAndTouchAll();
}

TEST_CASE("A mapping that was lost behind the table's back is found when it goes on faulting") {
  const auto strategy = GENERATE(RemapStrategy::kDirect, RemapStrategy::kReserve, RemapStrategy::kStage);
  TableRig rig(kMostMappings, With(strategy));
  rig.Map(10, 20, 100, kReadWrite);
  REQUIRE(rig.Realize(10, 20).ok());
  REQUIRE(rig.linux_host.Munmap(rig.Page(12).value(), mm::kPageSize).ok());
  int touches = 0;
  while (!CanAccess(rig.Page(12), Access::kRead)) {
    REQUIRE(rig.Realize(12, 1).ok());
    REQUIRE(++touches < 1000);
  }
  CHECK(rig.Read(12) == 102);
  rig.RealizeAndTouchAll();
}

TEST_CASE("Two mappings that were lost behind the table's back are found when threads touch them in turns") {
  TableRig rig;
  rig.Map(10, 5, 100, kReadWrite);
  rig.Map(30, 5, 200, kReadWrite);
  REQUIRE(rig.Realize(10, 25).ok());
  const auto pages = {uint64_t{12}, uint64_t{32}};
  for (const uint64_t page : pages) REQUIRE(rig.linux_host.Munmap(rig.Page(page).value(), mm::kPageSize).ok());
  for (int touches = 0; rig.table().stats().torn < pages.size(); ++touches) {
    for (const uint64_t page : pages) REQUIRE(rig.Realize(page, 1).ok());
    REQUIRE(touches < 1'000'000);
  }
  CHECK(rig.Read(12) == 102);
  CHECK(rig.Read(32) == 202);
  rig.RealizeAndTouchAll();
}

TEST_CASE("With a reserve, zeros that the host tore are back too: what is reported as kept is as it was") {
  LinuxHost linux_host;
  FaultyHost host(linux_host);
  const auto file = *BackingFile::Create(host, {.size = mm::PageCount(32)});
  const auto window = *Window::Create(host, mm::ByteSize(16 * mm::kPageSize));
  Remapper remapper(*window, *file, RemapStrategy::kReserve);
  const auto pages = [&](uint64_t first, uint64_t count) {
    return mm::VirtRange{window->range().base + mm::ByteSize(first * mm::kPageSize),
                         mm::ByteSize(count * mm::kPageSize)};
  };
  REQUIRE(remapper.Map(pages(2, 4), {FrameNumber(8), kReadWrite}) == RemapOutcome::kDone);
  REQUIRE(remapper.Map(pages(6, 4), {std::nullopt, kRead}) == RemapOutcome::kDone);
  const bool restoring_fails = GENERATE(false, true);
  FaultyHost::Plan plan{.mode = FaultMode::kTear, .error = ENODEV, .kinds = {HostCall::kMmap}};
  if (restoring_fails) plan.then = {HostCall::kMprotect};  // which puts zeros back
  host.Fail(plan);
  const RemapOutcome outcome = remapper.Map(pages(0, 16), {FrameNumber(16), kReadWrite});
  CHECK(outcome == (restoring_fails ? RemapOutcome::kDropped : RemapOutcome::kKept));
  CHECK(remapper.counters().torn == 1);
  CHECK(remapper.mappings().Find(pages(2, 1).base) == HostExtent{pages(2, 4), {FrameNumber(8), kReadWrite}});
  CHECK(CanAccess(pages(9, 1).base, Access::kRead) == !restoring_fails);
  CHECK(remapper.mappings().Find(pages(6, 1).base).mapping.accessible() == !restoring_fails);
  host.StopFailing();
  remapper.Revoke(window->range());
}

TEST_CASE("The naive strategy loses what the host tears, and never notices") {
  TableRig rig(kMostMappings, With(RemapStrategy::kNaive));
  rig.Map(10, 20, 100, kReadWrite);
  REQUIRE(rig.Realize(10, 20).ok());
  rig.faulty.FailAt(2, 1, FaultMode::kBefore, ENOMEM);  // munmap, then mmap
  rig.Map(15, 5, 300, kReadWrite);
  CHECK(rig.faulty.fired() == 1);
  CHECK_FALSE(CanAccess(rig.Page(15), Access::kRead));
  CHECK_FALSE(rig.table().Verify().ok());
  absl::Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) status = rig.Realize(15, 1);
  CHECK(status.code() == absl::StatusCode::kResourceExhausted);
  CHECK_FALSE(CanAccess(rig.Page(15), Access::kRead));
  rig.Map(15, 5, 400, kReadWrite);
  CHECK(rig.Read(15) == 400);
}

TEST_CASE("Strategies are known by name") {
  for (const char* name : {"direct", "reserve", "stage", "naive"}) {
    const auto strategy = ParseRemapStrategy(name);
    REQUIRE(strategy.has_value());
    CHECK(RemapStrategyName(*strategy) == name);
  }
  CHECK_FALSE(ParseRemapStrategy("auto").has_value());
}

TEST_CASE("Where the host refuses the cut of an unmapping, whole mappings become inaccessible") {
  TableRig rig;
  rig.Map(10, 20, 100, kReadWrite);
  REQUIRE(rig.Realize(10, 20).ok());
  rig.faulty.FailAt(1, 1, FaultMode::kBefore, ENOMEM);
  rig.Unmap(15, 5);
  CHECK(rig.table().stats().revoked_wider == 1);
  CHECK_FALSE(CanAccess(rig.Page(15), Access::kRead));
  CHECK_FALSE(CanAccess(rig.Page(10), Access::kRead));
  rig.Check();
  rig.RealizeAndTouchAll();
}

TEST_CASE("A host that keeps refusing is reported, and only then") {
  TableRig rig;
  rig.Map(10, 20, 100, kReadWrite);
  rig.faulty.FailAt(1, 5, FaultMode::kBefore, ENOMEM);
  CHECK(rig.Realize(10, 1).ok());
  rig.Unmap(10, 20);
  rig.Map(10, 20, 100, kReadWrite);
  rig.faulty.FailAt(1, 1000, FaultMode::kBefore, ENOMEM);
  CHECK(rig.Realize(10, 1).code() == absl::StatusCode::kResourceExhausted);
  rig.faulty.StopFailing();
  rig.RealizeAndTouchAll();
}

// Tears the hole, and lets a stranger's mapping fall into it before the failure is answered.
class StrangerHost final : public ForwardingHost {
 public:
  using ForwardingHost::ForwardingHost;
  HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                             uint64_t offset) override {
    if ((flags & MAP_FIXED) == 0 || fd < 0 || !armed) {
      return base().Mmap(address, length, protection, flags, fd, offset);
    }
    (void)base().Munmap(address, length);
    (void)base().Mmap(address, mm::kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                      -1, 0);
    return {0, ENOMEM};
  }
  bool armed = false;
};

TEST_CASE("A stranger's mapping in a torn hole stops the process, named and never overwritten") {
  int report[2];
  REQUIRE(pipe(report) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(report[1], STDERR_FILENO);
    std::signal(SIGABRT, SIG_DFL);
    LinuxHost linux_host;
    StrangerHost host(linux_host);
    auto file = BackingFile::Create(host, {.size = mm::PageCount(16)});
    auto window = Window::Create(host, mm::ByteSize(16 * mm::kPageSize));
    MapBudget budget(100);
    HostPageTable table(**window, **file, budget);
    table.Commit(std::vector{PageTableEdit::Map((*window)->range(), FrameNumber(0), kReadWrite)});
    host.armed = true;
    (void)table.Realize((*window)->range());
    _exit(0);
  }
  close(report[1]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  char text[512] = {};
  REQUIRE(read(report[0], text, sizeof text - 1) > 0);
  close(report[0]);
  CHECK(WIFSIGNALED(status));
  CHECK_THAT(std::string(text), Catch::Contains("stranger"));
}

}  // namespace
}  // namespace zirconia::platform
