// Page trees that share: against plain maps, one for each.
#include "mm/page_tree.h"

#include <catch2/catch.hpp>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "mm/random.h"

namespace zirconia::mm {
namespace {

constexpr uint64_t kPages = 96;

PageRun Run(uint64_t page, uint64_t frame, uint64_t count) {
  return {PageIndex(page), {FrameNumber(frame), PageCount(count)}};
}

// Trees beside plain maps from page to frame. Frames are handed out by the fixture and come back to it.
class Family {
 public:
  struct Member {
    PageTree tree;
    std::map<uint64_t, uint64_t> model;
  };

  auto Free() {
    return [this](FrameRun run) {
      for (uint64_t i = 0; i < run.count.value(); ++i) {
        if (live_.erase(run.first.value() + i) != 1) FAIL("frame " << run.first.value() + i << " freed twice");
      }
    };
  }

  Family() { members.emplace_back(); }
  ~Family() {
    for (Member& m : members) m.tree.Clear(Free());
    CHECK(live_.empty());
  }

  // `count` frames in a row, or now and then those that follow `after`.
  uint64_t Allocate(uint64_t count) {
    const uint64_t first = next_;
    next_ += count + 1;
    for (uint64_t i = 0; i < count; ++i) live_.insert(first + i);
    return first;
  }
  // The frames right behind `frame`, if nobody has them.
  uint64_t AllocateBehind(uint64_t frame, uint64_t count) {
    for (uint64_t i = 1; i <= count; ++i) {
      if (live_.count(frame + i) != 0 || frame + i >= next_) return Allocate(count);
    }
    for (uint64_t i = 1; i <= count; ++i) live_.insert(frame + i);
    return frame + 1;
  }
  void Check() {
    std::vector<const PageTree*> trees;
    std::map<uint64_t, int> seen;
    for (const Member& m : members) {
      trees.push_back(&m.tree);
      for (const auto& [page, frame] : m.model) ++seen[frame];
    }
    const absl::Status status = PageTree::Verify(trees);
    REQUIRE(status == absl::OkStatus());
    // What nobody can see, nobody keeps.
    std::set<uint64_t> visible;
    for (const auto& [frame, n] : seen) visible.insert(frame);
    REQUIRE(visible == live_);
    for (Member& m : members) {
      std::map<uint64_t, uint64_t> found;
      std::optional<PageTree::Run> last;
      m.tree.ForEach(PageIndex(0), PageIndex(kPages), [&](const PageTree::Run& run) {
        if (last.has_value() && last->shared == run.shared && last->pages.end() == run.pages.first &&
            last->pages.frames.end() == run.pages.frames.first) {
          FAIL("two runs that are one, at " << run.pages.first.value());
        }
        last = run;
        for (uint64_t i = 0; i < run.pages.count().value(); ++i) {
          const uint64_t frame = run.pages.frames.first.value() + i;
          found[run.pages.first.value() + i] = frame;
          if (run.shared != (seen[frame] > 1)) FAIL("frame " << frame << ": wrongly shared or not");
        }
        return true;
      });
      REQUIRE(found == m.model);
      REQUIRE(m.tree.size() == PageCount(m.model.size()));
    }
    // What each has that none of those before it has.
    std::vector<const PageTree*> before;
    std::set<uint64_t> known;
    for (const Member& m : members) {
      uint64_t half = 0, all = 0;
      for (const auto& [page, frame] : m.model) {
        if (known.count(frame) != 0) continue;
        ++all;
        if (page < kPages / 2) ++half;
      }
      REQUIRE(m.tree.CountNotIn(PageIndex(0), PageIndex(kPages), before).value() == all);
      REQUIRE(m.tree.CountNotIn(PageIndex(0), PageIndex(kPages / 2), before).value() == half);
      for (const auto& [page, frame] : m.model) known.insert(frame);
      before.push_back(&m.tree);
    }
  }

  std::list<Member> members;

