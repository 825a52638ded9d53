// Operations on VMARs and their mappings, at random, each done to a PageModel too.
#ifndef ZIRCONIA_TEST_MM_REGION_OPERATIONS_H_
#define ZIRCONIA_TEST_MM_REGION_OPERATIONS_H_

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "test/mm/page_model.h"

namespace zirconia::mm {

class RegionOperations : public PageModel {
 protected:
  using PageModel::PageModel;

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
    static constexpr Op kOps[] = {Op::kCommit, Op::kDecommit, Op::kMapRange};
    const Op op = kOps[Pick(3)];
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
      if (op == Op::kDecommit) s.pages[p].vmo->Decommit(s.pages[p].page);
    }
  }
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_TEST_MM_REGION_OPERATIONS_H_
