// A model of address spaces that knows nothing but pages: what is in each page of each VMO, and which page of which VMO
// stands at each page of each address space. It has the real ones beside it, and compares.
#ifndef ZIRCONIA_TEST_MM_PAGE_MODEL_H_
#define ZIRCONIA_TEST_MM_PAGE_MODEL_H_

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mm/random.h"
#include "test/mm/fixture.h"

namespace zirconia::mm {

constexpr uint64_t kSpacePages = 96;
constexpr uint64_t kVmoPages = 20;
constexpr size_t kVmos = 5;
constexpr size_t kSpaces = 2;

struct ModelVmo {
  std::weak_ptr<VmObject> real;
  bool resizable = false;
  std::vector<bool> committed;   // one for each page: its size
  std::vector<uint8_t> content;  // as long

  uint64_t pages() const { return committed.size(); }
  uint64_t bytes() const { return content.size(); }
  uint64_t CommittedIn(uint64_t first, uint64_t end) const {
    uint64_t n = 0;
    for (uint64_t p = first; p < end; ++p) n += committed[p] ? 1 : 0;
    return n;
  }
  // What the last page held beyond `size` bytes is lost.
  void Resize(uint64_t size) {
    committed.resize((size + kPageSize - 1) / kPageSize);
    content.resize(size);
    content.resize(pages() * kPageSize);
  }
  void Decommit(uint64_t page) {
    committed[page] = false;
    std::fill_n(content.begin() + static_cast<long>(page * kPageSize), kPageSize, uint8_t{0});
  }
};

struct ModelPage {
  std::shared_ptr<ModelVmo> vmo;  // null: nothing is mapped
  uint64_t page = 0;
  Protection protection;
  Protection max;
  int region = 0;
};

struct ModelRegion {
  uint64_t first = 0, count = 0;  // pages
  int parent = -1;
  bool alive = true;
  Protection can_map;
  bool specific = true;
  std::shared_ptr<VmAddressRegion> real;
  uint64_t end() const { return first + count; }
  bool Overlaps(uint64_t f, uint64_t e) const { return f < end() && first < e; }
};

class PageModel {
 protected:
  using StatusCode = absl::StatusCode;
  explicit PageModel(uint64_t seed)
      : random_(seed),
        memory_(PageCount(256)),
        frames_(memory_, {PageCount(40 + Pick(60)), std::nullopt, PageCount(Pick(2) != 0 ? 16 : 16384)}) {
    AddressSpace::Options options;
    options.layout_seed = Pick(2) != 0 ? seed : 0;
    options.realize = Pick(2) != 0 ? AddressSpace::Realize::kOnMap : AddressSpace::Realize::kOnTouch;
    for (auto& s : spaces_) {
      s.real = std::make_unique<Space>(memory_, kSpacePages, options);
      s.pages.resize(kSpacePages);
      s.regions.push_back({0, kSpacePages, -1, true, Protection::All(), true, s.real->root});
    }
    for (size_t i = 0; i < kVmos; ++i) NewVmo(i);
  }

  struct ModelSpace {
    std::unique_ptr<Space> real;
    std::vector<ModelPage> pages;
    std::vector<ModelRegion> regions;
  };

  uint64_t Pick(uint64_t n) { return NextRandom(random_) % n; }
  Protection PickProtection() {
    static constexpr Protection kAll[] = {kNone, kR, kRW, kRW, kRW, kRX, Protection::All()};
    return kAll[Pick(std::size(kAll))];
  }
  ModelSpace& PickSpace() { return spaces_[Pick(kSpaces)]; }
  ModelRegion& PickRegion(ModelSpace& s) {
    // Mostly one that lives.
    for (int i = 0; i < 4; ++i) {
      ModelRegion& r = s.regions[Pick(s.regions.size())];
      if (r.alive) return r;
    }
    return s.regions[Pick(s.regions.size())];
  }
  static int IndexOf(ModelSpace& s, const ModelRegion& r) { return static_cast<int>(&r - s.regions.data()); }

  uint64_t Used() {
    uint64_t n = 0;
    for (auto& v : all_) n += v->CommittedIn(0, v->pages());
    return n;
  }
  uint64_t Left() { return frames_.stats().total.value() - Used(); }

  // Compares what was done with what the model expects. Where a failure was injected, running out is right too; then
  // nothing changed.
  bool Agree(const absl::Status& got, StatusCode expected) {
    const bool injected = std::exchange(injected_, false);
    frames_.FailAfter(0);
    for (auto& s : spaces_) s.real->table.FailPrepareAfter(0);
    if (injected && got.code() == StatusCode::kResourceExhausted) return false;
    REQUIRE(got.code() == expected);
    return got.ok();
  }
  void MaybeInject() {
    if (Pick(6) != 0) return;
    injected_ = true;
    if (Pick(2) != 0) {
      frames_.FailAfter(1 + Pick(3));
    } else {
      for (auto& s : spaces_) s.real->table.FailPrepareAfter(1 + Pick(2));
    }
  }

