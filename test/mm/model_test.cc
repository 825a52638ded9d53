// Random operations on several VMOs, two address spaces and nested VMARs, against a model that knows nothing but pages:
// what is in each page of each VMO, and which page of which VMO stands at each page of each address space.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mm/random.h"
#include "test/mm/fixture.h"

namespace zirconia::mm {
namespace {

using absl::StatusCode;

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

class Model {
 public:
  explicit Model(uint64_t seed)
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

  void Run(int steps) {
    for (step_ = 0; step_ < steps; ++step_) {
      Step();
      Check(step_ % 16 == 0);
    }
    for (auto& s : spaces_) s.real->space->Destroy();
    for (auto& s : spaces_) {
      for (ModelPage& p : s.pages) p = {};
      for (ModelRegion& r : s.regions) r.alive = false;
    }
    Check(true);
    for (auto& v : held_) v.reset();
    REQUIRE(frames_.stats().used == PageCount(0));
    REQUIRE(frames_.Verify() == absl::OkStatus());
  }

 private:
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

  void Step() {
    static constexpr void (Model::*kSteps[])() = {
        &Model::MapSpecific, &Model::MapSpecific, &Model::MapSpecific, &Model::MapFree, &Model::MapFree,  &Model::Unmap,
        &Model::Protect,     &Model::Protect,     &Model::Store,       &Model::Store,   &Model::Store,    &Model::Load,
        &Model::Load,        &Model::Pin,         &Model::OpRange,     &Model::Commit,  &Model::Decommit, &Model::Zero,
        &Model::Resize,      &Model::Write,       &Model::Read,        &Model::Cache,   &Model::Rarely};
    const size_t which = Pick(std::size(kSteps));
    what_ = absl::StrCat("step ", step_, ", kind ", which);
    INFO(what_);
    MaybeInject();
    (this->*kSteps[which])();
    injected_ = false;
    frames_.FailAfter(0);
    for (auto& s : spaces_) s.real->table.FailPrepareAfter(0);
  }

  void Rarely() {
    switch (Pick(4)) {
      case 0:
        return Destroy();
      case 1:
        return Allocate();
      case 2:
        return NewVmo(Pick(kVmos));
      default:
        frames_.Trim();
    }
  }

  void Place(ModelSpace& s, int region, uint64_t first, uint64_t n, size_t vmo, uint64_t page, Protection p,
             Protection max) {
    for (uint64_t i = 0; i < n; ++i) s.pages[first + i] = {model_[vmo], page + i, p, max, region};
  }

  void MapSpecific() {
    ModelSpace& s = PickSpace();
    ModelRegion& r = PickRegion(s);
    const size_t vmo = Pick(kVmos);
    const uint64_t offset = Pick(r.count + 2), n = 1 + Pick(12), page = Pick(kVmoPages);
    const bool replacing = Pick(2) != 0;
    auto request = MapAt(offset, held_[vmo], page, n, PickProtection());
    request.max_protection = Pick(4) != 0 ? Protection::All() : PickProtection();
    request.populate = !replacing && Pick(4) == 0;
    if (replacing) request = Replacing(request);
    const Protection max = request.max_protection.Intersect(r.can_map);

    StatusCode expected = StatusCode::kOk;
    const uint64_t first = r.first + offset, end = first + n;
    if (!r.alive) {
      expected = StatusCode::kFailedPrecondition;
    } else if (!max.Covers(request.protection) || !r.specific) {
      expected = StatusCode::kPermissionDenied;
    } else if (end > r.end()) {
      expected = StatusCode::kInvalidArgument;
    } else {
      for (const ModelRegion& child : s.regions) {
        if (!child.alive || child.parent != IndexOf(s, r) || !child.Overlaps(first, end)) continue;
        expected = replacing ? StatusCode::kInvalidArgument : StatusCode::kResourceExhausted;
      }
      for (uint64_t p = first; p < end && expected == StatusCode::kOk && !replacing; ++p) {
        if (s.pages[p].vmo) expected = StatusCode::kResourceExhausted;
      }
    }
    const auto base = r.real->Map(request);
    if (!Agree(base.status(), expected)) return;
    REQUIRE(*base == At(first));
    Place(s, IndexOf(s, r), first, n, vmo, page, request.protection, max);
  }

  // Whether `n` pages from `first` on are free for a child of region `r`.
  bool IsFree(ModelSpace& s, const ModelRegion& r, uint64_t first, uint64_t n) {
    if (first < r.first || first + n > r.end()) return false;
    for (const ModelRegion& child : s.regions) {
      if (child.alive && child.parent == IndexOf(s, r) && child.Overlaps(first, first + n)) return false;
    }
    for (uint64_t p = first; p < first + n; ++p) {
      if (s.pages[p].vmo) return false;
    }
    return true;
  }

