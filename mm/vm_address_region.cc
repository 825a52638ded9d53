#include "mm/vm_address_region.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/container/inlined_vector.h"
#include "mm/pool.h"
#include "mm/vm_mapping.h"
#include "mm/vmo_locks.h"

namespace zirconia::mm {
namespace {

// The most runs that a replacement shows at once in place of what was shown before; more are left to faults.
constexpr size_t kMostSwapped = 64;

absl::Status Dead() { return absl::FailedPreconditionError("the VMAR is destroyed"); }
absl::Status Immutable() { return absl::PermissionDeniedError("an immutable mapping would change"); }

// A range from a guest, its size rounded up to pages; nullopt where it isn't aligned, is empty, or passes `within`.
std::optional<VirtRange> Check(VirtRange range, VirtRange within) {
  const auto size = range.size.RoundUpToPage();
  if (!range.base.IsPageAligned() || !size || *size == ByteSize(0)) return std::nullopt;
  range.size = *size;
  if (!range.IsValid() || !within.Contains(range)) return std::nullopt;
  return range;
}

bool IsSpecific(const Placement& placement) {
  return placement.kind == Placement::Kind::kAt || placement.kind == Placement::Kind::kAtReplacing;
}

}  // namespace

VmAddressRegion::VmAddressRegion(std::weak_ptr<AddressSpace> space, RegionTree::Nodes& nodes, VmAddressRegion* parent,
                                 VirtRange range, RegionCaps caps, bool compact, std::string name)
    : space_(std::move(space)),
      parent_(parent),
      range_(range),
      caps_(caps),
      compact_(compact),
      name_(std::move(name)),
      depth_(parent == nullptr ? 0 : parent->depth_ + 1),
      tree_(range, nodes) {}

absl::StatusOr<std::shared_ptr<VmAddressRegion>> VmAddressRegion::Allocate(const AllocateRequest& request) {
  const auto space = space_.lock();
  if (space == nullptr) return Dead();
  absl::MutexLock lock(&space->mutex_);
  if (!alive_) return Dead();
  if (request.size == ByteSize(0) || !request.size.IsPageAligned()) {
    return absl::InvalidArgumentError("the size isn't a multiple of the page size");
  }
  if (request.placement.kind == Placement::Kind::kAtReplacing) {
    return absl::InvalidArgumentError("a region doesn't replace anything");
  }
  if (!caps_.can_map.Covers(request.caps.can_map)) return absl::PermissionDeniedError("more than the parent may map");
  if (IsSpecific(request.placement) && !caps_.can_map_specific) {
    return absl::PermissionDeniedError("places can't be chosen in this region");
  }
  Placement placement = request.placement;
  placement.compact = compact_;
  auto base = Place(placement, request.size, space->random_state());
  if (!base.ok()) return base.status();
  const VirtRange range{*base, request.size};
  std::shared_ptr<VmAddressRegion> child(
      new VmAddressRegion(space, space->nodes_, this, range, request.caps, request.placement.compact, request.name));
  child->self_ = child;
  tree_.Insert(range, RegionChild(child.get()));
  space->Own(*child);
  return child;
}

absl::StatusOr<VirtAddr> VmAddressRegion::Map(const MapRequest& request) {
  const auto space = space_.lock();
  if (space == nullptr) return Dead();
  AddressSpace& in = *space;
  AddressSpace::Removed removed;
  absl::MutexLock lock(&in.mutex_);
  if (!alive_) return Dead();
  const auto size = request.size.RoundUpToPage();
  if (!size || *size == ByteSize(0)) return absl::InvalidArgumentError("empty, or too large");
  if (!request.vmo_offset.IsPageAligned()) return absl::InvalidArgumentError("the VMO offset isn't page-aligned");
  if (request.vmo_offset + *size < request.vmo_offset) return absl::OutOfRangeError("the VMO offset overflows");
  const Protection most = request.max_protection.Intersect(caps_.can_map);
  if (!most.Covers(request.protection)) return absl::PermissionDeniedError("more than may be mapped here");
  if (IsSpecific(request.placement) && !caps_.can_map_specific) {
    return absl::PermissionDeniedError("places can't be chosen in this region");
  }
  Placement placement = request.placement;
  placement.compact |= compact_;
  const auto base = Place(placement, *size, in.random_state());
  if (!base.ok()) return base.status();
  const VirtRange range{*base, *size};
  // Anything else was placed in a gap.
  AddressSpace::MappingList replaced;
  if (placement.kind == Placement::Kind::kAtReplacing) {
    replaced = in.MappingsIn(range);
    if (AddressSpace::AnyImmutable(replaced)) return Immutable();
    if (!tree_.ForEach(range, [](const RegionTree::Entry& entry) { return entry.child.region() == nullptr; })) {
      return absl::InvalidArgumentError("a sub-region stands there");
    }
  }

  VmMapping* const mapping = in.mappings_.New(&in, in.table_, request.vmo);
  absl::Cleanup unused = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { in.Delete(mapping); };
  mapping->region = this;
  mapping->range = range;
  mapping->first_page = request.vmo->first() + PageCount::Of(request.vmo_offset);
  mapping->protection = request.protection;
  mapping->max_protection = most;
  mapping->immutable = request.immutable;
  mapping->origin = in.next_origin_++;

  VmoLocks locks;
  locks.Add(*request.vmo);
  for (const VmMapping* old : replaced) locks.Add(*old->vmo);
  locks.Lock();
  request.vmo->mutex().AssertHeld();

  // What is shown at once: all that is committed, where that is wanted, or where something was shown before, so that
  // there is no time at which nothing is. Where it is the latter and can't be had, faults will do.
  const bool was_shown =
      std::any_of(replaced.begin(), replaced.end(), [](const VmMapping* old) { return old->may_show_frames; });
  const bool must_show = request.populate || in.options_.realize == AddressSpace::Realize::kOnMap;
  AddressSpace::Edits edits;
  PageTable::Reservation reservation;
  if (must_show || was_shown) AddressSpace::AddMapEdits(*mapping, range, edits);
  if (!must_show && edits.size() > kMostSwapped) edits.clear();
  if (!edits.empty()) {
    const size_t shown = edits.size();
    if (was_shown) {
      VirtAddr at = range.base;
      for (size_t i = 0; i < shown; ++i) {
        if (edits[i].range.base > at) edits.push_back(PageTableEdit::Unmap(VirtRange::FromTo(at, edits[i].range.base)));
        at = edits[i].range.end();
      }
      if (at < range.end()) edits.push_back(PageTableEdit::Unmap(VirtRange::FromTo(at, range.end())));
    }
    auto prepared = in.table_.Prepare(edits);
    if (prepared.ok()) {
      reservation = *std::move(prepared);
      mapping->may_show_frames = true;
    } else if (must_show) {
      return prepared.status();
    } else {
      edits.clear();
    }
  }
  if (edits.empty() && was_shown) edits.push_back(PageTableEdit::Unmap(range));

  in.TakeMappings(range, std::move(replaced), removed);
  request.vmo->AddMapping(*mapping);
  tree_.Insert(range, RegionChild(mapping));
  std::move(unused).Cancel();
  if (!edits.empty()) {
    in.table_.Commit(edits, std::move(reservation), nullptr);
    // Where the host refuses, touches will ask it again.
    if (must_show) in.table_.Realize(range).IgnoreError();
  }
  return range.base;
}

absl::Status VmAddressRegion::Unmap(VirtRange range) {
  const auto space = space_.lock();
  if (space == nullptr) return Dead();
  AddressSpace::Removed removed;
  absl::MutexLock lock(&space->mutex_);
  if (!alive_) return Dead();
  const auto checked = Check(range, range_);
  if (!checked) return absl::InvalidArgumentError("not a range of pages in this region");
  AddressSpace::MappingList mappings;
  absl::InlinedVector<VmAddressRegion*, 4> regions;
  tree_.ForEach(*checked, [&](const RegionTree::Entry& entry) {
    if (VmAddressRegion* region = entry.child.region()) {
      regions.push_back(region);
    } else {
      mappings.push_back(entry.child.mapping());
    }
    return true;
  });
  if (!regions.empty()) mappings = space->MappingsIn(*checked);
  if (AddressSpace::AnyImmutable(mappings)) return Immutable();
  for (const VmAddressRegion* region : regions) {
    if (!checked->Contains(region->range_)) return absl::InvalidArgumentError("a sub-region would be cut");
  }
  for (VmAddressRegion* region : regions) space->Kill(*region, removed);
  space->Clear(*checked, std::move(mappings), removed);
  for (const VmAddressRegion* region : regions) space->Disown(region->range_, *this);
  return absl::OkStatus();
}

absl::Status VmAddressRegion::Protect(VirtRange range, Protection protection) {
  const auto space = space_.lock();
  if (space == nullptr) return Dead();
  AddressSpace& in = *space;
  absl::MutexLock lock(&in.mutex_);
  if (!alive_) return Dead();
  const auto checked = Check(range, range_);
  if (!checked) return absl::InvalidArgumentError("not a range of pages in this region");
  range = *checked;

  VmoLocks locks;
  bool needs_more = false;
  VirtAddr at = range.base;
  absl::Status status;
  in.ForEachMapping(range, [&](VmMapping& mapping) {
    if (mapping.range.base > at) return false;
    if (mapping.region != this) {
      status = absl::InvalidArgumentError("a sub-region stands there");
    } else if (mapping.immutable) {
      status = Immutable();
    } else if (!mapping.max_protection.Covers(protection)) {
      status = absl::PermissionDeniedError("more than the mapping may have");
    }
    if (!status.ok()) return false;
    needs_more |= !mapping.protection.Covers(protection);
    locks.Add(*mapping.vmo);
    at = mapping.range.end();
    return true;
  });
  // What may never change is refused as such, also where it stands in a sub-region.
  if (!status.ok()) return AddressSpace::AnyImmutable(in.MappingsIn(range)) ? Immutable() : status;
  if (at < range.end()) {
    const auto there = tree_.Find(at);
    if (there && there->child.region() != nullptr) return absl::InvalidArgumentError("a sub-region stands there");
    return absl::NotFoundError("a part of the range isn't mapped");
  }
  locks.Lock();

  // One edit for all, but that pages which may be shared aren't made writable: faults will do that.
  AddressSpace::Edits edits;
  bool shown = false;
  in.ForEachMapping(range, [&](VmMapping& mapping) {
    shown |= mapping.may_show_frames;
    mapping.pages.mutex().AssertHeld();
    const Protection now = mapping.pages.MayShare() ? protection.WithoutWrite() : protection;
    if (!edits.empty() && edits.back().protection == now) {
      edits.back().range = VirtRange::FromTo(edits.back().range.base, mapping.range.Intersect(range).end());
    } else {
      edits.push_back(PageTableEdit::Protect(mapping.range.Intersect(range), now));
    }
    return true;
  });
  if (shown) {
    PageTable::Reservation reservation;
    if (needs_more) {
      auto prepared = in.table_.Prepare(edits);
      if (!prepared.ok()) return prepared.status();
      reservation = *std::move(prepared);
    }
    in.table_.Commit(edits, std::move(reservation), nullptr);
  }
  AddressSpace::MappingList mappings = in.MappingsIn(range);
  in.CutTo(range, mappings);
  for (VmMapping* mapping : mappings) mapping->protection = protection;
  in.JoinAround(range);
  return absl::OkStatus();
}

absl::Status VmAddressRegion::Destroy() {
  const auto space = space_.lock();
  if (space == nullptr) return Dead();
  AddressSpace::Removed removed;
  absl::MutexLock lock(&space->mutex_);
  if (!alive_) return Dead();
  AddressSpace::MappingList mappings = space->MappingsIn(range_);
  if (AddressSpace::AnyImmutable(mappings)) return Immutable();
  if (parent_ == nullptr) {
    space->DestroyAll(removed);
    return absl::OkStatus();
  }
  VmAddressRegion& parent = *parent_;
  space->Kill(*this, removed);
  space->Clear(range_, std::move(mappings), removed);
  space->Disown(range_, parent);
  return absl::OkStatus();
}

absl::Status VmAddressRegion::OpRange(RangeOp op, VirtRange range, PageWait* wait) {
  const auto space = space_.lock();
  if (space == nullptr) return Dead();
  AddressSpace& in = *space;
  FreedFrames freed;
  absl::MutexLock lock(&in.mutex_);
  if (!alive_) return Dead();
  const auto size = range.size.RoundUpToPage();
  if (!range.base.IsPageAligned() || !size || *size == ByteSize(0)) {
    return absl::InvalidArgumentError("empty, or not page-aligned");
  }
  const auto checked = Check(range, range_);
  if (!checked) return absl::OutOfRangeError("outside of this region");
  range = *checked;

  VmoLocks locks;
  VirtAddr at = range.base;
  absl::Status status;
  in.ForEachMapping(range, [&](VmMapping& mapping) {
    if (mapping.range.base > at) return false;
    if (op != RangeOp::kMapRange && op != RangeOp::kPrefetch && op != RangeOp::kHint && !mapping.protection.write()) {
      status = absl::PermissionDeniedError("the mapping isn't writable");
      return false;
    }
    locks.Add(*mapping.vmo);
    at = mapping.range.end();
    return true;
  });
  if (!status.ok()) return status;
  if (at < range.end()) return absl::FailedPreconditionError("a part of the range isn't mapped");
  if (op == RangeOp::kHint) return absl::OkStatus();
  locks.Lock();

  struct Part {
    VmMapping* mapping;
    VirtRange range;
    PageIndex begin, end;
  };
  PoolVector<Part> parts;
  in.ForEachMapping(range, [&](VmMapping& mapping) {
    const VirtRange part = mapping.range.Intersect(range);
    const PageIndex begin = mapping.PageAt(part.base);
    parts.push_back({&mapping, part, begin, begin + PageCount::Of(part.size)});
    return true;
  });

  if (op == RangeOp::kMapRange) {
    AddressSpace::Edits edits;
    for (const Part& part : parts) AddressSpace::AddMapEdits(*part.mapping, part.range, edits);
    if (edits.empty()) return absl::OkStatus();
    auto reservation = in.table_.Prepare(edits);
    if (!reservation.ok()) return reservation.status();
    for (const Part& part : parts) {
      part.mapping->pages.mutex().AssertHeld();
      part.mapping->pages.NoteShown(*part.mapping);
    }
    in.table_.Commit(edits, *std::move(reservation), nullptr);
    return in.table_.Realize(range);
  }

  for (const Part& part : parts) {
    if (part.end > part.mapping->vmo->end()) return absl::OutOfRangeError("beyond the end of the VMO");
    part.mapping->vmo->mutex().AssertHeld();
    part.mapping->pages.mutex().AssertHeld();
    if (op != RangeOp::kDecommit) {
      if (status = part.mapping->pages.CheckContent(); !status.ok()) return status;
      if (status = part.mapping->pages.Bring(part.begin, part.end, Access::kRead, wait); !status.ok()) return status;
      continue;
    }
    if (status = part.mapping->vmo->MayDecommit(part.begin, part.end); !status.ok()) return status;
  }
  // The same page may be mapped twice.
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
    return std::pair(&a.mapping->pages, a.begin) < std::pair(&b.mapping->pages, b.begin);
  });
  std::vector<Part> joined;
  for (const Part& part : parts) {
    if (!joined.empty() && &joined.back().mapping->pages == &part.mapping->pages && joined.back().end >= part.begin) {
      joined.back().end = std::max(joined.back().end, part.end);
    } else {
      joined.push_back(part);
    }
  }
  switch (op) {
    case RangeOp::kCommit: {
      std::vector<VmPages::NewPages> made;
      for (const Part& part : joined) {
        part.mapping->pages.mutex().AssertHeld();
        auto pages = part.mapping->pages.MakeAll(part.begin, part.end, /*fill=*/true);
        if (!pages.ok()) return pages.status();
        made.push_back(*std::move(pages));
      }
      for (size_t i = 0; i < joined.size(); ++i) {
        VmPages& pages = joined[i].mapping->pages;
        pages.mutex().AssertHeld();
        pages.Install(std::move(made[i]), nullptr, freed);
      }
      break;
    }
    case RangeOp::kDecommit:
      for (const Part& part : joined) {
        VmPages& pages = part.mapping->pages;
        pages.mutex().AssertHeld();
        pages.Decommit(part.begin, part.end, freed);
      }
      break;
    case RangeOp::kMapRange:
    case RangeOp::kPrefetch:
    case RangeOp::kHint:
      break;
  }
  return absl::OkStatus();
}

}  // namespace zirconia::mm
