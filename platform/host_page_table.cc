#include "platform/host_page_table.h"

#include <sys/mman.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "platform/taken_out.h"

namespace zirconia::platform {

using mm::ByteSize;
using mm::PageTableEdit;
using mm::PageTableEffects;
using mm::Protection;
using mm::Translation;
using mm::VirtAddr;
using mm::VirtRange;

namespace {

// How often `Realize` evicts and tries again before it gives up.
constexpr int kRealizeAttempts = 16;

bool Realizes(const HostExtent& extent, const Translation& t) {
  if (t.protection.none()) return !extent.mapping.accessible();
  return extent.mapping == HostMapping::Of(t, extent.range.base);
}

// Whether `extent` shows the frames (or the zeros) of `t`, with whatever protection.
bool ShowsContentOf(const HostExtent& extent, const Translation& t) {
  if (!t.first_frame.has_value()) return !extent.mapping.first_frame.has_value() && extent.mapping.accessible();
  return extent.mapping.first_frame == HostMapping::Of(t, extent.range.base).first_frame;
}

bool OnlyTakesAway(const PageTableEdit& edit) { return edit.kind == PageTableEdit::Kind::kUnmap; }

}  // namespace

HostPageTable::HostPageTable(const Window& window, const BackingFile& file, MapBudget& budget, Options options)
    : window_(window.range()),
      host_(window.host()),
      file_(file),
      budget_(budget),
      options_(options),
      remapper_(window, file, options.remap),
      eviction_hand_(window.range().base) {
  {
    absl::MutexLock lock(&mutex_);
    SettleBudget();
  }
  budget_.AddClient(this);
}

HostPageTable::~HostPageTable() {
  budget_.RemoveClient(this);
  absl::MutexLock lock(&mutex_);
  remapper_.Revoke(window_);
  budget_.Release(charged_);
}

bool HostPageTable::TakeHeadroom(uint64_t mappings) {
  if (!budget_.TryCharge(mappings)) return false;
  charged_ += mappings;
  return true;
}

void HostPageTable::SettleBudget() {
  const uint64_t count = remapper_.mappings().count() + remapper_.leftovers();
  if (count > charged_) budget_.Charge(count - charged_);
  if (count < charged_) budget_.Release(charged_ - count);
  charged_ = count;
  published_count_.store(count, std::memory_order_relaxed);
}

absl::StatusOr<mm::PageTable::Reservation> HostPageTable::Prepare(absl::Span<const PageTableEdit> edits) {
  uint64_t units = 0;
  {
    absl::MutexLock lock(&mutex_);
    for (const PageTableEdit& edit : edits) {
      if (OnlyTakesAway(edit) || edit.range.empty()) continue;
      if (!remapper_.mappings().IsReserved(edit.range)) units += 2 + remapper_.HeadroomFor(edit.range);
    }
  }
  while (!budget_.TryCharge(units)) {
    if (!budget_.MakeRoom(units)) return absl::ResourceExhaustedError("");
  }
  return MakeReservation(units);
}

void HostPageTable::Commit(absl::Span<const PageTableEdit> edits, Reservation reservation, PageTableEffects* effects) {
  uint64_t prepaid = reservation.units();
  absl::MutexLock lock(&mutex_);

  PageTableEffects done;
  absl::InlinedVector<VirtRange, 4, mm::PoolAllocator<VirtRange>> dirty;
  for (const PageTableEdit& edit : edits) {
    if (edit.range.empty()) continue;
    translations_.Apply(edit, /*realized=*/false, effects != nullptr ? &done : nullptr);
    // A change to writable takes zeros out.
    const bool takes_out = edit.kind == PageTableEdit::Kind::kUnmap ||
                           (edit.kind == PageTableEdit::Kind::kProtect && edit.protection.write());
    if (options_.resident && takes_out) TakenOut::Note(*this, edit.range);
    dirty.push_back(edit.range);
  }
  for (Translation& t : done.removed) t.realized = IsRealized(t);
  for (auto& [before, after] : done.changed) before.realized = IsRealized(before);

  std::sort(dirty.begin(), dirty.end(), [](const VirtRange& a, const VirtRange& b) { return a.base < b.base; });
  Plan plan;
  for (size_t i = 0; i < dirty.size();) {
    VirtRange merged = dirty[i];
    for (++i; i < dirty.size() && dirty[i].base <= merged.end(); ++i) {
      merged = VirtRange::FromTo(merged.base, std::max(merged.end(), dirty[i].end()));
    }
    PlanRange(merged, plan);
  }
  for (const Step& step : plan) Execute(step, prepaid);
  SettleBudget();

  if (effects == nullptr) return;
  for (Translation& t : done.added) t.realized = IsRealized(t);
  for (auto& [before, after] : done.changed) after.realized = IsRealized(after);
  const auto append = [](auto& to, auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  append(effects->added, done.added);
  append(effects->removed, done.removed);
  append(effects->changed, done.changed);
}

void HostPageTable::PlanRange(VirtRange range, Plan& plan) const {
  VirtAddr cursor = range.base;
  translations_.ForEach(range, [&](const Translation& t) {
    mutex_.AssertHeld();
    PlanRevoke(VirtRange::FromTo(cursor, t.range.base), plan);
    PlanTranslation(t, plan);
    cursor = t.range.end();
    return true;
  });
  PlanRevoke(VirtRange::FromTo(cursor, range.end()), plan);
}

void HostPageTable::PlanRevoke(VirtRange untranslated, Plan& plan) const {
  const HostMappings& mappings = remapper_.mappings();
  const VirtRange mapped = mappings.HullOfMapped(untranslated);
  if (mapped.empty()) return;
  // One call for what is only separated by reservation.
  if (!plan.empty() && plan.back().kind == Step::Kind::kRevoke) {
    VirtRange& last = plan.back().range;
    if (mappings.HullOfMapped(VirtRange::FromTo(last.end(), mapped.base)).empty()) {
      last = VirtRange::FromTo(last.base, mapped.end());
      return;
    }
  }
  plan.push_back({Step::Kind::kRevoke, mapped, HostMapping()});
}

void HostPageTable::PlanTranslation(const Translation& t, Plan& plan) const {
  const HostMappings& mappings = remapper_.mappings();
  bool shows_other = false;
  mappings.ForEach(t.range, [&](const HostExtent& e) {
    shows_other = e.mapping.accessible() && !ShowsContentOf(e, t);
    return !shows_other;
  });
  if (shows_other) {
    if (t.protection.none()) {
      PlanRevoke(t.range, plan);
    } else {
      plan.push_back({Step::Kind::kMap, t.range, HostMapping::Of(t, t.range.base)});
    }
    return;
  }
  mappings.ForEach(t.range, [&](const HostExtent& e) {
    if (!ShowsContentOf(e, t) || e.mapping.protection == t.protection) return true;
    if (!plan.empty() && plan.back().kind == Step::Kind::kProtect && plan.back().range.end() == e.range.base &&
        plan.back().target.protection == t.protection) {
      plan.back().range.size += e.range.size;
    } else {
      plan.push_back({Step::Kind::kProtect, e.range, {std::nullopt, t.protection}});
    }
    return true;
  });
}

void HostPageTable::Execute(const Step& step, uint64_t& prepaid) {
  uint64_t growth = remapper_.mappings().GrowthBound(step.range);
  if (step.kind == Step::Kind::kMap) growth += remapper_.HeadroomFor(step.range);
  if (growth <= prepaid) {
    prepaid -= growth;
  } else if (!TakeHeadroom(growth)) {
    // No mapping may be cut now, and evicting has to wait for other locks: touches bring back what is lost.
    remapper_.RevokeWide(step.range);
    SettleBudget();
    return;
  }
  switch (step.kind) {
    case Step::Kind::kMap:
      if (remapper_.Map(step.range, step.target) != RemapOutcome::kDone) RevokeExcess(step.range);
      break;
    case Step::Kind::kProtect:
      if (remapper_.Protect(step.range, step.target.protection) != RemapOutcome::kDone) RevokeExcess(step.range);
      break;
    case Step::Kind::kRevoke:
      remapper_.Revoke(step.range);
      break;
  }
}

void HostPageTable::RevokeExcess(VirtRange range) {
  absl::InlinedVector<VirtRange, 4, mm::PoolAllocator<VirtRange>> excess;
  remapper_.mappings().ForEach(range, [&](const HostExtent& e) {
    mutex_.AssertHeld();
    if (!e.mapping.accessible()) return true;
    VirtAddr permitted_to = e.range.base;
    translations_.ForEach(e.range, [&](const Translation& t) {
      if (t.range.base != permitted_to || !ShowsContentOf(e.CutTo(t.range), t)) return false;
      if (!t.protection.Covers(e.mapping.protection)) return false;
      permitted_to = t.range.end();
      return true;
    });
    if (permitted_to != e.range.end()) excess.push_back(e.range);
    return true;
  });
  for (const VirtRange& r : excess) remapper_.Revoke(r);
}

absl::Status HostPageTable::Realize(VirtRange range) {
  range = range.Intersect(window_);
  VirtAddr cursor = range.base;
  bool refused = false;
  for (int attempt = 0; attempt < kRealizeAttempts; ++attempt) {
    uint64_t growth = 0;
    while (true) {
      std::optional<Gap> gap;
      {
        absl::MutexLock lock(&mutex_);
        gap = FindGap(range, cursor);
        if (!gap.has_value()) {
          if (cursor != range.base || !FaultsInVain(range)) return absl::OkStatus();
          if (remapper_.strategy() == RemapStrategy::kNaive) return absl::ResourceExhaustedError("");
          remapper_.Audit(range);
          SettleBudget();
          gap = FindGap(range, cursor);
          if (!gap.has_value()) return absl::OkStatus();
        }
        growth = remapper_.mappings().GrowthBound(gap->range);
        const uint64_t backups = gap->protect_only ? 0 : remapper_.HeadroomFor(gap->range);
        if (backups > 0 && (refused || !TakeHeadroom(growth + backups))) {
          // What is given back first needs no backup.
          remapper_.RevokeWide(gap->range);
          SettleBudget();
          continue;
        }
        if (backups == 0 && !TakeHeadroom(growth)) break;
        const RemapOutcome outcome = gap->protect_only ? remapper_.Protect(gap->range, gap->target.protection)
                                                       : remapper_.Map(gap->range, gap->target);
        refused = outcome != RemapOutcome::kDone;
        SettleBudget();
        if (refused) break;
        ++heals_;
      }
      const VirtRange asked = gap->range.Intersect(range);
      if (options_.populate && asked.size > ByteSize(mm::kPageSize)) Populate(asked, gap->target.protection);
      cursor = std::max(cursor, gap->range.end());
      attempt = 0;
    }
    if (!budget_.MakeRoom(std::max<uint64_t>(growth, 1)) && !refused) break;
    if (refused && attempt > 1) absl::SleepFor(absl::Microseconds(10 << attempt));
  }
  return absl::ResourceExhaustedError("");
}

bool HostPageTable::FaultsInVain(VirtRange range) {
  constexpr int kTooOften = 64;
  // Threads that touch several lost pages start each other's count over. Not all of these faults mean a loss, and an
  // audit is dear: seldom, but in the end. A prime, so that threads that take turns all get theirs.
  constexpr int kTooManyInAll = 65521;
  const std::optional<Translation> t = translations_.FindFrom(range.base);
  if (!t.has_value() || !t->range.Overlaps(range)) return false;
  if (idle_at_ != range.base) idle_ = 0;
  idle_at_ = range.base;
  if (++idle_ < kTooOften && ++idle_in_all_ < kTooManyInAll) return false;
  idle_ = 0;
  idle_in_all_ = 0;
  return true;
}

std::optional<HostPageTable::Gap> HostPageTable::FindGap(VirtRange range, VirtAddr cursor) const {
  const HostMappings& mappings = remapper_.mappings();
  while (cursor < range.end()) {
    std::optional<Translation> t = translations_.FindFrom(cursor);
    if (!t.has_value() || t->range.base >= range.end()) return std::nullopt;
    cursor = std::max(cursor, t->range.base);
    const HostExtent first = mappings.Find(cursor).CutTo(t->range);
    if (Realizes(first, *t)) {
      cursor = first.range.end();
      continue;
    }
    VirtRange limit = t->range;
    if (options_.realize_block.has_value()) {
      const uint64_t mask = options_.realize_block->bytes().value() - 1;
      const VirtAddr last = std::min(range.end(), t->range.end()) - ByteSize(1);
      const VirtRange block = VirtRange::FromTo(VirtAddr(cursor.value() & ~mask), VirtAddr((last.value() | mask) + 1));
      limit = limit.Intersect(block);
    }
    VirtRange gap = first.range.Intersect(limit);
    while (gap.base > limit.base) {
      const HostExtent before = mappings.Find(gap.base - ByteSize(1)).CutTo(limit);
      if (Realizes(before, *t)) break;
      gap = VirtRange::FromTo(before.range.base, gap.end());
    }
    while (gap.end() < limit.end()) {
      const HostExtent after = mappings.Find(gap.end()).CutTo(limit);
      if (Realizes(after, *t)) break;
      gap = VirtRange::FromTo(gap.base, after.range.end());
    }
    bool protect_only = true;
    mappings.ForEach(gap, [&](const HostExtent& e) { return protect_only = ShowsContentOf(e, *t); });
    return Gap{gap, HostMapping::Of(*t, gap.base), protect_only};
  }
  return std::nullopt;
}

void HostPageTable::Populate(VirtRange range, Protection protection) const {
  // Linux 5.14; older kernels answer EINVAL, and the pages come by faults.
  constexpr int kPopulateRead = 22;
  constexpr int kPopulateWrite = 23;
  (void)host_.Madvise(range.base.value(), range.size.value(), protection.write() ? kPopulateWrite : kPopulateRead);
}

uint64_t HostPageTable::EvictHostMappings(uint64_t wanted) {
  // Large extents are dear to bring back, page by page, and few: they go only when nothing else is left.
  constexpr ByteSize kLarge(512 * mm::kPageSize);
  // A host that refuses to give back is asked no more than this often.
  constexpr int kMostRefusals = 8;
  int refusals = 0;
  absl::MutexLock lock(&mutex_);
  const HostMappings& mappings = remapper_.mappings();
  const size_t before = mappings.count();
  for (const bool spare_large : {true, false}) {
    // Once around the window, from where the last eviction ended; neighbours go in one call.
    VirtRange left[] = {VirtRange::FromTo(eviction_hand_, window_.end()),
                        VirtRange::FromTo(window_.base, eviction_hand_)};
    for (const VirtRange& part : left) {
      VirtAddr cursor = part.base;
      while (cursor < part.end() && before - std::min(before, mappings.count()) < wanted && refusals < kMostRefusals) {
        VirtRange span{cursor, ByteSize(0)};
        uint64_t mapped = 0;
        mappings.ForEach(VirtRange::FromTo(cursor, part.end()), [&](const HostExtent& e) {
          const bool keep = e.mapping.reserved() || (spare_large && e.range.size > kLarge);
          if (keep && mapped == 0) {
            span = {e.range.end(), ByteSize(0)};
            return true;
          }
          if (keep && !e.mapping.reserved()) return false;
          span.size += e.range.size;
          if (!e.mapping.reserved()) ++mapped;
          return mapped <= wanted;
        });
        cursor = span.end();
        if (mapped == 0) continue;
        // Whole extents, so that nothing is cut.
        const size_t count = mappings.count();
        remapper_.Revoke(mappings.HullOfMapped(mappings.WidenToExtents(mappings.HullOfMapped(span))));
        if (mappings.count() >= count) ++refusals;
        evictions_ += mapped;
        eviction_hand_ = cursor == window_.end() ? window_.base : cursor;
      }
    }
    if (mappings.count() < before) break;
  }
  SettleBudget();
  return before - std::min(before, mappings.count());
}

bool HostPageTable::IsRealized(const Translation& t) const {
  bool realized = true;
  remapper_.mappings().ForEach(t.range, [&](const HostExtent& e) { return realized = Realizes(e, t); });
  return realized;
}

void HostPageTable::ForEachPart(const Translation& t, absl::FunctionRef<void(const Translation&)> visit) const {
  Translation part = t;
  part.range.size = ByteSize(0);
  remapper_.mappings().ForEach(t.range, [&](const HostExtent& e) {
    const bool realized = Realizes(e, t);
    if (!part.range.empty() && realized != part.realized) {
      visit(part);
      part.range = {part.range.end(), ByteSize(0)};
      part.first_frame = HostMapping::Of(t, part.range.base).first_frame;
    }
    part.realized = realized;
    part.range.size += e.range.size;
    return true;
  });
  visit(part);
}

std::optional<Translation> HostPageTable::Query(VirtAddr address) const {
  absl::MutexLock lock(&mutex_);
  std::optional<Translation> t = translations_.Find(address);
  if (!t.has_value()) return t;
  const HostMappings& mappings = remapper_.mappings();
  const HostExtent here = mappings.Find(address).CutTo(t->range);
  const bool realized = Realizes(here, *t);
  VirtRange run = here.range;
  while (run.base > t->range.base) {
    const HostExtent before = mappings.Find(run.base - ByteSize(1)).CutTo(t->range);
    if (Realizes(before, *t) != realized) break;
    run = VirtRange::FromTo(before.range.base, run.end());
  }
  while (run.end() < t->range.end()) {
    const HostExtent after = mappings.Find(run.end()).CutTo(t->range);
    if (Realizes(after, *t) != realized) break;
    run = VirtRange::FromTo(run.base, after.range.end());
  }
  return Translation{run, HostMapping::Of(*t, run.base).first_frame, t->protection, realized};
}

std::vector<Translation> HostPageTable::Snapshot() const {
  absl::MutexLock lock(&mutex_);
  std::vector<Translation> all;
  translations_.ForEach(window_, [&](const Translation& t) {
    mutex_.AssertHeld();
    ForEachPart(t, [&all](const Translation& part) { all.push_back(part); });
    return true;
  });
  return all;
}

HostPageTable::Stats HostPageTable::stats() const {
  Stats stats;
  for (const Translation& t : Snapshot()) ++(t.realized ? stats.realized : stats.unrealized);
  absl::MutexLock lock(&mutex_);
  stats.host_mappings = remapper_.mappings().count();
  stats.extents = translations_.size();
  stats.heals = heals_;
  stats.evictions = evictions_;
  stats.revoked_wider = remapper_.counters().revoked_wider;
  stats.refused = remapper_.counters().refused;
  stats.torn = remapper_.counters().torn;
  stats.restored = remapper_.counters().restored;
  return stats;
}

}  // namespace zirconia::platform
