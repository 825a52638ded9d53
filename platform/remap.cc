#include "platform/remap.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
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
  if (vma.shared && vma.inode == file.identity().inode && vma.device == file.identity().device) {
    return HostMapping{mm::FrameNumber(vma.offset >> mm::kPageShift), vma.protection};
  }
  return std::nullopt;
}

bool Remapper::Map(VirtRange range, const HostMapping& target) {
  HostResult<uintptr_t> result;
  if (target.first_frame.has_value()) {
    result = host_.Mmap(range.base.value(), range.size.value(), HostProtection(target.protection),
                        MAP_SHARED | MAP_FIXED, file_.fd(), target.first_frame->offset().value());
  } else if (mappings_.IsReserved(range)) {
    result.error = host_.Mprotect(range.base.value(), range.size.value(), HostProtection(target.protection)).error;
  } else {
    result = host_.Mmap(range.base.value(), range.size.value(), HostProtection(target.protection),
                        kReservationFlags | MAP_FIXED, -1, 0);
  }
  if (result.ok()) {
    mappings_.Set(range, target);
    return true;
  }
  ++counters_.refused;
  Resync(range, target, /*protection_only=*/false);
  return false;
}

bool Remapper::Protect(VirtRange range, mm::Protection protection) {
  absl::InlinedVector<HostExtent, 4> mapped;
  mappings_.ForEach(range, [&mapped](const HostExtent& e) {
    if (!e.mapping.reserved()) mapped.push_back(e);
    return true;
  });
  bool all = true;
  for (size_t first = 0, next = 0; first < mapped.size(); first = next) {
    for (next = first + 1; next < mapped.size() && mapped[next].range.base == mapped[next - 1].range.end();) ++next;
    const VirtRange run = VirtRange::FromTo(mapped[first].range.base, mapped[next - 1].range.end());
    if (host_.Mprotect(run.base.value(), run.size.value(), HostProtection(protection)).ok()) {
      for (size_t i = first; i < next; ++i) mappings_.Set(mapped[i].range, {mapped[i].mapping.first_frame, protection});
    } else {
      ++counters_.refused;
      Resync(run, {std::nullopt, protection}, /*protection_only=*/true);
      all = false;
    }
  }
  return all;
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
    std::vector<HostExtent> whole;
    mappings_.ForEach(range, [this, &whole](const HostExtent& e) {
      if (e.mapping.accessible()) whole.push_back(mappings_.Find(e.range.base));
      return true;
    });
    bool all = true;
    for (const HostExtent& e : whole) {
      if (!range.Contains(e.range)) ++counters_.revoked_wider;
      all = Protect(e.range, mm::Protection::None()) && all;
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

void Remapper::Resync(VirtRange range, const HostMapping& target, bool protection_only) {
  absl::StatusOr<std::vector<HostVma>> vmas;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Pause(attempt);
    vmas = ReadHostVmas(host_, range);
    if (vmas.ok()) break;
  }
  if (!vmas.ok()) Stop("/proc/self/maps can't be read", range);

  // What was there, cut at the same places as what is there now.
  std::vector<HostExtent> before;
  mappings_.ForEach(range, [&before](const HostExtent& e) { return before.push_back(e), true; });
  VirtAddr cursor = range.base;
  const auto hole_until = [&](VirtAddr end) {
    if (cursor >= end) return;
    const VirtRange hole = VirtRange::FromTo(cursor, end);
    FillHole(hole);
    mappings_.Set(hole, HostMapping());
  };
  for (const HostVma& vma : *vmas) {
    const VirtRange part = vma.range.Intersect(range);
    hole_until(part.base);
    cursor = part.end();
    const std::optional<HostMapping> found = ToHostMapping(vma, file_);
    for (const HostExtent& old : before) {
      if (!old.range.Overlaps(part)) continue;
      const HostExtent was = old.CutTo(part);
      HostMapping now;
      if (found.has_value()) now = found->Advanced(was.range.base - vma.range.base);
      HostMapping wanted = target.Advanced(was.range.base - range.base);
      if (protection_only) wanted.first_frame = was.mapping.first_frame;
      if (!found.has_value() || (now != was.mapping && now != wanted)) {
        Stop(absl::StrFormat("a stranger's mapping (%s) stands in the window", vma.path), was.range);
      }
      mappings_.Set(was.range, now);
    }
  }
  hole_until(range.end());
}

}  // namespace zirconia::platform
