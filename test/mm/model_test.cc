// Random operations on several VMOs, two address spaces and nested VMARs, against a model of their pages.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "test/mm/region_operations.h"

namespace zirconia::mm {
namespace {

class Model : public RegionOperations {
 public:
  explicit Model(uint64_t seed) : RegionOperations(seed) {}

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
  void Step() {
    static constexpr void (Model::*kSteps[])() = {
        &Model::MapSpecific, &Model::MapSpecific, &Model::MapSpecific, &Model::MapFree, &Model::MapFree,
        &Model::Unmap,       &Model::Protect,     &Model::Protect,     &Model::Store,   &Model::Store,
        &Model::Store,       &Model::Load,        &Model::Load,        &Model::Pin,     &Model::OpRange,
        &Model::Commit,      &Model::Decommit,    &Model::Zero,        &Model::Resize,  &Model::Write,
        &Model::Read,        &Model::Cache,       &Model::Transfer,    &Model::Rarely};
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

  // (Between a VMO and a mapping of it bytes may overlap, which is another test's.)
  void Transfer() {
    ModelSpace& s = PickSpace();
    const bool to_vmo = Pick(2) != 0;
    const size_t which = Pick(kVmos);
    const uint64_t at = Pick(kSpacePages * kPageSize), length = 1 + Pick(6 * kPageSize);
    ModelVmo& vmo = *model_[which];
    const uint64_t offset = Pick(kVmoPages * kPageSize);
    const ModelPage& first = s.pages[at / kPageSize];
    if (first.vmo == model_[which]) return;
    const bool possible =
        offset < vmo.bytes() && Answer(first, to_vmo ? Access::kRead : Access::kWrite) == StatusCode::kOk;
    const uint64_t n =
        s.real->space->Transfer(*held_[which], ByteSize(offset), kBase + ByteSize(at), ByteSize(length), to_vmo)
            .value();
    REQUIRE(n <= length);
    if (n == 0) {
      REQUIRE((!possible || injected_ || Left() == 0));
      return;
    }
    REQUIRE((possible && offset + n <= vmo.bytes()));
    for (uint64_t i = 0; i < n; ++i) {
      const ModelPage& q = s.pages[(at + i) / kPageSize];
      const uint64_t in = q.page * kPageSize + (at + i) % kPageSize;
      if (q.vmo != first.vmo || q.region != first.region || in >= q.vmo->bytes()) FAIL("it passes its mapping or VMO");
      if (to_vmo) {
        vmo.content[offset + i] = q.vmo->content[in];
        vmo.committed[(offset + i) / kPageSize] = true;
      } else {
        q.vmo->content[in] = vmo.content[offset + i];
        q.vmo->committed[q.page] = true;
      }
    }
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
