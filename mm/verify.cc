#include "mm/verify.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

#include "absl/strings/str_format.h"
#include "mm/address_space.h"
#include "mm/vm_address_region.h"
#include "mm/vm_mapping.h"

namespace zirconia::mm {
namespace {

absl::Status Broken(VirtAddr address, const char* what) {
  return absl::InternalError(absl::StrFormat("%#x: %s", address.value(), what));
}

}  // namespace

absl::Status VerifyFrames(const FrameAllocator& frames, absl::Span<const std::shared_ptr<VmObject>> vmos) {
  if (absl::Status status = frames.Verify(); !status.ok()) return status;
  std::vector<FrameRun> all;
  for (const auto& vmo : vmos) {
    if (absl::Status status = vmo->Verify(); !status.ok()) return status;
    if (vmo->kind() == VmPages::Kind::kPhysical) continue;
    absl::MutexLock lock(&vmo->mutex());
    vmo->pages().mutex().AssertHeld();
    // Also those that a VMO shows which is closed.
    for (const VmPages* pages = &vmo->pages(); pages != nullptr; pages = pages->parent()) {
      pages->mutex().AssertHeld();
      pages->tree().ForEach(PageIndex(0), pages->end(), [&](const PageTree::Run& run) {
        all.push_back(run.pages.frames);
        return true;
      });
    }
  }
  // VMOs share frames within a family only, where VmObject::Verify has counted them.
  std::sort(all.begin(), all.end(), [](FrameRun a, FrameRun b) { return a.first < b.first; });
  PageCount total;
  FrameNumber at;
  for (const FrameRun run : all) {
    if (run.end() <= at) continue;
    total += run.end() - std::max(at, run.first);
    at = run.end();
  }
  if (total != frames.stats().used) {
    return absl::InternalError(
        absl::StrFormat("%d frames are used, but VMOs have %d", frames.stats().used.value(), total.value()));
  }
  return absl::OkStatus();
}

absl::Status AddressSpace::Verify() const {
  absl::ReaderMutexLock lock(&mutex_);
  if (root_->alive_) {
    if (absl::Status status = VerifyRegions(); !status.ok()) return status;
  }
  if (const VmMapping* const accessed = accessed_.load(std::memory_order_relaxed); accessed != nullptr) {
    bool is_mapped = false;
    ForEachMapping(range_, [&](const VmMapping& mapping) { return !(is_mapped = &mapping == accessed); });
    if (!is_mapped) return absl::InternalError("the mapping that was accessed last isn't mapped any more");
  }
  if (absl::Status status = table_.Verify(); !status.ok()) return status;
  for (const Translation& translation : table_.Snapshot()) {
    if (absl::Status status = VerifyTranslation(translation); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status AddressSpace::VerifyRegion(const VmAddressRegion& region) const {
  if (absl::Status status = region.tree_.Verify(); !status.ok()) return status;
  absl::Status status;
  region.tree_.ForEach(region.range_, [&](const RegionTree::Entry& entry) {
    if (const VmAddressRegion* child = entry.child.region()) {
      if (entry.range != child->range_ || child->parent_ != &region || !child->alive_ || child->self_.get() != child ||
          child->depth_ != region.depth_ + 1) {
        status = Broken(entry.range.base, "a sub-region isn't what its parent thinks it is");
      }
    } else {
      mutex_.AssertReaderHeld();
      const VmMapping& mapping = *entry.child.mapping();
      if (entry.range != mapping.range || mapping.region != &region) {
        status = Broken(entry.range.base, "a mapping isn't what its region thinks it is");
      } else {
        status = VerifyMapping(mapping);
      }
    }
    return status.ok();
  });
  return status;
}

absl::Status AddressSpace::VerifyRegions() const {
  std::vector<const VmAddressRegion*> regions = {root_.get()};
  Owners owners;
  for (size_t i = 0; i < regions.size(); ++i) {
    const VmAddressRegion& region = *regions[i];
    if (absl::Status status = VerifyRegion(region); !status.ok()) return status;
    VirtAddr at = region.range_.base;
    region.tree_.ForEach(region.range_, [&](const RegionTree::Entry& entry) {
      VmAddressRegion* const child = entry.child.region();
      if (child == nullptr) return true;
      regions.push_back(child);
      if (at < entry.range.base) owners[at] = const_cast<VmAddressRegion*>(&region);
      at = entry.range.end();
      return true;
    });
    if (at < region.range_.end()) owners[at] = const_cast<VmAddressRegion*>(&region);
  }
  if (owners != owners_) return absl::InternalError("addresses belong to another region than to the innermost");
  return absl::OkStatus();
}

absl::Status AddressSpace::VerifyMapping(const VmMapping& mapping) const {
  const VirtAddr base = mapping.range.base;
  if (mapping.space != this) return Broken(base, "a mapping belongs to another address space");
  if (!mapping.max_protection.Covers(mapping.protection)) return Broken(base, "a mapping has more than it may have");
  if (!mapping.region->caps_.can_map.Covers(mapping.max_protection)) {
    return Broken(base, "a mapping may have more than its region permits");
  }
  absl::MutexLock lock(&mapping.vmo->mutex());
  if (!mapping.vmo->HasMapping(mapping)) return Broken(base, "a VMO doesn't know of its mapping");
  return absl::OkStatus();
}

absl::Status AddressSpace::VerifyTranslation(Translation translation) const {
  while (!translation.range.empty()) {
    const VirtAddr base = translation.range.base;
    const VmMapping* mapping = FindMapping(base);
    if (mapping == nullptr) return Broken(base, "translated, but not mapped");
    absl::MutexLock lock(&mapping->pages.mutex());
    if (!mapping->may_show_frames) return Broken(base, "translated, but the mapping says that it shows nothing");
    const PageIndex page = mapping->PageAt(base);
    if (page >= mapping->vmo->end()) return Broken(base, "translated beyond the end of the VMO");
    const VmPages::Stretch stretch = mapping->pages.StretchAt(page);
    const PageIndex end = std::min({mapping->end_page(), mapping->vmo->end(), stretch.end});
    if (translation.first_frame) {
      if (!stretch.has_frames()) return Broken(base, "translated to a frame, but not committed");
      if (stretch.FrameOf(page) != *translation.first_frame) return Broken(base, "translated to the wrong frame");
      if (stretch.write != VmPages::Stretch::Write::kInPlace && translation.protection.write()) {
        return Broken(base, "a page that is shared, or clean, can be written");
      }
      // What was shared may be shown without write permission until somebody writes.
      if (translation.protection != mapping->protection &&
          translation.protection != mapping->protection.WithoutWrite()) {
        return Broken(base, "translated with the wrong protection");
      }
    } else {
      if (stretch.holds != VmPages::Stretch::Holds::kZeros) return Broken(base, "translated to zeros, but isn't zeros");
      if (!mapping->may_show_zeros) return Broken(base, "translated to zeros, but the mapping says that it shows none");
      if (translation.protection != mapping->protection.WithoutWrite()) {
        return Broken(base, "zeros with the wrong protection");
      }
    }
    const PageCount n = std::min(PageCount::Of(translation.range.size), end - page);
    if (translation.first_frame) *translation.first_frame = *translation.first_frame + n;
    translation.range = VirtRange::FromTo(base + n.bytes(), translation.range.end());
  }
  return absl::OkStatus();
}

}  // namespace zirconia::mm
