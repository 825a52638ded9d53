// Random edits against a plain map of pages, with failing host calls and a small budget; and several threads at once.
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <random>
#include <thread>
#include <vector>

#include "test/platform/table_rig.h"
#include "test/platform/touch.h"

namespace zirconia::platform {
namespace {

using mm::FrameNumber;
using mm::PageTableEdit;
using mm::Protection;

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  uint64_t Below(uint64_t n) { return engine_() % n; }
  Protection AnyProtection() {
    constexpr Protection kAll[] = {Protection::None(), Protection::Read(), Protection::ReadWrite(),
                                   Protection::ReadExecute(), Protection::All()};
    return kAll[Below(5)];
  }

 private:
  std::mt19937_64 engine_;
};

PageTableEdit AnyEdit(const TableRig& rig, Dice& dice) {
  const uint64_t page = dice.Below(TableRig::kPages - 1);
  const uint64_t longest = std::min<uint64_t>(TableRig::kPages - page, dice.Below(4) == 0 ? 200 : 12);
  const mm::VirtRange range = rig.Pages(page, 1 + dice.Below(longest));
  switch (dice.Below(6)) {
    case 0:
      return PageTableEdit::Unmap(range);
    case 1:
      return PageTableEdit::Protect(range, dice.AnyProtection());
    case 2:
      return PageTableEdit::MapZero(range, dice.AnyProtection().WithoutWrite());
    default:
      // Often next to where the neighbours' frames continue.
      return PageTableEdit::Map(range, FrameNumber(dice.Below(2) == 0 ? page : dice.Below(500)), dice.AnyProtection());
  }
}

TEST_CASE("Random edits leave what a plain map of pages says, also with a small budget and failing host calls") {
  const uint64_t seed = GENERATE(1, 2, 3, 4);
  const uint64_t limit = GENERATE(12, 60, 1000);
  const bool faults = GENERATE(false, true);
  const auto block = limit == 60 ? std::optional(mm::PageCount(16)) : std::nullopt;
  INFO("seed " << seed << ", limit " << limit << ", faults " << faults);
  TableRig rig(limit, {.realize_block = block});
  Dice dice(seed);
  for (int i = 0; i < 700; ++i) {
    if (faults) rig.faulty.FailAt(1 + dice.Below(4), 1 + dice.Below(2), static_cast<FaultMode>(dice.Below(4)), ENOMEM);
    if (dice.Below(3) == 0) {
      const uint64_t page = dice.Below(TableRig::kPages - 8);
      const mm::VirtRange range = rig.Pages(page, 1 + dice.Below(8));
      REQUIRE(rig.table().Realize(range).ok());
      // A small budget, or a host that refuses, may have evicted the first pages for the last.
      for (const mm::Translation& t : rig.table().Snapshot())
        REQUIRE((t.realized || limit < 1000 || faults || !t.range.Overlaps(range)));
    } else {
      std::vector<PageTableEdit> edits;
      const uint64_t count = 1 + dice.Below(3);
      while (edits.size() < count) edits.push_back(AnyEdit(rig, dice));
      if (rig.table().Prepare(edits).ok()) rig.Edit(edits);
    }
    if (i % 5 == 0) rig.Check();
  }
  rig.faulty.StopFailing();
  rig.RealizeAndTouchAll();
}

TEST_CASE("Threads that edit and realize their own ranges don't disturb one another") {
  TableRig rig(40);
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kEach = TableRig::kPages / kThreads;
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (uint64_t id = 0; id < kThreads; ++id) {
    threads.emplace_back([&rig, &wrong, id] {
      Dice dice(id);
      for (int i = 0; i < 600; ++i) {
        const uint64_t page = id * kEach + dice.Below(kEach - 4);
        const uint64_t frame = dice.Below(1000);
        const mm::VirtRange range = rig.Pages(page, 1 + dice.Below(4));
        const std::vector edits{PageTableEdit::Map(range, FrameNumber(frame), Protection::ReadWrite())};
        auto reservation = rig.table().Prepare(edits);
        if (!reservation.ok()) continue;
        rig.table().Commit(edits, *std::move(reservation), nullptr);
        if (!rig.table().Realize(range).ok()) ++wrong;
        const auto t = rig.table().Query(range.base);
        if (!t.has_value() || FrameNumber(frame) < *t->first_frame) ++wrong;
        if (dice.Below(4) == 0) rig.table().Commit(std::vector{PageTableEdit::Unmap(range)});
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(rig.table().Verify() == absl::OkStatus());
}

}  // namespace
}  // namespace zirconia::platform
