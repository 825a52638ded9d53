#include "platform/remap.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "platform/host_files.h"

namespace zirconia::platform {
namespace {

using mm::VirtAddr;
using mm::VirtRange;

constexpr int kReservationFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
// How often a step that must succeed is tried again before the process gives up, with growing pauses.
constexpr int kAttempts = 12;

constexpr std::array<absl::string_view, 4> kStrategyNames = {"direct", "reserve", "stage", "naive"};

int HostProtection(mm::Protection p) {
  return (p.read() ? PROT_READ : 0) | (p.write() ? PROT_WRITE : 0) | (p.execute() ? PROT_EXEC : 0);
}

[[noreturn]] void Stop(const std::string& why, VirtRange range) {
  std::fprintf(stderr, "zirconia: the host's memory is out of control: %s at [%#llx, %#llx)\n", why.c_str(),
               static_cast<unsigned long long>(range.base.value()),
               static_cast<unsigned long long>(range.end().value()));
  std::abort();
}

void Pause(int attempt) {
  if (attempt > 2) absl::SleepFor(absl::Microseconds(100 << (attempt - 3)));
}

}  // namespace

std::optional<HostMapping> ToHostMapping(const HostVma& vma, const BackingFile& file) {
  if (vma.inode == 0 && !vma.shared) return HostMapping{std::nullopt, vma.protection};
  if (vma.shared && vma.inode == file.maps_identity().inode && vma.device == file.maps_identity().device) {
    return HostMapping{mm::FrameNumber(vma.offset >> mm::kPageShift), vma.protection};
  }
  return std::nullopt;
}

absl::string_view RemapStrategyName(RemapStrategy strategy) { return kStrategyNames[static_cast<size_t>(strategy)]; }

std::optional<RemapStrategy> ParseRemapStrategy(absl::string_view name) {
  const auto found = std::find(kStrategyNames.begin(), kStrategyNames.end(), name);
  if (found == kStrategyNames.end()) return std::nullopt;
  return static_cast<RemapStrategy>(found - kStrategyNames.begin());
}

Remapper::~Remapper() { DropLeftovers(); }

RemapOutcome Remapper::Map(VirtRange range, const HostMapping& target) {
  if (!leftovers_.empty()) DropLeftovers();
  switch (strategy_) {
    case RemapStrategy::kDirect:
      return MapDirect(range, target);
    case RemapStrategy::kReserve:
      return MapWithBackup(range, target);
    case RemapStrategy::kStage:
      return MapStaged(range, target);
    case RemapStrategy::kNaive:
      return MapNaively(range, target);
  }
  return RemapOutcome::kKept;
}

HostResult<uintptr_t> Remapper::MapOver(VirtRange range, const HostMapping& target) {
  if (target.first_frame.has_value()) {
    return host_.Mmap(range.base.value(), range.size.value(), HostProtection(target.protection), MAP_SHARED | MAP_FIXED,
                      file_.fd(), target.first_frame->offset().value());
  }
  if (mappings_.IsReserved(range)) {
    return {range.base.value(),
            host_.Mprotect(range.base.value(), range.size.value(), HostProtection(target.protection)).error};
  }
  return host_.Mmap(range.base.value(), range.size.value(), HostProtection(target.protection),
                    kReservationFlags | MAP_FIXED, -1, 0);
}

RemapOutcome Remapper::MapDirect(VirtRange range, const HostMapping& target) {
  if (MapOver(range, target).ok()) {
    mappings_.Set(range, target);
    return RemapOutcome::kDone;
  }
  ++counters_.refused;
  return AfterFailure(range, target);
}

RemapOutcome Remapper::MapWithBackup(VirtRange range, const HostMapping& target) {
  Backups backups;
  if (!Secure(range, backups)) return RemapOutcome::kKept;
  RemapOutcome outcome = MapDirect(range, target);
  if (outcome == RemapOutcome::kDropped && Restore(backups)) outcome = RemapOutcome::kKept;
  for (const Backup& backup : backups) {
    if (backup.at != 0) Drop(backup.at, backup.extent.range.size);
  }
  return outcome;
}

RemapOutcome Remapper::MapStaged(VirtRange range, const HostMapping& target) {
  // What isn't accessible can't be lost.
  if (HeadroomFor(range) == 0) return MapDirect(range, target);
  const bool from_file = target.first_frame.has_value();
  const HostResult<uintptr_t> aside =
      host_.Mmap(0, range.size.value(), HostProtection(target.protection), from_file ? MAP_SHARED : kReservationFlags,
                 from_file ? file_.fd() : -1, from_file ? target.first_frame->offset().value() : 0);
  if (!aside.ok()) {
    ++counters_.refused;
    return RemapOutcome::kKept;
  }
  if (host_
          .Mremap(aside.value, range.size.value(), range.size.value(), MREMAP_MAYMOVE | MREMAP_FIXED,
                  range.base.value())
          .ok()) {
    mappings_.Set(range, target);
    return RemapOutcome::kDone;
  }
  ++counters_.refused;
  const RemapOutcome outcome = AfterFailure(range, target);
  // Where a part was moved all the same, nothing stands there any more, and munmap doesn't mind.
  Drop(aside.value, range.size);
  return outcome;
}

RemapOutcome Remapper::MapNaively(VirtRange range, const HostMapping& target) {
  if (!host_.Munmap(range.base.value(), range.size.value()).ok()) ++counters_.refused;
  const bool from_file = target.first_frame.has_value();
  if (!host_
           .Mmap(range.base.value(), range.size.value(), HostProtection(target.protection),
                 (from_file ? MAP_SHARED : kReservationFlags) | MAP_FIXED, from_file ? file_.fd() : -1,
                 from_file ? target.first_frame->offset().value() : 0)
           .ok()) {
    ++counters_.refused;
  }
  mappings_.Set(range, target);
  return RemapOutcome::kDone;
}

uint64_t Remapper::HeadroomFor(VirtRange range) const {
  if (strategy_ == RemapStrategy::kDirect || strategy_ == RemapStrategy::kNaive) return 0;
  uint64_t accessible = 0;
  mappings_.ForEach(range, [&](const HostExtent& e) {
    if (e.mapping.accessible()) ++accessible;
    return true;
  });
  return strategy_ == RemapStrategy::kStage ? std::min<uint64_t>(accessible, 1) : accessible;
}

bool Remapper::Secure(VirtRange range, Backups& backups) {
  mappings_.ForEach(range, [&](const HostExtent& e) {
    if (e.mapping.accessible()) backups.push_back({e, 0});
    return true;
  });
  for (size_t i = 0; i < backups.size(); ++i) {
    // Zeros have no content: they are made again.
    if (!backups[i].extent.mapping.first_frame.has_value()) continue;
    // An old length of 0 leaves the shared mapping where it is, and makes another one of it.
    const VirtRange from = backups[i].extent.range;
    const HostResult<uintptr_t> made = host_.Mremap(from.base.value(), 0, from.size.value(), MREMAP_MAYMOVE, 0);
    if (!made.ok()) {
      ++counters_.refused;
      for (size_t k = 0; k < i; ++k) {
        if (backups[k].at != 0) Drop(backups[k].at, backups[k].extent.range.size);
      }
      return false;
    }
    backups[i].at = made.value;
  }
  return true;
}

bool Remapper::Restore(Backups& backups) {
  bool all = true;
  Backups unused;
  for (const Backup& backup : backups) {
    const VirtRange to = backup.extent.range;
    const HostExtent now = mappings_.Find(to.base);
    if (now.range.end() >= to.end() && now.CutTo(to) == backup.extent) {
      unused.push_back(backup);
      continue;
    }
    const bool back =
        backup.at == 0
            ? MapOver(to, backup.extent.mapping).ok()
            : host_.Mremap(backup.at, to.size.value(), to.size.value(), MREMAP_MAYMOVE | MREMAP_FIXED, to.base.value())
                  .ok();
    if (back) {
      mappings_.Set(to, backup.extent.mapping);
      ++counters_.restored;
      continue;
    }
    ++counters_.refused;
    Resync(to, backup.extent.mapping, /*protection_only=*/false);
    unused.push_back(backup);
    all = false;
  }
  backups = std::move(unused);
  return all;
}

void Remapper::Drop(uintptr_t address, mm::ByteSize size) {
  if (host_.Munmap(address, size.value()).ok()) return;
  ++counters_.refused;
  leftovers_.push_back({VirtAddr(address), size});
}

void Remapper::DropLeftovers() {
  std::erase_if(leftovers_, [&](VirtRange r) { return host_.Munmap(r.base.value(), r.size.value()).ok(); });
}

void Remapper::Audit(VirtRange range) {
  if (strategy_ == RemapStrategy::kNaive) return;
  ++counters_.audits;
  Resync(mappings_.WidenToExtents(range), HostMapping(), /*protection_only=*/false);
}

RemapOutcome Remapper::Protect(VirtRange range, mm::Protection protection) {
  absl::InlinedVector<HostExtent, 4, mm::PoolAllocator<HostExtent>> mapped;
  mappings_.ForEach(range, [&mapped](const HostExtent& e) {
    if (!e.mapping.reserved()) mapped.push_back(e);
    return true;
  });
  bool done = true;
  bool kept = true;
  for (size_t first = 0, next = 0; first < mapped.size(); first = next) {
    for (next = first + 1; next < mapped.size() && mapped[next].range.base == mapped[next - 1].range.end();) ++next;
    const VirtRange run = VirtRange::FromTo(mapped[first].range.base, mapped[next - 1].range.end());
    const bool ok = host_.Mprotect(run.base.value(), run.size.value(), HostProtection(protection)).ok();
    if (!ok) ++counters_.refused;
    if (ok || strategy_ == RemapStrategy::kNaive) {
      kept = false;
      for (size_t i = first; i < next; ++i) mappings_.Set(mapped[i].range, {mapped[i].mapping.first_frame, protection});
    } else {
      done = false;
      kept = Resync(run, {std::nullopt, protection}, /*protection_only=*/true) && kept;
    }
  }
  return done ? RemapOutcome::kDone : kept ? RemapOutcome::kKept : RemapOutcome::kDropped;
}

bool Remapper::PutReservation(VirtRange range) {
  if (host_.Mmap(range.base.value(), range.size.value(), PROT_NONE, kReservationFlags | MAP_FIXED, -1, 0).ok()) {
    mappings_.Set(range, HostMapping());
    return true;
  }
  ++counters_.refused;
  Resync(range, HostMapping(), /*protection_only=*/false);
  return false;
}

void Remapper::Revoke(VirtRange range) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Pause(attempt);
    const VirtRange exact = mappings_.HullOfMapped(range);
    if (exact.empty() || PutReservation(exact)) return;
    // The cut was refused. Making whole extents inaccessible splits nothing.
    mm::PoolVector<HostExtent> whole;
    mappings_.ForEach(range, [this, &whole](const HostExtent& e) {
      if (e.mapping.accessible()) whole.push_back(mappings_.Find(e.range.base));
      return true;
    });
    bool all = true;
    for (const HostExtent& e : whole) {
      if (!range.Contains(e.range)) ++counters_.revoked_wider;
      all = Protect(e.range, mm::Protection::None()) == RemapOutcome::kDone && all;
    }
    if (all) return;
  }
  Stop("the host refuses to take access away", range);
}