  // Where something of `n` pages may go; nothing where nothing fits.
  std::vector<uint64_t> Candidates(ModelSpace& s, const ModelRegion& r, const Placement& placement, uint64_t n) {
    std::vector<uint64_t> all;
    for (uint64_t p = r.first; p + n <= r.end(); ++p) {
      if (placement.kind == Placement::Kind::kBelow && Pages(p + n - r.first) > placement.offset) continue;
      if (At(p).value() % (uint64_t{1} << placement.align_log2) != 0) continue;
      if (IsFree(s, r, p, n)) all.push_back(p);
    }
    return all;
  }

  Placement PickFreePlacement(const ModelRegion& r) {
    Placement placement;
    placement.compact = Pick(3) == 0;
    placement.align_log2 = Pick(2) != 0 ? 12 : 12 + static_cast<unsigned>(Pick(4));
    if (Pick(3) == 0) {
      placement.kind = Placement::Kind::kBelow;
      placement.offset = Pages(Pick(r.count + 1));
    }
    return placement;
  }

  void MapFree() {
    ModelSpace& s = PickSpace();
    ModelRegion& r = PickRegion(s);
    const size_t vmo = Pick(kVmos);
    const uint64_t n = 1 + Pick(8), page = Pick(kVmoPages);
    auto request = MapAt(0, held_[vmo], page, n, PickProtection());
    request.placement = PickFreePlacement(r);
    StatusCode expected = StatusCode::kOk;
    std::vector<uint64_t> candidates;
    if (!r.alive) {
      expected = StatusCode::kFailedPrecondition;
    } else if (!r.can_map.Covers(request.protection)) {
      expected = StatusCode::kPermissionDenied;
    } else if (n > r.count) {
      expected = StatusCode::kInvalidArgument;
    } else {
      candidates = Candidates(s, r, request.placement, n);
      if (candidates.empty()) expected = StatusCode::kResourceExhausted;
    }
    const auto base = r.real->Map(request);
    if (!Agree(base.status(), expected)) return;
    const uint64_t first = PageCount::Of(*base - kBase).value();
    REQUIRE(std::find(candidates.begin(), candidates.end(), first) != candidates.end());
    Place(s, IndexOf(s, r), first, n, vmo, page, request.protection, r.can_map);
  }

  void Allocate() {
    ModelSpace& s = PickSpace();
    const int parent = IndexOf(s, PickRegion(s));
    const ModelRegion r = s.regions[static_cast<size_t>(parent)];
    VmAddressRegion::AllocateRequest request = RegionAt(Pick(r.count), 1 + Pick(24));
    request.caps = {Pick(3) != 0 ? Protection::All() : kRW, Pick(4) != 0};
    const uint64_t n = PageCount::Of(request.size).value();
    const bool specific = Pick(2) != 0;
    if (!specific) request.placement = PickFreePlacement(r);
    StatusCode expected = StatusCode::kOk;
    std::vector<uint64_t> candidates;
    if (!r.alive) {
      expected = StatusCode::kFailedPrecondition;
    } else if (!r.can_map.Covers(request.caps.can_map) || (specific && !r.specific)) {
      expected = StatusCode::kPermissionDenied;
    } else if (n > r.count || (specific && PageCount::Of(request.placement.offset).value() + n > r.count)) {
      expected = StatusCode::kInvalidArgument;
    } else if (specific) {
      candidates.push_back(r.first + PageCount::Of(request.placement.offset).value());
      if (!IsFree(s, s.regions[static_cast<size_t>(parent)], candidates[0], n)) {
        expected = StatusCode::kResourceExhausted;
      }
    } else {
      candidates = Candidates(s, s.regions[static_cast<size_t>(parent)], request.placement, n);
      if (candidates.empty()) expected = StatusCode::kResourceExhausted;
    }
    const auto child = r.real->Allocate(request);
    if (!Agree(child.status(), expected)) return;
    const uint64_t first = PageCount::Of((*child)->range().base - kBase).value();
    REQUIRE(std::find(candidates.begin(), candidates.end(), first) != candidates.end());
    REQUIRE((*child)->range().size == request.size);
    s.regions.push_back({first, n, parent, true, request.caps.can_map, request.caps.can_map_specific, *child});
  }

