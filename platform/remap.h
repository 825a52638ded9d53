// Changes what the host has mapped in a window, and always knows what stands there.
#ifndef ZIRCONIA_PLATFORM_REMAP_H_
#define ZIRCONIA_PLATFORM_REMAP_H_

#include <cstdint>

#include "mm/units.h"
#include "platform/backing_file.h"
#include "platform/host.h"
#include "platform/host_mappings.h"
#include "platform/window.h"

namespace zirconia::platform {

// The one component that changes a window's mappings. The strategy is `direct`: one MAP_FIXED replaces what stands
// there, with no hole in between; where only the protection changes, one mprotect.
//
// What it guarantees, whatever host call fails and however (before anything happened, half done, or after the host tore
// the old mapping down):
//   - Afterwards `mappings()` is what the host really has. After a failure that is found out from /proc/self/maps.
//   - Every page of the range is then as it was, as it should become, or reserved. Nothing outside the range changes,
//   except that
//     `Revoke` may take more away.
//   - The window is covered: where the host tore a hole, the reservation is put back without MAP_FIXED. That a
//   stranger's mapping has
//     fallen into the hole meanwhile stops the process, naming it: it is never overwritten.
// Restoring what a failure took away is the caller's business, who knows the truth.
//
// Not thread-safe: the lock of the page table guards it.
class Remapper {
 public:
  struct Counters {
    uint64_t refused = 0;        // host calls that failed
    uint64_t torn = 0;           // holes that the host tore, filled again
    uint64_t revoked_wider = 0;  // revocations that had to take away more than was asked for
  };

  // All must outlive it. The window holds nothing but its reservation.
  Remapper(const Window& window, const BackingFile& file)
      : host_(window.host()), file_(file), mappings_(window.range()) {}

  const HostMappings& mappings() const { return mappings_; }
  const Counters& counters() const { return counters_; }

  // Maps `range` to consecutive frames, or to zeros that can't be written, in place of whatever stands there; `target`
  // is accessible. False: the host refused.
  bool Map(mm::VirtRange range, const HostMapping& target);

  // Gives everything in `range` that isn't reserved this protection. False: the host refused all or part of it.
  bool Protect(mm::VirtRange range, mm::Protection protection);

  // Takes all access to `range` away. Can't fail: where the host refuses the exact cut, whole extents that overlap the
  // range are made inaccessible, which needs no new host mapping.
  void Revoke(mm::VirtRange range);

  // Puts the reservation back in all extents that overlap `range`, whole. Never makes the number of host mappings grow.
  void RevokeWide(mm::VirtRange range);

 private:
  // Makes the bookkeeping of `range` what the host has, after a call failed that should have made it `target`
  // (protection only: where `protection_only`), and fills holes.
  void Resync(mm::VirtRange range, const HostMapping& target, bool protection_only);
  void FillHole(mm::VirtRange hole);
  bool PutReservation(mm::VirtRange range);

  Host& host_;
  const BackingFile& file_;
  HostMappings mappings_;
  Counters counters_;
};

// What a mapping that the host reports is in our terms; nullopt where it is none of ours: neither a shared mapping of
// the file nor private anonymous memory.
std::optional<HostMapping> ToHostMapping(const struct HostVma& vma, const BackingFile& file);

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_REMAP_H_
