#include "mm/extent_map.h"

#include <iterator>

#include "absl/strings/str_format.h"

namespace zirconia::mm {

Translation ExtentMap::ToTranslation(VirtAddr base, const Extent& extent) {
  Translation t;
  t.range = {base, extent.size};
  if (extent.first_frame != kZero) t.first_frame = FrameNumber(extent.first_frame);
  t.protection = extent.protection;
  t.realized = extent.realized;
  return t;
}

bool ExtentMap::Continues(const Extent& extent, const Extent& next) {
  if (extent.protection != next.protection || extent.realized != next.realized) return false;
  if (extent.first_frame == kZero || next.first_frame == kZero) return extent.first_frame == next.first_frame;
  return extent.first_frame + PageCount::Of(extent.size).value() == next.first_frame;
}

ExtentMap::Tree::const_iterator ExtentMap::LowerBound(VirtAddr address) const {
  auto it = extents_.upper_bound(address);
  if (it != extents_.begin()) {
    auto before = std::prev(it);
    if (before->first + before->second.size > address) return before;
  }
  return it;
}

ExtentMap::Tree::iterator ExtentMap::LowerBound(VirtAddr address) {
  auto it = extents_.upper_bound(address);
  if (it != extents_.begin()) {
    auto before = std::prev(it);
    if (before->first + before->second.size > address) return before;
  }
  return it;
}

void ExtentMap::SplitAt(VirtAddr address) {
  auto it = LowerBound(address);
  if (it == extents_.end() || it->first >= address) return;
  Extent upper = it->second;
  const ByteSize below = address - it->first;
  upper.size -= below;
  if (upper.first_frame != kZero) upper.first_frame += PageCount::Of(below).value();
  it->second.size = below;
  if (upper.realized) ++realized_size_;
  extents_.emplace(address, upper);
}

void ExtentMap::Coalesce(VirtRange range) {
  auto it = extents_.lower_bound(range.base);
  if (it != extents_.begin()) --it;
  while (it != extents_.end()) {
    auto next = std::next(it);
    if (next == extents_.end() || next->first > range.end()) return;
    if (it->first + it->second.size != next->first || !Continues(it->second, next->second)) {
      it = next;
      continue;
    }
    it->second.size += next->second.size;
    if (next->second.realized) --realized_size_;
    it = std::prev(extents_.erase(next));
  }
}

void ExtentMap::Erase(VirtRange range, PageTableEffects* effects) {
  const auto begin = extents_.lower_bound(range.base);
  auto end = begin;
  for (; end != extents_.end() && end->first < range.end(); ++end) {
    if (effects != nullptr) effects->removed.push_back(ToTranslation(end->first, end->second));
    if (end->second.realized) --realized_size_;
  }
  extents_.erase(begin, end);
}

void ExtentMap::Replace(VirtRange range, const Extent& extent, PageTableEffects* effects) {
  SplitAt(range.base);
  SplitAt(range.end());
  Erase(range, effects);
  if (effects != nullptr) effects->added.push_back(ToTranslation(range.base, extent));
  extents_.emplace(range.base, extent);
  if (extent.realized) ++realized_size_;
  Coalesce(range);
}

void ExtentMap::Map(VirtRange range, FrameNumber first_frame, Protection protection, bool realized,
                    PageTableEffects* effects) {
  Replace(range, {range.size, first_frame.value(), protection, realized}, effects);
}

void ExtentMap::MapZero(VirtRange range, Protection protection, bool realized, PageTableEffects* effects) {
  Replace(range, {range.size, kZero, protection, realized}, effects);
}

void ExtentMap::Unmap(VirtRange range, PageTableEffects* effects) {
  SplitAt(range.base);
  SplitAt(range.end());
  Erase(range, effects);
}

void ExtentMap::Protect(VirtRange range, Protection protection, PageTableEffects* effects) {
  SplitAt(range.base);
  SplitAt(range.end());
  auto it = extents_.lower_bound(range.base);
  while (it != extents_.end() && it->first < range.end()) {
    if (it->second.first_frame == kZero && protection.write()) {
      if (effects != nullptr) effects->removed.push_back(ToTranslation(it->first, it->second));
      if (it->second.realized) --realized_size_;
      it = extents_.erase(it);
      continue;
    }
    if (it->second.protection != protection) {
      const Translation before = ToTranslation(it->first, it->second);
      it->second.protection = protection;
      if (effects != nullptr) effects->changed.emplace_back(before, ToTranslation(it->first, it->second));
    }
    ++it;
  }
  Coalesce(range);
}

void ExtentMap::SetRealized(VirtRange range, bool realized) {
  SplitAt(range.base);
  SplitAt(range.end());
  for (auto it = extents_.lower_bound(range.base); it != extents_.end() && it->first < range.end(); ++it) {
    if (it->second.realized == realized) continue;
    it->second.realized = realized;
    if (realized) {
      ++realized_size_;
    } else {
      --realized_size_;
    }
  }
  Coalesce(range);
}

void ExtentMap::Apply(const PageTableEdit& edit, bool realized, PageTableEffects* effects) {
  switch (edit.kind) {
    case PageTableEdit::Kind::kMap:
      Map(edit.range, edit.first_frame, edit.protection, realized, effects);
      return;
    case PageTableEdit::Kind::kMapZero:
      MapZero(edit.range, edit.protection, realized, effects);
      return;
    case PageTableEdit::Kind::kUnmap:
      Unmap(edit.range, effects);
      return;
    case PageTableEdit::Kind::kProtect:
      Protect(edit.range, edit.protection, effects);
      return;
  }
}

void ExtentMap::Clear() {
  extents_.clear();
  realized_size_ = 0;
}

std::optional<Translation> ExtentMap::Find(VirtAddr address) const {
  const auto it = LowerBound(address);
  if (it == extents_.end() || it->first > address) return std::nullopt;
  return ToTranslation(it->first, it->second);
}

std::optional<Translation> ExtentMap::FindFrom(VirtAddr address) const {
  const auto it = LowerBound(address);
  if (it == extents_.end()) return std::nullopt;
  return ToTranslation(it->first, it->second);
}

void ExtentMap::ForEach(VirtRange range, absl::FunctionRef<bool(const Translation&)> visit) const {
  if (range.empty()) return;
  for (auto it = LowerBound(range.base); it != extents_.end() && it->first < range.end(); ++it) {
    Translation t = ToTranslation(it->first, it->second);
    const VirtRange part = t.range.Intersect(range);
    if (t.first_frame) t.first_frame = *t.first_frame + PageCount::Of(part.base - t.range.base);
    t.range = part;
    if (!visit(t)) return;
  }
}

std::vector<Translation> ExtentMap::Snapshot() const {
  std::vector<Translation> all;
  all.reserve(extents_.size());
  for (const auto& [base, extent] : extents_) all.push_back(ToTranslation(base, extent));
  return all;
}

absl::Status ExtentMap::Verify() const {
  const auto broken = [](VirtAddr base, const char* what) {
    return absl::InternalError(absl::StrFormat("extent at %#x: %s", base.value(), what));
  };
  size_t realized = 0;
  for (auto it = extents_.begin(); it != extents_.end(); ++it) {
    const auto& [base, extent] = *it;
    if (!base.IsPageAligned() || !extent.size.IsPageAligned()) return broken(base, "not page-aligned");
    if (extent.size == ByteSize(0)) return broken(base, "empty");
    if (extent.first_frame == kZero && extent.protection.write()) return broken(base, "writable zeros");
    if (extent.realized) ++realized;
    const auto next = std::next(it);
    if (next == extents_.end()) continue;
    if (base + extent.size > next->first) return broken(base, "overlaps the next one");
    if (base + extent.size == next->first && Continues(extent, next->second)) {
      return broken(base, "not joined with the next one");
    }
  }
  if (realized != realized_size_) return absl::InternalError("count of realized extents is wrong");
  return absl::OkStatus();
}

}  // namespace zirconia::mm
