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
  if (absl::Status status = VerifyRegions(); !status.ok()) return status;
  for (const auto& [base, mapping] : mappings_) {
    if (base != mapping->range.base) return Broken(base, "a mapping isn't where it is listed");
    if (absl::Status status = VerifyMapping(*mapping); !status.ok()) return status;
  }
  if (absl::Status status = table_.Verify(); !status.ok()) return status;
  for (const Translation& translation : table_.Snapshot()) {
    if (absl::Status status = VerifyTranslation(translation); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status AddressSpace::VerifyRegions() const {
  std::vector<const VmAddressRegion*> regions;
  if (root_->alive_) regions.push_back(root_.get());
  size_t mappings_seen = 0;
  for (size_t i = 0; i < regions.size(); ++i) {
    const VmAddressRegion& region = *regions[i];
    if (absl::Status status = region.gaps_.Verify(); !status.ok()) return status;
    // Gaps, sub-regions and mappings together are the region, each address once.
    std::vector<VirtRange> parts;
    region.gaps_.ForEach([&](VirtRange gap) { parts.push_back(gap); });
    for (const auto& [base, child] : region.children_) {
      if (base != child->range_.base || child->parent_ != &region || !child->alive_ ||
          child->depth_ != region.depth_ + 1) {
        return Broken(base, "a sub-region isn't what its parent thinks it is");
      }
      parts.push_back(child->range_);
      regions.push_back(child.get());
    }
    for (auto it = mappings_.lower_bound(region.range_.base); it != mappings_.end() && it->first < region.range_.end();
         ++it) {
      if (it->second->region != &region) continue;
      parts.push_back(it->second->range);
      ++mappings_seen;
    }
    std::sort(parts.begin(), parts.end(), [](VirtRange a, VirtRange b) { return a.base < b.base; });
    VirtAddr at = region.range_.base;
    for (const VirtRange part : parts) {
      if (part.base != at || part.empty()) return Broken(at, "addresses of a region are lost, or used twice");
      at = part.end();
    }
    if (at != region.range_.end()) return Broken(at, "addresses of a region are lost, or used twice");
  }
  if (mappings_seen != mappings_.size()) return absl::InternalError("a mapping stands in no living region");
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
