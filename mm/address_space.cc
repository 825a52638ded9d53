#include "mm/address_space.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "mm/vm_address_region.h"
#include "mm/vm_mapping.h"
#include "mm/vmo_locks.h"

namespace zirconia::mm {
namespace {

// Cuts a length at the end of the mapping, and at that of its VMO, whose lock is held. OUT_OF_RANGE: it begins beyond.
absl::Status Clip(const VmMapping& mapping, VirtAddr address, ByteSize& length) {
  // In pages: a mapping may lie so far beyond the end that bytes can't count it.
  if (mapping.PageAt(address) >= mapping.vmo->end()) return absl::OutOfRangeError("beyond the end of the VMO");
  length = std::min({length, mapping.range.end() - address, mapping.vmo->end().offset() - mapping.OffsetOf(address)});
  return absl::OkStatus();
}

VirtRange PageOf(VirtAddr address) { return {address.RoundDownToPage(), ByteSize(kPageSize)}; }

}  // namespace

AddressSpace::AddressSpace(VirtRange range, PageTable& table, Options options)
    : range_(range), table_(table), options_(options), random_(options.layout_seed) {}

std::shared_ptr<AddressSpace> AddressSpace::Create(VirtRange range, PageTable& table, Options options) {
  std::shared_ptr<AddressSpace> space(new AddressSpace(range, table, options));
  absl::MutexLock lock(&space->mutex_);
  space->root_.reset(new VmAddressRegion(space, space->nodes_, nullptr, range,
                                         {Protection::All(), /*can_map_specific=*/true}, false, "root"));
  space->owners_.emplace(range.base, space->root_.get());
  return space;
}

AddressSpace::~AddressSpace() { Destroy(); }

void AddressSpace::Destroy() {
  Removed removed;
  absl::MutexLock lock(&mutex_);
  DestroyAll(removed);
}

void AddressSpace::DestroyAll(Removed& removed) {
  if (!root_->alive_) return;
  MappingList all = MappingsIn(range_);
  Kill(*root_, removed);
  Clear(range_, std::move(all), removed);
  owners_.clear();
}

VmMapping* AddressSpace::FindMapping(VirtAddr address) const {
  const auto next = owners_.upper_bound(address);
  if (next == owners_.begin()) return nullptr;
  const auto entry = std::prev(next)->second->tree_.Find(address);
  return entry ? entry->child.mapping() : nullptr;
}

VmMapping* AddressSpace::FindAccessed(VirtAddr address) {
  VmMapping* const before = accessed_.load(std::memory_order_relaxed);
  if (before != nullptr && before->range.Contains(address)) return before;
  VmMapping* const mapping = FindMapping(address);
  if (mapping != nullptr) accessed_.store(mapping, std::memory_order_relaxed);
  return mapping;
}

void AddressSpace::Delete(VmMapping* mapping) {
  if (accessed_.load(std::memory_order_relaxed) == mapping) accessed_.store(nullptr, std::memory_order_relaxed);
  mappings_.Delete(mapping);
}

void AddressSpace::ForEachMapping(VirtRange range, absl::FunctionRef<bool(VmMapping&)> visit) const {
  if (range.empty() || owners_.empty()) return;
  // No mapping reaches from one owner's addresses into those of another.
  for (auto owner = std::prev(owners_.upper_bound(range.base)); owner != owners_.end() && owner->first < range.end();) {
    const auto here = owner++;
    const VirtAddr end = owner == owners_.end() ? range.end() : std::min(owner->first, range.end());
    const VirtRange part = VirtRange::FromTo(std::max(here->first, range.base), end);
    if (!here->second->tree_.ForEach(part, [&](const auto& entry) { return visit(*entry.child.mapping()); })) return;
  }
}

AddressSpace::MappingList AddressSpace::MappingsIn(VirtRange range) const {
  MappingList all;
  ForEachMapping(range, [&](VmMapping& mapping) { return all.push_back(&mapping), true; });
  return all;
}

bool AddressSpace::AnyImmutable(const MappingList& mappings) {
  return std::any_of(mappings.begin(), mappings.end(), [](const VmMapping* mapping) { return mapping->immutable; });
}

void AddressSpace::Own(VmAddressRegion& region) {
  VmAddressRegion* const parent = std::prev(owners_.upper_bound(region.range_.base))->second;
  if (region.range_.end() < range_.end()) owners_.try_emplace(region.range_.end(), parent);
  owners_.insert_or_assign(region.range_.base, &region);
}

void AddressSpace::Disown(VirtRange range, VmAddressRegion& parent) {
  const auto next = owners_.erase(owners_.lower_bound(range.base), owners_.lower_bound(range.end()));
  if (next != owners_.end() && next->first == range.end() && next->second == &parent) owners_.erase(next);
  const auto here = owners_.lower_bound(range.base);
  if (here == owners_.begin() || std::prev(here)->second != &parent) owners_.emplace_hint(here, range.base, &parent);
}

VmMapping* AddressSpace::Split(VmMapping& mapping, VirtAddr address) {
  mapping.vmo->mutex().AssertHeld();
  mapping.vmo->RemoveMapping(mapping);
  VmMapping* const upper = mappings_.New(mapping);
  upper->first_page = mapping.PageAt(address);
  upper->range = VirtRange::FromTo(address, mapping.range.end());
  mapping.range.size = address - mapping.range.base;
  mapping.vmo->AddMapping(mapping);
  mapping.vmo->AddMapping(*upper);
  mapping.region->tree_.SetEnd(mapping.range.base, address);
  mapping.region->tree_.Insert(upper->range, RegionChild(upper));
  return upper;
}

void AddressSpace::JoinAround(VirtRange range) {
  VmMapping* low = range.base == range_.base ? nullptr : FindMapping(range.base - ByteSize(1));
  if (low == nullptr) low = FindMapping(range.base);
  while (low != nullptr && low->range.end() <= range.end()) {
    VmMapping* const high = FindMapping(low->range.end());
    if (high == nullptr) return;
    if (low->origin != high->origin || low->end_page() != high->first_page || low->protection != high->protection) {
      low = high;
      continue;
    }
    low->vmo->mutex().AssertHeld();
    low->vmo->RemoveMapping(*low);
    low->vmo->RemoveMapping(*high);
    low->range.size += high->range.size;
    low->may_show_frames |= high->may_show_frames;
    low->may_show_zeros |= high->may_show_zeros;
    low->vmo->AddMapping(*low);
    low->region->tree_.Erase(high->range.base);
    low->region->tree_.SetEnd(low->range.base, low->range.end());
    Delete(high);
  }
}

void AddressSpace::CutTo(VirtRange range, MappingList& mappings) {
  if (mappings.empty()) return;
  if (mappings.front()->range.base < range.base) mappings.front() = Split(*mappings.front(), range.base);
  if (mappings.back()->range.end() > range.end()) Split(*mappings.back(), range.end());
}

void AddressSpace::TakeMappings(VirtRange range, MappingList mappings, Removed& removed) {
  CutTo(range, mappings);
  for (VmMapping* mapping : mappings) {
    mapping->vmo->mutex().AssertHeld();
    mapping->vmo->RemoveMapping(*mapping);
    if (mapping->region->alive_) mapping->region->tree_.Erase(mapping->range.base);
    removed.vmos.push_back(mapping->vmo);
    Delete(mapping);
  }
}

void AddressSpace::Clear(VirtRange range, MappingList mappings, Removed& removed) {
  VmoLocks locks;
  for (const VmMapping* mapping : mappings) locks.Add(*mapping->vmo);
  locks.Lock();
  const bool shown =
      std::any_of(mappings.begin(), mappings.end(), [](const VmMapping* m) { return m->may_show_frames; });
  if (shown) {
    const PageTableEdit edit = PageTableEdit::Unmap(range);
    table_.Commit({&edit, 1});
  }
  TakeMappings(range, std::move(mappings), removed);
  for (const auto& region : removed.regions) region->tree_.Close();
}

void AddressSpace::Kill(VmAddressRegion& region, Removed& removed) {
  if (region.parent_ != nullptr) region.parent_->tree_.Erase(region.range_.base);
  size_t next = removed.regions.size();
  removed.regions.push_back(region.shared_from_this());
  for (; next < removed.regions.size(); ++next) {
    VmAddressRegion& dying = *removed.regions[next];
    dying.alive_ = false;
    dying.parent_ = nullptr;
    dying.self_.reset();
    dying.tree_.ForEach(dying.range_, [&](const RegionTree::Entry& entry) {
      if (VmAddressRegion* child = entry.child.region()) removed.regions.push_back(child->shared_from_this());
      return true;
    });
  }
}

void AddressSpace::AddMapEdits(const VmMapping& mapping, VirtRange range, Edits& edits) {
  if (mapping.protection.none()) return;
  mapping.vmo->mutex().AssertHeld();
  const PageIndex begin = mapping.PageAt(range.base);
  const PageIndex end = std::min(begin + PageCount::Of(range.size), mapping.vmo->end());
  if (begin >= end) return;
  mapping.pages.mutex().AssertHeld();
  mapping.pages.ForEachStretch(begin, end, [&](const VmPages::Stretch& stretch) {
    if (!stretch.has_frames()) return;
    edits.push_back(PageTableEdit::Map(mapping.RangeOf(stretch.first, stretch.end), stretch.frame,
                                       stretch.ShownAs(mapping.protection)));
  });
}

absl::Status AddressSpace::HandleFault(VirtAddr address, Access access, PageWait* wait) {
  FreedFrames freed;
  absl::ReaderMutexLock lock(&mutex_);
  VmMapping* const mapping = FindAccessed(address);
  if (mapping == nullptr) return absl::NotFoundError("");
  if (!Permits(mapping->protection, access)) return absl::PermissionDeniedError("");
  VmPages& pages = mapping->pages;
  absl::MutexLock pages_lock(&pages.mutex());
  const PageIndex page = mapping->PageAt(address);
  const PageIndex vmo_end = mapping->vmo->end();
  if (page >= vmo_end) return absl::OutOfRangeError("");
  if (absl::Status status = pages.CheckContent(); !status.ok()) return status;
  const VirtRange here = PageOf(address);

  if (absl::Status status = pages.Bring(page, page + PageCount(1), access, wait); !status.ok()) return status;
  const VmPages::Stretch stretch = pages.StretchAt(page);
  const bool committed = stretch.has_frames();
  const bool write = access == Access::kWrite;
  VmPages::NewPages made;
  PageTableEdit edit;
  if (write && stretch.write != VmPages::Stretch::Write::kInPlace) {
    // The page is committed, or copied, and shown alone; or it is shown for writing from now on.
    FrameNumber frame = stretch.FrameOf(page);
    if (stretch.write == VmPages::Stretch::Write::kCopy) {
      auto one = pages.MakeSome(stretch, page, PageCount(1));
      if (!one.ok()) return one.status();
      made = *std::move(one);
      frame = made.first().frames.first;
    }
    edit = PageTableEdit::Map(here, frame, mapping->protection);
  } else {
    const Protection protection = stretch.ShownAs(mapping->protection);
    PageIndex begin = page, end = page + PageCount(1);
    const auto shown = table_.Query(address);
    if (shown && shown->first_frame.has_value() == committed) {
      if (Permits(shown->protection, access)) return table_.Realize(here);
      // It was shared when it was shown, and isn't any more: so it is for all that was shown with it.
      begin = std::max(stretch.first, mapping->PageAt(std::max(shown->range.base, mapping->range.base)));
      end = std::min(stretch.end, mapping->PageAt(std::min(shown->range.end(), mapping->range.end())));
    } else {
      // All of the run, or of the stretch of zeros, but for what is shown already on either side.
      if (page > mapping->first_page && !table_.Query(here.base - ByteSize(1))) {
        begin = std::max(mapping->first_page, committed ? stretch.first : pages.ZerosBefore(page));
      }
      if (end < mapping->end_page() && !table_.Query(here.end())) {
        end = std::min({mapping->end_page(), vmo_end, stretch.end});
      }
    }
    const VirtRange range = mapping->RangeOf(begin, end);
    edit = committed ? PageTableEdit::Map(range, stretch.FrameOf(begin), protection)
                     : PageTableEdit::MapZero(range, protection);
  }
  auto reservation = table_.Prepare({&edit, 1});
  if (!reservation.ok()) return reservation.status();
  if (edit.kind == PageTableEdit::Kind::kMapZero) {
    pages.NoteZeros(*mapping);
  } else {
    pages.NoteShown(*mapping);
  }
  pages.Install(std::move(made), mapping, freed);
  if (write) pages.NoteWrite(page, page + PageCount(1));
  table_.Commit({&edit, 1}, *std::move(reservation), nullptr);
  return table_.Realize(here);
}

absl::StatusOr<PinnedBytes> AddressSpace::Pin(VirtAddr address, ByteSize length, Access access, PageWait* wait) {
  return PinIf(true, address, length, access, wait);
}

absl::StatusOr<PinnedBytes> AddressSpace::PinIgnoringProtection(VirtAddr address, ByteSize length, Access access,
                                                                PageWait* wait) {
  return PinIf(false, address, length, access, wait);
}

absl::StatusOr<PinnedBytes> AddressSpace::PinIf(bool check_protection, VirtAddr address, ByteSize length, Access access,
                                                PageWait* wait) {
  FreedFrames freed;
  absl::ReaderMutexLock lock(&mutex_);
  VmMapping* const mapping = FindAccessed(address);
  if (mapping == nullptr) return absl::NotFoundError("nothing is mapped there");
  if (check_protection && !Permits(mapping->protection, access)) {
    return absl::PermissionDeniedError("the mapping doesn't permit it");
  }
  if (!check_protection && !mapping->pages.cached()) return absl::FailedPreconditionError("it isn't cached");
  if (access == Access::kWrite && mapping->vmo->constant()) return absl::PermissionDeniedError("the VMO is constant");
  absl::MutexLock pages_lock(&mapping->pages.mutex());
  if (absl::Status status = Clip(*mapping, address, length); !status.ok()) return status;
  return mapping->pages.Pin(mapping->OffsetOf(address), length, access, freed, wait);
}

absl::StatusOr<ByteSize> AddressSpace::CopyPiece(VirtAddr address, ByteSize length, Access access, PageWait* wait,
                                                 absl::FunctionRef<void(std::byte*, size_t)> copy) {
  length = std::min(length, kMostCopied);
  if (length == ByteSize(0)) return length;
  FreedFrames freed;
  absl::ReaderMutexLock lock(&mutex_);
  VmMapping* const mapping = FindAccessed(address);
  if (mapping == nullptr) return absl::NotFoundError("nothing is mapped there");
  if (!Permits(mapping->protection, access)) return absl::PermissionDeniedError("the mapping doesn't permit it");
  VmPages& pages = mapping->pages;
  absl::MutexLock pages_lock(&pages.mutex());
  if (absl::Status status = Clip(*mapping, address, length); !status.ok()) return status;
  const auto piece = pages.PieceAt(mapping->OffsetOf(address), length, access, freed, wait);
  if (!piece.ok()) return piece.status();
  copy(piece->frames.empty() ? nullptr : pages.DataOf(*piece), piece->size.value());
  return piece->size;
}

absl::StatusOr<ByteSize> AddressSpace::CopyIn(VirtAddr address, absl::Span<std::byte> to, PageWait* wait) {
  return CopyPiece(address, ByteSize(to.size()), Access::kRead, wait, [&](std::byte* data, size_t n) {
    if (data != nullptr) {
      std::memmove(to.data(), data, n);
    } else {
      std::memset(to.data(), 0, n);
    }
  });
}

absl::StatusOr<ByteSize> AddressSpace::CopyOut(VirtAddr address, absl::Span<const std::byte> from, PageWait* wait) {
  return CopyPiece(address, ByteSize(from.size()), Access::kWrite, wait,
                   [&](std::byte* data, size_t n) { std::memmove(data, from.data(), n); });
}

ByteSize AddressSpace::Transfer(VmObject& vmo, ByteSize offset, VirtAddr address, ByteSize length, bool to_vmo) {
  length = std::min(length, kMostTransferred);
  FreedFrames freed;
  absl::ReaderMutexLock lock(&mutex_);
  VmMapping* const mapping = FindAccessed(address);
  if (mapping == nullptr || !Permits(mapping->protection, to_vmo ? Access::kRead : Access::kWrite)) return ByteSize(0);
  VmPages& source = to_vmo ? mapping->pages : vmo.pages();
  VmPages& target = to_vmo ? vmo.pages() : mapping->pages;
  const TwoLocks both(source.mutex(), target.mutex());
  source.mutex().AssertHeld();
  target.mutex().AssertHeld();
  if (offset >= vmo.size() || !Clip(*mapping, address, length).ok()) return ByteSize(0);
  length = std::min(length, vmo.size() - offset);
  const ByteSize in_vmo = vmo.first().offset() + offset, in_mapping = mapping->OffsetOf(address);
  ByteSize done(0);
  while (done < length) {
    // The target comes first: finding it may replace frames of the source, which may be the same pages.
    const auto to =
        target.PieceAt((to_vmo ? in_vmo : in_mapping) + done, length - done, Access::kWrite, freed, nullptr);
    if (!to.ok()) break;
    const auto from = source.PieceAt((to_vmo ? in_mapping : in_vmo) + done, to->size, Access::kRead, freed, nullptr);
    if (!from.ok()) break;
    const size_t n = std::min(to->size, from->size).value();
    if (from->frames.empty()) {
      std::memset(target.DataOf(*to), 0, n);
    } else {
      std::memmove(target.DataOf(*to), source.DataOf(*from), n);
    }
    done += ByteSize(n);
  }
  return done;
}

std::vector<VirtRange> AddressSpace::RangesOf(const VmObject& vmo) const {
  std::vector<VirtRange> ranges;
  absl::ReaderMutexLock lock(&mutex_);
  ForEachMapping(range_, [&](const VmMapping& mapping) {
    if (mapping.vmo.get() == &vmo) ranges.push_back(mapping.range);
    return true;
  });
  return ranges;
}

std::vector<RegionInfo> AddressSpace::Regions() const {
  std::vector<RegionInfo> all;
  absl::ReaderMutexLock lock(&mutex_);
  std::vector<const VmAddressRegion*> regions;
  if (root_->alive_) regions.push_back(root_.get());
  for (size_t i = 0; i < regions.size(); ++i) {
    RegionInfo info;
    info.depth = regions[i]->depth_;
    info.range = regions[i]->range_;
    info.name = regions[i]->name_;
    all.push_back(std::move(info));
    regions[i]->tree_.ForEach(regions[i]->range_, [&](const RegionTree::Entry& entry) {
      if (const VmAddressRegion* child = entry.child.region()) regions.push_back(child);
      return true;
    });
  }
  ForEachMapping(range_, [&](const VmMapping& mapping) {
    RegionInfo info;
    info.depth = mapping.region->depth_ + 1;
    info.range = mapping.range;
    info.is_mapping = true;
    info.protection = mapping.protection;
    info.max_protection = mapping.max_protection;
    info.vmo_offset = mapping.OffsetInVmo();
    info.vmo = mapping.vmo;
    info.name = mapping.vmo->name();
    absl::MutexLock vmo_lock(&mapping.vmo->mutex());
    info.committed = mapping.vmo->ChargedIn(mapping.first_page, mapping.end_page());
    all.push_back(std::move(info));
    return true;
  });
  std::sort(all.begin(), all.end(), [](const RegionInfo& a, const RegionInfo& b) {
    return a.range.base != b.range.base ? a.range.base < b.range.base : a.depth < b.depth;
  });
  return all;
}

}  // namespace zirconia::mm
