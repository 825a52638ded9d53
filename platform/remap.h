// Changes what the host has mapped in a window, and always knows what stands there: the safe remap.
#ifndef ZIRCONIA_PLATFORM_REMAP_H_
#define ZIRCONIA_PLATFORM_REMAP_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "mm/units.h"
#include "platform/backing_file.h"
#include "platform/host.h"
#include "platform/host_mappings.h"
#include "platform/window.h"

namespace zirconia::platform {

// How what stands in a range is replaced.
enum class RemapStrategy : uint8_t {
  kDirect,   // one mmap(MAP_FIXED) over it
  kReserve,  // duplicate what is there, one mmap(MAP_FIXED), drop the duplicates or put them back
  kStage,    // map aside, then mremap over it; for comparison
  kNaive,    // munmap, then mmap, and believe the host: neither rolled back nor healed. Loses memory; for comparison
};
// "direct", "reserve", "stage", "naive".
absl::string_view RemapStrategyName(RemapStrategy strategy);
std::optional<RemapStrategy> ParseRemapStrategy(absl::string_view name);

// What became of a range.
enum class RemapOutcome : uint8_t {
  kDone,     // it is what was asked for
  kKept,     // refused: every page is as it was; what was inaccessible still is
  kDropped,  // refused: each page is as it was, or as it should become, or reserved
};

// The one component that changes a window's mappings. A change goes through these states:
//
//   secured   What the swap needs to be undone stands aside. Nothing in the window has changed. A refusal ends here:
//             kKept.
//   swapped   One host call has replaced all of the range: no other thread ever sees a hole in it, nor anything but
//             before and after. What stood aside is dropped: kDone.
//   failed    The host refused the swap, and has perhaps torn down what was there. What the range holds now is read
//             from /proc/self/maps; holes are filled with the reservation; what was lost is put back from what stands
//             aside: kKept. Where that is refused too, or nothing stands aside, it is reserved: kDropped.
//
// What is guaranteed, whatever host call fails and however (before anything happened, half done, or after the old
// mapping was torn down), for all strategies but kNaive:
//   - Afterwards `mappings()` is what the host really has.
//   - The outcome is true. Nothing outside the range changes, except that `Revoke` may take more away.
//   - The window stays covered. That a stranger's mapping has fallen into a hole that the host tore stops the process,
//     naming it: it is never overwritten.
//   - No memory is lost: what is reserved, its owner can map again from the truth. That is why one call without a
//     backup (kDirect) is admissible: no probe can show that a host never tears.
//
// What is reserved beforehand, and by whom: room in the host's count of mappings, by the caller, `HeadroomFor` of it
// besides what the change leaves; the backup, here. A change of protection only is one mprotect, under all strategies:
// it tears nothing, and what it did by halves is read back.
//
// Not thread-safe: the lock of the page table guards it.
class Remapper {
 public:
  struct Counters {
    uint64_t refused = 0;        // host calls that failed
    uint64_t torn = 0;           // holes that the host tore, filled again
    uint64_t restored = 0;       // host mappings put back from their duplicates
    uint64_t revoked_wider = 0;  // revocations that had to take away more than was asked for
    uint64_t audits = 0;         // times that `Audit` read what the host has
  };

  // All must outlive it. The window holds nothing but its reservation.
  Remapper(const Window& window, const BackingFile& file, RemapStrategy strategy)
      : host_(window.host()), file_(file), strategy_(strategy), mappings_(window.range()) {}
  ~Remapper();
  Remapper(const Remapper&) = delete;
  Remapper& operator=(const Remapper&) = delete;

  RemapStrategy strategy() const { return strategy_; }
  const HostMappings& mappings() const { return mappings_; }
  const Counters& counters() const { return counters_; }

  // Maps `range` to consecutive frames, or to zeros that can't be written, in place of whatever stands there; `target`
  // is accessible.
  RemapOutcome Map(mm::VirtRange range, const HostMapping& target);

  // Gives everything in `range` that isn't reserved this protection.
  RemapOutcome Protect(mm::VirtRange range, mm::Protection protection);

  // Takes all access to `range` away. Can't fail: where the host refuses the exact cut, whole extents that overlap the
  // range are made inaccessible, which needs no new host mapping.
  void Revoke(mm::VirtRange range);

  // Puts the reservation back in all extents that overlap `range`, whole. Never makes the number of host mappings grow.
  void RevokeWide(mm::VirtRange range);

  // How many host mappings `Map` of this range needs for a while, besides those that stand afterwards.
  uint64_t HeadroomFor(mm::VirtRange range) const;
  // Host mappings outside of the window that couldn't be dropped yet. Each change tries again.
  uint64_t leftovers() const { return leftovers_.size(); }

  // Compares what is recorded of the extents around `range` with what the host has: for a range that faults though it
  // should not. What the host lost is reserved afterwards. Does nothing under kNaive.
  void Audit(mm::VirtRange range);

 private:
  // The duplicate of an extent, mapped elsewhere; zeros need none.
  struct Backup {
    HostExtent extent;
    uintptr_t at = 0;
  };
  using Backups = absl::InlinedVector<Backup, 2>;

  HostResult<uintptr_t> MapOver(mm::VirtRange range, const HostMapping& target);
  RemapOutcome MapDirect(mm::VirtRange range, const HostMapping& target);
  RemapOutcome MapWithBackup(mm::VirtRange range, const HostMapping& target);
  RemapOutcome MapStaged(mm::VirtRange range, const HostMapping& target);
  RemapOutcome MapNaively(mm::VirtRange range, const HostMapping& target);

  // Duplicates what can be lost in `range`. False: the host refused; nothing is left behind.
  bool Secure(mm::VirtRange range, Backups& backups);
  // Puts back what isn't there any more. False: not all of it.
  bool Restore(Backups& backups);
  void Drop(uintptr_t address, mm::ByteSize size);
  void DropLeftovers();

  // Makes the bookkeeping of `range` what the host has, after a call failed that should have made it `target`
  // (protection only: where `protection_only`), and fills holes. Returns whether nothing has changed.
  bool Resync(mm::VirtRange range, const HostMapping& target, bool protection_only);
  RemapOutcome AfterFailure(mm::VirtRange range, const HostMapping& target, bool protection_only = false) {
    return Resync(range, target, protection_only) ? RemapOutcome::kKept : RemapOutcome::kDropped;
  }
  void FillHole(mm::VirtRange hole);
  bool PutReservation(mm::VirtRange range);

  Host& host_;
  const BackingFile& file_;
  const RemapStrategy strategy_;
  HostMappings mappings_;
  Counters counters_;
  std::vector<mm::VirtRange> leftovers_;
};

// What a mapping that the host reports is in our terms; nullopt where it is none of ours: neither a shared mapping of
// the file nor private anonymous memory.
std::optional<HostMapping> ToHostMapping(const struct HostVma& vma, const BackingFile& file);

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_REMAP_H_