 private:
  std::set<uint64_t> live_;
  uint64_t next_ = 0;
};

TEST_CASE("PageTree: runs that continue each other are one, and are found from any of their pages") {
  PageTree tree;
  tree.Insert(Run(10, 100, 5));
  tree.Insert(Run(20, 110, 5));
  tree.Insert(Run(15, 105, 5));
  const auto run = tree.Find(PageIndex(17));
  REQUIRE(run.has_value());
  CHECK(run->pages == Run(10, 100, 15));
  CHECK_FALSE(run->shared);
  CHECK(tree.FindFrom(PageIndex(3))->pages == Run(10, 100, 15));
  CHECK(tree.FindFrom(PageIndex(24))->pages == Run(10, 100, 15));
  CHECK_FALSE(tree.FindFrom(PageIndex(25)).has_value());
  CHECK(tree.FindBefore(PageIndex(90))->pages == Run(10, 100, 15));
  CHECK_FALSE(tree.FindBefore(PageIndex(10)).has_value());
  CHECK(tree.CountIn(PageIndex(12), PageIndex(18)) == PageCount(6));
  tree.Clear([](FrameRun) {});
}

TEST_CASE("PageTree: a snapshot keeps what its original loses, page by page") {
  PageTree tree;
  std::vector<FrameRun> freed;
  const auto free = [&freed](FrameRun run) { freed.push_back(run); };
  tree.Insert(Run(0, 100, 50));
  PageTree snapshot = tree.Snapshot(PageIndex(0), PageIndex(50));
  CHECK(snapshot.Find(PageIndex(0))->shared);
  tree.Remove(PageIndex(10), PageIndex(20), free);
  CHECK(freed.empty());
  CHECK(tree.Find(PageIndex(5))->shared);
  CHECK(snapshot.Find(PageIndex(5))->pages == Run(0, 100, 10));
  CHECK(snapshot.Find(PageIndex(15))->pages == Run(10, 110, 10));
  CHECK_FALSE(snapshot.Find(PageIndex(15))->shared);
  snapshot.Remove(PageIndex(12), PageIndex(25), free);
  REQUIRE(freed.size() == 1);
  CHECK(freed[0] == FrameRun{FrameNumber(112), PageCount(8)});
  tree.Clear(free);
  snapshot.Clear(free);
  PageCount all;
  for (const FrameRun& run : freed) all += run.count;
  CHECK(all == PageCount(50));
}

TEST_CASE("PageTree: trees that share, cut, write and go in any order are what plain maps are") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    uint64_t random = seed;
    const auto dice = [&random](uint64_t n) { return NextRandom(random) % n; };
    Family family;
    for (int step = 0; step < 400; ++step) {
      auto it = family.members.begin();
      std::advance(it, static_cast<long>(dice(family.members.size())));
      Family::Member& m = *it;
      const uint64_t first = dice(kPages), count = 1 + dice(std::min<uint64_t>(12, kPages - first));
      const PageIndex begin(first), end(first + count);
      INFO("seed " << seed << ", step " << step);
      switch (dice(8)) {
        case 0:
        case 1:
        case 2: {  // a write: what is shared is copied, what isn't there is committed
          m.tree.Remove(begin, end, family.Free());
          const auto before = m.model.find(first - 1);
          const uint64_t frame = before != m.model.end() && dice(2) == 0 ? family.AllocateBehind(before->second, count)
                                                                         : family.Allocate(count);
          m.tree.Insert(Run(first, frame, count));
          for (uint64_t i = 0; i < count; ++i) m.model[first + i] = frame + i;
          break;
        }
        case 3:
        case 4:
          m.tree.Remove(begin, end, family.Free());
          m.model.erase(m.model.lower_bound(first), m.model.lower_bound(first + count));
          break;
        case 5:
        case 6: {
          if (family.members.size() > 12) break;
          const bool whole = dice(2) == 0;
          const uint64_t from = whole ? 0 : first, to = whole ? kPages : std::min(kPages, first + 40);
          std::map<uint64_t, uint64_t> model;
          for (auto in = m.model.lower_bound(from); in != m.model.lower_bound(to); ++in) {
            model[in->first - from] = in->second;
          }
          family.members.push_back({m.tree.Snapshot(PageIndex(from), PageIndex(to)), std::move(model)});
          break;
        }
        default:
          if (family.members.size() < 2) break;
          m.tree.Clear(family.Free());
          family.members.erase(it);
          break;
      }
      family.Check();
    }
  }
}

TEST_CASE("PageTree: trees that begin ever further out end before places run out") {
  PageTree tree;
  const PageIndex far(uint64_t{1} << 61);
  CHECK(tree.MayBeginAt(far));
  const PageTree second = tree.EmptyAt(far);
  CHECK(second.MayBeginAt(far - PageCount(1)));
  CHECK_FALSE(second.MayBeginAt(far));
  CHECK_FALSE(second.EmptyAt(far).EmptyAt(far).MayBeginAt(PageIndex(0)));
}

TEST_CASE("PageTree: ten thousand snapshots of snapshots go in any order without leaking or running out of stack") {
  for (const bool oldest_first : {true, false}) {
    Family family;
    for (uint64_t i = 0; i < 10'000; ++i) {
      Family::Member& last = family.members.back();
      const uint64_t page = i % kPages;
      last.tree.Remove(PageIndex(page), PageIndex(page + 1), family.Free());
      last.tree.Insert(Run(page, family.Allocate(1), 1));
      family.members.push_back({last.tree.Snapshot(PageIndex(0), PageIndex(kPages)), {}});
    }
    while (family.members.size() > 1) {
      const auto it = oldest_first ? family.members.begin() : std::prev(family.members.end());
      it->tree.Clear(family.Free());
      family.members.erase(it);
    }
  }
}

}  // namespace
}  // namespace zirconia::mm