  // Takes all mappings in [first, end) away, and the regions that lie in it.
  void Vacate(ModelSpace& s, uint64_t first, uint64_t end) {
    for (uint64_t p = first; p < end; ++p) s.pages[p] = {};
  }
  bool Below(ModelSpace& s, size_t region, int ancestor) {
    for (int r = s.regions[region].parent; r >= 0; r = s.regions[static_cast<size_t>(r)].parent) {
      if (r == ancestor) return true;
    }
    return false;
  }

  void Unmap() {
    ModelSpace& s = PickSpace();
    ModelRegion& r = PickRegion(s);
    const uint64_t first = r.first + Pick(r.count), n = 1 + Pick(16), end = first + n;
    StatusCode expected = StatusCode::kOk;
    if (!r.alive) {
      expected = StatusCode::kFailedPrecondition;
    } else if (end > r.end()) {
      expected = StatusCode::kInvalidArgument;
    } else {
      for (const ModelRegion& child : s.regions) {
        if (child.alive && child.parent == IndexOf(s, r) && child.Overlaps(first, end) &&
            (child.first < first || child.end() > end)) {
          expected = StatusCode::kInvalidArgument;
        }
      }
    }
    if (!Agree(r.real->Unmap(AtPages(first, n)), expected)) return;
    for (size_t i = 0; i < s.regions.size(); ++i) {
      ModelRegion& other = s.regions[i];
      if (other.alive && Below(s, i, IndexOf(s, r)) && other.first >= first && other.end() <= end) other.alive = false;
    }
    Vacate(s, first, end);
  }

  void Destroy() {
    ModelSpace& s = PickSpace();
    ModelRegion& r = PickRegion(s);
    if (r.parent < 0) return;
    if (!Agree(r.real->Destroy(), r.alive ? StatusCode::kOk : StatusCode::kFailedPrecondition)) return;
    Vacate(s, r.first, r.end());
    for (size_t i = 0; i < s.regions.size(); ++i) {
      if (Below(s, i, IndexOf(s, r))) s.regions[i].alive = false;
    }
    r.alive = false;
  }

  void Protect() {
    ModelSpace& s = PickSpace();
    ModelRegion& r = PickRegion(s);
    const uint64_t first = r.first + Pick(r.count), n = 1 + Pick(6), end = first + n;
    const Protection protection = PickProtection();
    StatusCode expected = StatusCode::kOk;
    if (!r.alive) {
      expected = StatusCode::kFailedPrecondition;
    } else if (end > r.end()) {
      expected = StatusCode::kInvalidArgument;
    } else {
      for (uint64_t p = first; p < end && expected == StatusCode::kOk; ++p) {
        for (const ModelRegion& child : s.regions) {
          if (child.alive && child.parent == IndexOf(s, r) && child.Overlaps(p, p + 1)) {
            expected = StatusCode::kInvalidArgument;
          }
        }
        if (expected != StatusCode::kOk) break;
        if (!s.pages[p].vmo) {
          expected = StatusCode::kNotFound;
        } else if (!s.pages[p].max.Covers(protection)) {
          expected = StatusCode::kPermissionDenied;
        }
      }
    }
    if (!Agree(r.real->Protect(AtPages(first, n), protection), expected)) return;
    for (uint64_t p = first; p < end; ++p) s.pages[p].protection = protection;
  }

  void OpRange() {
    using Op = VmAddressRegion::RangeOp;
    ModelSpace& s = PickSpace();
    ModelRegion& r = PickRegion(s);
    const uint64_t first = r.first + Pick(r.count), n = 1 + Pick(6), end = first + n;
    static constexpr Op kOps[] = {Op::kCommit, Op::kDecommit, Op::kMapRange, Op::kZero};
    const Op op = kOps[Pick(4)];
    StatusCode expected = StatusCode::kOk;
    std::vector<std::pair<ModelVmo*, uint64_t>> missing;
    if (!r.alive) {
      expected = StatusCode::kFailedPrecondition;
    } else if (end > r.end()) {
      expected = StatusCode::kOutOfRange;
    } else {
      for (uint64_t p = first; p < end && expected == StatusCode::kOk; ++p) {
        if (!s.pages[p].vmo) {
          expected = StatusCode::kFailedPrecondition;
        } else if (op != Op::kMapRange && !s.pages[p].protection.write()) {
          expected = StatusCode::kPermissionDenied;
        }
      }
      if (expected == StatusCode::kOk && op != Op::kMapRange) {
        for (uint64_t p = first; p < end; ++p) {
          ModelVmo* vmo = s.pages[p].vmo.get();
          if (s.pages[p].page >= vmo->pages()) {
            expected = StatusCode::kOutOfRange;
          } else if (!vmo->committed[s.pages[p].page]) {
            missing.emplace_back(vmo, s.pages[p].page);
          }
        }
        std::sort(missing.begin(), missing.end());
        missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
        if (expected == StatusCode::kOk && op == Op::kCommit && missing.size() > Left()) {
          expected = StatusCode::kResourceExhausted;
        }
      }
    }
    if (!Agree(r.real->OpRange(op, AtPages(first, n)), expected)) return;
    for (uint64_t p = first; p < end; ++p) {
      if (op == Op::kCommit) s.pages[p].vmo->committed[s.pages[p].page] = true;
      if (op == Op::kDecommit || op == Op::kZero) s.pages[p].vmo->Decommit(s.pages[p].page);
    }
  }