void Remapper::RevokeWide(VirtRange range) {
  const VirtRange mapped = mappings_.HullOfMapped(range);
  if (mapped.empty()) return;
  const VirtRange wide = mappings_.HullOfMapped(mappings_.WidenToExtents(mapped));
  if (!range.Contains(wide)) ++counters_.revoked_wider;
  Revoke(wide);
}

void Remapper::FillHole(VirtRange hole) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Pause(attempt);
    const HostResult<uintptr_t> filled =
        host_.Mmap(hole.base.value(), hole.size.value(), PROT_NONE, kReservationFlags | MAP_FIXED_NOREPLACE, -1, 0);
    if (filled.ok() && filled.value == hole.base.value()) {
      ++counters_.torn;
      return;
    }
    if (filled.ok()) (void)host_.Munmap(filled.value, hole.size.value());
    if (filled.ok() || filled.error == EEXIST) Stop("a stranger's mapping fell into a hole", hole);
    ++counters_.refused;
  }
  Stop("the host refuses to put the reservation back", hole);
}

bool Remapper::Resync(VirtRange range, const HostMapping& target, bool protection_only) {
  if (strategy_ == RemapStrategy::kNaive) return true;
  absl::StatusOr<mm::PoolVector<HostVma>> vmas;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Pause(attempt);
    vmas = ReadHostVmas(host_, range);
    if (vmas.ok()) break;
  }
  if (!vmas.ok()) Stop("/proc/self/maps can't be read", range);

  // What was there, cut at the same places as what is there now.
  mm::PoolVector<HostExtent> before;
  mappings_.ForEach(range, [&before](const HostExtent& e) { return before.push_back(e), true; });
  bool changed = false;
  VirtAddr cursor = range.base;
  const auto hole_until = [&](VirtAddr end) {
    if (cursor >= end) return;
    const VirtRange hole = VirtRange::FromTo(cursor, end);
    FillHole(hole);
    changed = true;
    mappings_.Set(hole, HostMapping());
  };
  size_t first = 0;  // of `before`, that ends after `cursor`: both go up, and there may be 65,530 of each
  for (const HostVma& vma : *vmas) {
    const VirtRange part = vma.range.Intersect(range);
    hole_until(part.base);
    cursor = part.end();
    const std::optional<HostMapping> found = ToHostMapping(vma, file_);
    while (before[first].range.end() <= part.base) ++first;
    for (size_t i = first; i < before.size() && before[i].range.base < part.end(); ++i) {
      const HostExtent was = before[i].CutTo(part);
      HostMapping now;
      if (found.has_value()) now = found->Advanced(was.range.base - vma.range.base);
      HostMapping wanted = target.Advanced(was.range.base - range.base);
      if (protection_only) wanted.first_frame = was.mapping.first_frame;
      if (!found.has_value() || (now != was.mapping && now != wanted)) {
        Stop(absl::StrFormat("a stranger's mapping (%s) stands in the window", vma.path.c_str()), was.range);
      }
      changed = changed || now != was.mapping;
      mappings_.Set(was.range, now);
    }
  }
  hole_until(range.end());
  return !changed;
}

}  // namespace zirconia::platform
