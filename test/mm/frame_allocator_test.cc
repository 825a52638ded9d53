#include "mm/frame_allocator.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "mm/random.h"
#include "test/mm/fixture.h"

namespace zirconia::mm {
namespace {

using absl::StatusCode;

FrameRun Run(uint64_t first, uint64_t count) { return {FrameNumber(first), PageCount(count)}; }

bool IsZero(const PhysicalMemory& memory, FrameRun run) {
  const std::byte* data = memory.data(run.first);
  return std::all_of(data, data + run.count.bytes().value(), [](std::byte b) { return b == std::byte{0}; });
}

void Dirty(PhysicalMemory& memory, FrameRun run) {
  std::memset(memory.data(run.first), 0xaa, run.count.bytes().value());
}

FrameAllocator::Options Limited(uint64_t limit) {
  FrameAllocator::Options options;
  options.limit = PageCount(limit);
  return options;
}

TEST_CASE("FrameAllocator: what is wanted comes in one run where it can") {
  HeapPhysicalMemory memory(PageCount(1000));
  FrameAllocator frames(memory);
  const auto run = frames.AllocateRun(PageCount(1000));
  REQUIRE(run.ok());
  CHECK(*run == Run(0, 1000));
  CHECK(frames.AllocateRun(PageCount(1)).status().code() == StatusCode::kResourceExhausted);
  frames.Free(*run);
  CHECK(frames.stats().used == PageCount(0));
  CHECK(frames.stats().peak == PageCount(1000));
  CHECK(frames.Verify().ok());
}

TEST_CASE("FrameAllocator: the hint is honoured, and goes on as far as frames are free") {
  HeapPhysicalMemory memory(PageCount(64));
  FrameAllocator frames(memory);
  REQUIRE(*frames.AllocateRun(PageCount(1), FrameNumber(40)) == Run(40, 1));
  CHECK(*frames.AllocateRun(PageCount(8), FrameNumber(35)) == Run(35, 5));
  CHECK_FALSE(*frames.AllocateRun(PageCount(2), FrameNumber(40)) == Run(40, 2));
  CHECK(frames.AllocateRun(PageCount(1), FrameNumber(1000)).ok());
  CHECK(frames.Verify().ok());
}

TEST_CASE("FrameAllocator: the limit is what may be used at once, and an exact request that passes it takes nothing") {
  HeapPhysicalMemory memory(PageCount(64));
  FrameAllocator frames(memory, Limited(10));
  CHECK(frames.stats().total == PageCount(10));
  CHECK(frames.Allocate(PageCount(11)).status().code() == StatusCode::kResourceExhausted);
  CHECK(frames.stats().used == PageCount(0));
  const auto run = frames.AllocateRun(PageCount(64));
  REQUIRE(run.ok());
  CHECK(run->count == PageCount(10));
  CHECK(frames.AllocateContiguous(PageCount(1), 0).status().code() == StatusCode::kResourceExhausted);
}

TEST_CASE("FrameAllocator: scattered free frames make an exact request of several runs") {
  HeapPhysicalMemory memory(PageCount(16));
  FrameAllocator frames(memory);
  REQUIRE(frames.AllocateRun(PageCount(16)).ok());
  for (uint64_t f : {1u, 2u, 5u, 9u, 10u, 11u}) frames.Free(Run(f, 1));
  CHECK(frames.AllocateContiguous(PageCount(4), 0).status().code() == StatusCode::kResourceExhausted);
  const auto runs = frames.Allocate(PageCount(6));
  REQUIRE(runs.ok());
  CHECK(runs->size() == 3);
  CHECK(frames.Verify().ok());
}

TEST_CASE(
    "FrameAllocator: contiguous frames are aligned, also where only neighbouring blocks together are large enough") {
  HeapPhysicalMemory memory(PageCount(100));
  FrameAllocator frames(memory);
  const auto aligned = frames.AllocateContiguous(PageCount(3), 4);
  REQUIRE(aligned.ok());
  CHECK(aligned->first.value() % 16 == 0);
  frames.Free(*aligned);
  REQUIRE(*frames.AllocateContiguous(PageCount(100), 0) == Run(0, 100));
  frames.Free(Run(3, 90));
  const auto odd = frames.AllocateContiguous(PageCount(84), 3);
  REQUIRE(odd.ok());
  CHECK(*odd == Run(8, 84));
}

TEST_CASE("FrameAllocator: frames that were freed read as zeros when they are handed out again") {
  HeapPhysicalMemory memory(PageCount(64));
  FrameAllocator frames(memory);
  const auto run = frames.AllocateRun(PageCount(64));
  Dirty(memory, *run);
  frames.Free(Run(10, 20));
  const auto again = frames.AllocateRun(PageCount(20));
  REQUIRE(again.ok());
  CHECK(IsZero(memory, *again));
}

TEST_CASE("FrameAllocator: much free memory is given back to the host, and then need not be cleared") {
  HeapPhysicalMemory memory(PageCount(1024));
  FrameAllocator::Options options;
  options.keep_free = PageCount(64);
  FrameAllocator frames(memory, options);
  const auto run = frames.AllocateRun(PageCount(1024));
  Dirty(memory, *run);
  frames.Free(Run(0, 64));
  CHECK(memory.discard_calls() == 0);
  frames.Free(Run(500, 100));
  CHECK(memory.discard_calls() > 0);
  CHECK(frames.Verify().ok());
  const auto again = frames.Allocate(PageCount(164));
  REQUIRE(again.ok());
  for (const FrameRun r : *again) CHECK(IsZero(memory, r));
  for (const FrameRun r : *again) frames.Free(r);
  frames.Trim();
  CHECK(frames.Verify().ok());
}

TEST_CASE("FrameAllocator: a host that takes nothing back leaves frames that are cleared instead") {
  HeapPhysicalMemory memory(PageCount(64));
  memory.set_discard_fails(true);
  FrameAllocator frames(memory);
  const auto run = frames.AllocateRun(PageCount(64));
  Dirty(memory, *run);
  frames.Free(*run);
  frames.Trim();
  CHECK(frames.Verify().ok());
  const auto again = frames.AllocateRun(PageCount(64));
  REQUIRE(again.ok());
  CHECK(IsZero(memory, *again));
}

TEST_CASE("FrameAllocator: frames that are taken one after the other are secured in batches") {
  HeapPhysicalMemory memory(PageCount(4096));
  FrameAllocator frames(memory);
  std::optional<FrameNumber> hint;
  for (int i = 0; i < 2048; ++i) {
    const auto run = frames.AllocateRun(PageCount(1), hint, {PageCount(0), PageCount(2048)});
    REQUIRE(run.ok());
    if (hint) REQUIRE(run->first == *hint);
    hint = run->end();
  }
  CHECK(memory.secure_calls() < 2048 / 32);
  CHECK(frames.Verify().ok());
}

TEST_CASE("FrameAllocator: a host that can't provide frames is an error, and nothing is taken") {
  HeapPhysicalMemory memory(PageCount(64));
  FrameAllocator frames(memory);
  memory.LimitSecurable(PageCount(10));
  CHECK(frames.Allocate(PageCount(11)).status().code() == StatusCode::kResourceExhausted);
  CHECK(frames.AllocateContiguous(PageCount(11), 0).status().code() == StatusCode::kResourceExhausted);
  CHECK(frames.stats().used == PageCount(0));
  CHECK(frames.Verify().ok());
  const auto part = frames.AllocateRun(PageCount(16));
  REQUIRE(part.ok());
  CHECK(part->count == PageCount(8));
  frames.Free(*part);
  memory.UnlimitSecurable();
  CHECK(frames.Allocate(PageCount(64)).ok());
}

TEST_CASE("FrameAllocator: memory kept for reuse is given back when the host has none left for others") {
  HeapPhysicalMemory memory(PageCount(64));
  FrameAllocator frames(memory);
  memory.LimitSecurable(PageCount(20));
  const auto low = frames.AllocateRun(PageCount(16), FrameNumber(0));
  REQUIRE(low.ok());
  frames.Free(*low);
  CHECK(*frames.AllocateContiguous(PageCount(10), 0) == Run(0, 10));
  const auto high = frames.AllocateRun(PageCount(10), FrameNumber(32));
  REQUIRE(high.ok());
  CHECK(*high == Run(32, 10));
  CHECK(frames.Verify().ok());
}

TEST_CASE("FrameAllocator: pinned frames are freed when the last pin on them is gone") {
  HeapPhysicalMemory memory(PageCount(16));
  FrameAllocator frames(memory);
  const auto run = frames.AllocateRun(PageCount(16));
  REQUIRE(run.ok());
  std::optional<FramePin> a = frames.Pin(Run(4, 4));
  std::optional<FramePin> b = frames.Pin(Run(6, 4));
  frames.Free(*run);
  CHECK(frames.stats().used == PageCount(6));
  CHECK(frames.Verify().ok());
  CHECK_FALSE(frames.AllocateContiguous(PageCount(7), 0).ok());
  a.reset();
  CHECK(frames.stats().used == PageCount(4));
  FramePin moved = *std::move(b);
  b = std::nullopt;
  CHECK(frames.stats().used == PageCount(4));
  moved = FramePin();
  CHECK(frames.stats().used == PageCount(0));
  CHECK(frames.Verify().ok());
}

TEST_CASE("FrameAllocator: what is written to free frames that are exposed is no error, and nobody gets to see it") {
  HeapPhysicalMemory memory(PageCount(8));
  FrameAllocator frames(memory);
  REQUIRE(frames.Expose(Run(2, 4)).ok());
  Dirty(memory, Run(2, 4));
  CHECK(frames.Verify().ok());
  const auto first = frames.AllocateRun(PageCount(4));
  REQUIRE(first.ok());
  CHECK(IsZero(memory, *first));
  CHECK(frames.Verify().ok());
  frames.Conceal(Run(2, 4));
  CHECK(frames.Verify().ok());
  const auto others = frames.AllocateRun(PageCount(4));
  REQUIRE(others.ok());
  CHECK(IsZero(memory, *others));
}

TEST_CASE("FrameAllocator: the n-th allocation fails, once") {
  HeapPhysicalMemory memory(PageCount(16));
  FrameAllocator frames(memory);
  frames.FailAfter(2);
  CHECK(frames.AllocateRun(PageCount(1)).ok());
  CHECK(frames.Allocate(PageCount(1)).status().code() == StatusCode::kResourceExhausted);
  CHECK(frames.Allocate(PageCount(1)).ok());
}

TEST_CASE("FrameAllocator: owners that grow by turns each stay in one run, in whatever order they are filled") {
  HeapPhysicalMemory memory(PageCount(8192));
  FrameAllocator frames(memory);
  std::vector<std::shared_ptr<VmObject>> vmos;
  vmos.reserve(4);
  for (int i = 0; i < 4; ++i) vmos.push_back(*VmObject::Create(frames, Pages(200), false));
  for (uint64_t i = 0; i < 200; ++i) {
    const uint64_t pages[] = {i, 199 - i, i * 77 % 200, i};
    for (size_t v = 0; v < 4; ++v) REQUIRE(vmos[v]->Write(Pages(pages[v]), Bytes(1, 1)).ok());
  }
  for (const auto& vmo : vmos) CHECK(vmo->run_count() == 1);
}

TEST_CASE("FrameAllocator: random use keeps every invariant, and never hands a frame out twice") {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    INFO("seed " << seed);
    uint64_t random = seed;
    const auto pick = [&](uint64_t n) { return NextRandom(random) % n; };
    HeapPhysicalMemory memory(PageCount(200 + pick(100)));
    FrameAllocator::Options options;
    options.keep_free = PageCount(pick(40));
    FrameAllocator frames(memory, options);
    std::vector<FrameRun> held;
    std::vector<std::pair<FramePin, FrameRun>> pins;
    for (int step = 0; step < 3000; ++step) {
      std::vector<FrameRun> got;
      switch (pick(6)) {
        case 0:
          if (auto run = frames.AllocateRun(PageCount(1 + pick(40)), FrameNumber(pick(300))); run.ok()) {
            got.push_back(*run);
          }
          break;
        case 1:
          if (auto runs = frames.Allocate(PageCount(1 + pick(60))); runs.ok()) got = *runs;
          break;
        case 2:
          if (auto run = frames.AllocateContiguous(PageCount(1 + pick(20)), static_cast<unsigned>(pick(5))); run.ok()) {
            got.push_back(*run);
          }
          break;
        case 3:
          if (!held.empty()) {
            const FrameRun run = held[pick(held.size())];
            if (pins.size() < 4) pins.emplace_back(frames.Pin(run), run);
          }
          break;
        case 4:
          if (!pins.empty()) pins.erase(pins.begin() + static_cast<long>(pick(pins.size())));
          break;
        default:
          if (held.empty()) break;
          FrameRun& run = held[pick(held.size())];
          const PageCount part(1 + pick(run.count.value()));
          frames.Free({run.first, part});
          run = {run.first + part, run.count - part};
          if (run.empty()) {
            run = held.back();
            held.pop_back();
          }
      }
      for (const FrameRun run : got) {
        REQUIRE(IsZero(memory, run));
        Dirty(memory, run);
        for (const FrameRun other : held) {
          if (run.first < other.end() && other.first < run.end()) FAIL("a frame was handed out twice");
        }
        for (const auto& [pin, other] : pins) {
          if (run.first < other.end() && other.first < run.end()) FAIL("a pinned frame was handed out");
        }
        held.push_back(run);
      }
      REQUIRE(frames.Verify() == absl::OkStatus());
    }
    pins.clear();
    for (const FrameRun run : held) frames.Free(run);
    CHECK(frames.stats().used == PageCount(0));
    REQUIRE(frames.Verify() == absl::OkStatus());
  }
}

}  // namespace
}  // namespace zirconia::mm