  void Store() {
    ModelSpace& s = PickSpace();
    const uint64_t page = Pick(kSpacePages), in_page = Pick(kPageSize);
    const std::vector<uint8_t> bytes(1 + Pick(kPageSize - in_page), static_cast<uint8_t>(Pick(256)));
    ModelPage& p = s.pages[page];
    if (!Agree(s.real->Store(At(page) + ByteSize(in_page), bytes), Answer(p, Access::kWrite))) return;
    p.vmo->committed[p.page] = true;
    std::copy(bytes.begin(), bytes.end(), p.vmo->content.begin() + static_cast<long>(p.page * kPageSize + in_page));
  }

  void Load() {
    ModelSpace& s = PickSpace();
    const uint64_t page = Pick(kSpacePages), in_page = Pick(kPageSize);
    const ModelPage& p = s.pages[page];
    const auto bytes = s.real->Load(At(page) + ByteSize(in_page), 1 + Pick(kPageSize - in_page));
    if (!Agree(bytes.status(), Answer(p, Access::kRead))) return;
    REQUIRE(std::equal(bytes->begin(), bytes->end(),
                       p.vmo->content.begin() + static_cast<long>(p.page * kPageSize + in_page)));
  }

  void Pin() {
    ModelSpace& s = PickSpace();
    const uint64_t at = Pick(kSpacePages * kPageSize), length = 1 + Pick(4 * kPageSize);
    const ModelPage& p = s.pages[at / kPageSize];
    const Access access = Pick(2) != 0 ? Access::kWrite : Access::kRead;
    const bool ignoring = Pick(3) == 0;
    StatusCode expected = Answer(p, access);
    if (ignoring && p.vmo) {
      ModelPage allowed = p;
      allowed.protection = Protection::All();
      expected = Answer(allowed, access);
    }
    const auto piece = ignoring ? s.real->space->PinIgnoringProtection(kBase + ByteSize(at), ByteSize(length), access)
                                : s.real->space->Pin(kBase + ByteSize(at), ByteSize(length), access);
    if (!Agree(piece.status(), expected)) return;
    const uint64_t n = piece->size.value();
    REQUIRE((n >= 1 && n <= length));
    const uint8_t value = static_cast<uint8_t>(Pick(256));
    for (uint64_t i = 0; i < n; ++i) {
      const ModelPage& q = s.pages[(at + i) / kPageSize];
      const uint64_t in = q.page * kPageSize + (at + i) % kPageSize;
      if (q.vmo != p.vmo || q.region != p.region || in >= q.vmo->bytes()) FAIL("a piece passes its mapping or VMO");
      const auto was = piece->data == nullptr ? std::byte{0} : piece->data[i];
      if (was != std::byte{q.vmo->content[in]}) FAIL("a pinned byte is wrong");
      if (access != Access::kWrite) continue;
      q.vmo->committed[q.page] = true;
      q.vmo->content[in] = value;
    }
    if (access == Access::kWrite) std::memset(piece->data, value, n);
  }

  // Makes the table forget, or the host take back, what it has.
  void Cache() {
    Space& s = *PickSpace().real;
    const VirtRange range = AtPages(Pick(kSpacePages), 1 + Pick(8)).Intersect(s.table.range());
    if (range.empty()) return;
    if (Pick(2) != 0) {
      s.table.Evict(range);
    } else {
      s.table.Forget(range);
    }
  }

  struct PickedRange {
    size_t vmo;
    uint64_t offset, length;
    bool inside;
  };
  PickedRange PickRange(bool aligned) {
    PickedRange r{Pick(kVmos), Pick(kVmoPages * kPageSize), Pick(5 * kPageSize), true};
    if (aligned) {
      r.offset &= ~(kPageSize - 1);
      r.length &= ~(kPageSize - 1);
    }
    r.inside = r.offset + r.length <= model_[r.vmo]->bytes();
    return r;
  }
  static uint64_t EndPage(const PickedRange& r) { return (r.offset + r.length + kPageSize - 1) / kPageSize; }