  void NewVmo(size_t slot) {
    auto vmo = std::make_shared<ModelVmo>();
    vmo->resizable = Pick(3) != 0;
    vmo->Resize((1 + Pick(kVmoPages)) * kPageSize);
    held_[slot] = *VmObject::Create(frames_, Pages(vmo->pages()), vmo->resizable);
    vmo->real = held_[slot];
    model_[slot] = vmo;
    all_.push_back(vmo);
  }

  // What an access to a page is answered with.
  StatusCode Answer(const ModelPage& p, Access access) {
    if (!p.vmo) return StatusCode::kNotFound;
    if (!Permits(p.protection, access)) return StatusCode::kPermissionDenied;
    if (p.page >= p.vmo->pages()) return StatusCode::kOutOfRange;
    if (access == Access::kWrite && !p.vmo->committed[p.page] && Left() == 0) return StatusCode::kResourceExhausted;
    return StatusCode::kOk;
  }

  void Check(bool thoroughly) {
    INFO("after " << what_);
    for (auto& s : spaces_) REQUIRE(s.real->Verify() == absl::OkStatus());
    all_.erase(std::remove_if(all_.begin(), all_.end(), [](const auto& v) { return v->real.expired(); }), all_.end());
    std::vector<std::shared_ptr<VmObject>> real;
    for (const auto& v : all_) {
      real.push_back(v->real.lock());
      REQUIRE(real.back()->size() == Pages(v->pages()));
      REQUIRE(real.back()->committed_pages().value() == v->CommittedIn(0, v->pages()));
    }
    REQUIRE(VerifyFrames(frames_, real) == absl::OkStatus());
    CheckTree();
    if (!thoroughly) return;
    for (const auto& v : all_) {
      if (v->bytes() == 0) continue;
      std::vector<std::byte> bytes(v->bytes());
      REQUIRE(v->real.lock()->Read(ByteSize(0), absl::MakeSpan(bytes)).ok());
      REQUIRE(std::memcmp(bytes.data(), v->content.data(), v->bytes()) == 0);
    }
    for (auto& s : spaces_) {
      for (uint64_t p = 0; p < kSpacePages; ++p) {
        const uint64_t in_page = Pick(kPageSize);
        const ModelPage& m = s.pages[p];
        const bool readable = Answer(m, Access::kRead) == StatusCode::kOk;
        REQUIRE(s.real->Peek(At(p) + ByteSize(in_page)) ==
                (readable ? m.vmo->content[m.page * kPageSize + in_page] : -1));
      }
    }
  }

  // The tree shows the mappings and regions that the model has, and no others.
  void CheckTree() {
    for (auto& s : spaces_) {
      size_t regions = 0, pages = 0;
      for (const RegionInfo& info : s.real->space->Regions()) {
        const uint64_t first = PageCount::Of(info.range.base - kBase).value();
        const uint64_t n = PageCount::Of(info.range.size).value();
        if (!info.is_mapping) {
          ++regions;
          continue;
        }
        uint64_t committed = 0;
        for (uint64_t i = 0; i < n; ++i) {
          const ModelPage& m = s.pages[first + i];
          ++pages;
          if (!m.vmo || m.vmo->real.lock() != info.vmo || Pages(m.page) != info.vmo_offset + Pages(i) ||
              m.protection != info.protection || m.max != info.max_protection) {
            FAIL("the tree has a mapping that the model hasn't: page " << first + i);
          }
          if (m.page < m.vmo->pages() && m.vmo->committed[m.page]) ++committed;
        }
        REQUIRE(info.committed == PageCount(committed));
      }
      REQUIRE(pages == static_cast<size_t>(std::count_if(s.pages.begin(), s.pages.end(),
                                                         [](const ModelPage& m) { return m.vmo != nullptr; })));
      size_t alive = 0;
      for (const ModelRegion& r : s.regions) {
        REQUIRE(r.real->alive() == r.alive);
        if (r.alive) ++alive;
      }
      REQUIRE(regions == alive);
      // Those that are dead need not be tried for ever.
      if (s.regions.size() > 64) Compact(s);
    }
  }

  void Compact(ModelSpace& s) {
    std::vector<int> place(s.regions.size(), -1);
    std::vector<ModelRegion> kept;
    for (size_t i = 0; i < s.regions.size(); ++i) {
      if (!s.regions[i].alive) continue;
      place[i] = static_cast<int>(kept.size());
      kept.push_back(s.regions[i]);
      if (kept.back().parent >= 0) kept.back().parent = place[static_cast<size_t>(kept.back().parent)];
    }
    for (ModelPage& p : s.pages) {
      if (p.vmo) p.region = place[static_cast<size_t>(p.region)];
    }
    s.regions = std::move(kept);
  }

  uint64_t random_;
  HeapPhysicalMemory memory_;
  FrameAllocator frames_;
  ModelSpace spaces_[kSpaces];
  std::shared_ptr<VmObject> held_[kVmos];
  std::shared_ptr<ModelVmo> model_[kVmos];
  std::vector<std::shared_ptr<ModelVmo>> all_;  // that live, held or mapped
  bool injected_ = false;
  int step_ = 0;
  std::string what_;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_TEST_MM_PAGE_MODEL_H_