  void Commit() {
    const PickedRange r = PickRange(false);
    ModelVmo& vmo = *model_[r.vmo];
    StatusCode expected = r.inside ? StatusCode::kOk : StatusCode::kOutOfRange;
    const uint64_t first = r.offset / kPageSize, end = r.length == 0 ? first : EndPage(r);
    if (r.inside && end - first - vmo.CommittedIn(first, end) > Left()) expected = StatusCode::kResourceExhausted;
    if (!Agree(held_[r.vmo]->Commit(ByteSize(r.offset), ByteSize(r.length)), expected)) return;
    for (uint64_t p = first; p < end; ++p) vmo.committed[p] = true;
  }

  void Decommit() {
    const PickedRange r = PickRange(Pick(8) != 0);
    const StatusCode expected = (r.offset | r.length) % kPageSize != 0 ? StatusCode::kInvalidArgument
                                : r.inside                             ? StatusCode::kOk
                                                                       : StatusCode::kOutOfRange;
    if (!Agree(held_[r.vmo]->Decommit(ByteSize(r.offset), ByteSize(r.length)), expected)) return;
    for (uint64_t p = r.offset / kPageSize; p < EndPage(r); ++p) model_[r.vmo]->Decommit(p);
  }

  void Zero() {
    const PickedRange r = PickRange(false);
    ModelVmo& vmo = *model_[r.vmo];
    if (!Agree(held_[r.vmo]->Zero(ByteSize(r.offset), ByteSize(r.length)),
               r.inside ? StatusCode::kOk : StatusCode::kOutOfRange)) {
      return;
    }
    std::fill_n(vmo.content.begin() + static_cast<long>(r.offset), r.length, uint8_t{0});
    for (uint64_t p = (r.offset + kPageSize - 1) / kPageSize; p < (r.offset + r.length) / kPageSize; ++p) {
      vmo.Decommit(p);
    }
  }

  void Resize() {
    const size_t vmo = Pick(kVmos);
    const uint64_t size = Pick(kVmoPages * kPageSize);
    if (!Agree(held_[vmo]->Resize(ByteSize(size)),
               model_[vmo]->resizable ? StatusCode::kOk : StatusCode::kUnavailable)) {
      return;
    }
    model_[vmo]->Resize(size);
  }

  void Write() {
    const PickedRange r = PickRange(false);
    ModelVmo& vmo = *model_[r.vmo];
    const uint8_t value = static_cast<uint8_t>(Pick(256));
    StatusCode expected = r.inside ? StatusCode::kOk : StatusCode::kOutOfRange;
    const uint64_t first = r.offset / kPageSize, end = r.length == 0 ? first : EndPage(r);
    if (r.inside && end - first - vmo.CommittedIn(first, end) > Left()) expected = StatusCode::kResourceExhausted;
    if (!Agree(held_[r.vmo]->Write(ByteSize(r.offset), Bytes(r.length, value)), expected)) return;
    for (uint64_t p = first; p < end; ++p) vmo.committed[p] = true;
    std::fill_n(vmo.content.begin() + static_cast<long>(r.offset), r.length, value);
  }

  void Read() {
    const PickedRange r = PickRange(false);
    std::vector<std::byte> bytes(r.length);
    if (!Agree(held_[r.vmo]->Read(ByteSize(r.offset), absl::MakeSpan(bytes)),
               r.inside ? StatusCode::kOk : StatusCode::kOutOfRange)) {
      return;
    }
    if (r.length == 0) return;
    REQUIRE(std::memcmp(bytes.data(), &model_[r.vmo]->content[r.offset], r.length) == 0);
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

// ZIRCONIA_TEST_SEED and ZIRCONIA_TEST_STEPS repeat or lengthen a run.
uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 0);
}

TEST_CASE("Random operations on VMOs, VMARs and two address spaces do what a plain map of pages does") {
  const uint64_t given = FromEnvironment("ZIRCONIA_TEST_SEED", 0);
  const uint64_t first = given != 0 ? given : 1, last = given != 0 ? given : 12;
  for (uint64_t seed = first; seed <= last; ++seed) {
    INFO("ZIRCONIA_TEST_SEED=" << seed);
    Model model(seed);
    model.Run(static_cast<int>(FromEnvironment("ZIRCONIA_TEST_STEPS", 2000)));
  }
}

}  // namespace
}  // namespace zirconia::mm
