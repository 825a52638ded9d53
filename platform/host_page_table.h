// The page table of a guest that runs natively: translations realized as mappings of the host.
#ifndef ZIRCONIA_PLATFORM_HOST_PAGE_TABLE_H_
#define ZIRCONIA_PLATFORM_HOST_PAGE_TABLE_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "mm/extent_map.h"
#include "mm/page_table.h"
#include "mm/units.h"
#include "platform/backing_file.h"
#include "platform/map_budget.h"
#include "platform/remap.h"
#include "platform/window.h"

namespace zirconia::platform {

// Translations of one window to frames of one backing file.
//
// Two records are kept. The *translations* are what was put in and not taken out. The *host mappings* (Remapper) are
// what the host has, exactly. A translation is realized where a host mapping gives what it says; what isn't realized is
// inaccessible, or permits less, so the guest's touch faults and `Realize` heals it. The invariant: no host mapping
// gives access that a translation doesn't.
//
// When host calls are made: an edit changes the host only where something stands there already, so that mapping what
// nobody touches costs none; what stands there is replaced in one call for each run, without a hole. `Realize` maps
// whole runs, in one call whatever their size. Zero translations are realized as the readable reservation: no frame,
// one call for a run.
//
// The number of host mappings is limited by a `MapBudget`. When it is spent, realized ranges are evicted, here or in
// another table, and come back on touch; an edit that may not wait for that gives whole extents back instead of cutting
// them.
//
// Thread-safe. One lock for each table, held during host calls.
class HostPageTable final : public mm::PageTable, private MapBudget::Client {
 public:
  struct Options {
    // Realize at most an aligned block of this many pages around what is asked for, or the whole run where nullopt:
    // fewer pages become reachable at a time, at the price of more faults and host mappings that come and go. A power
    // of 2. For experiments.
    std::optional<mm::PageCount> realize_block = std::nullopt;
    // Fill the host's own page tables for what `Realize` was asked for and mapped: in bulk that costs less than a host
    // page fault for each page on its first touch, but is wasted where pages aren't touched.
    bool populate = false;
    // Memory that the host's own system calls may be given: it isn't evicted as long as there is anything else to
    // evict, and what is taken out of the table is told (TakenOut).
    bool resident = false;
    // How what is mapped is replaced.
    RemapStrategy remap = RemapStrategy::kDirect;
  };
  struct Stats {
    uint64_t host_mappings = 0;  // in the window now, the reserved parts between them included
    uint64_t extents = 0;        // runs of translations
    uint64_t realized = 0;       // runs, split where they are realized only in part
    uint64_t unrealized = 0;
    uint64_t heals = 0;          // runs that `Realize` made usable
    uint64_t evictions = 0;      // host mappings given up for the budget
    uint64_t revoked_wider = 0;  // times that more had to be taken away than was asked for
    uint64_t refused = 0;        // host calls that failed
    uint64_t torn = 0;           // holes that the host tore in failing, filled again
    uint64_t restored = 0;       // host mappings put back from their duplicates
  };

  // All must outlive the table. One table for a window.
  HostPageTable(const Window& window, const BackingFile& file, MapBudget& budget)
      : HostPageTable(window, file, budget, Options()) {}
  HostPageTable(const Window& window, const BackingFile& file, MapBudget& budget, Options options);
  // Puts the window's reservation back.
  ~HostPageTable();

  mm::VirtRange range() const override { return window_; }
  absl::StatusOr<Reservation> Prepare(absl::Span<const mm::PageTableEdit> edits) override ABSL_LOCKS_EXCLUDED(mutex_);
  // In `effects`, `realized` says whether all of a run is.
  void Commit(absl::Span<const mm::PageTableEdit> edits, Reservation reservation,
              mm::PageTableEffects* effects) override ABSL_LOCKS_EXCLUDED(mutex_);
  using PageTable::Commit;
  absl::Status Realize(mm::VirtRange range) override ABSL_LOCKS_EXCLUDED(mutex_);
  // Runs are split where they are realized only in part.
  std::optional<mm::Translation> Query(mm::VirtAddr address) const override ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<mm::Translation> Snapshot() const override ABSL_LOCKS_EXCLUDED(mutex_);

  // Walks all translations: not for hot paths.
  Stats stats() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Compares translations, host mappings and /proc/self/maps; an error names the first thing that is wrong.
  absl::Status Verify() const override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // One change of the host's mappings that an edit needs.
  struct Step {
    enum class Kind : uint8_t { kMap, kProtect, kRevoke } kind = Kind::kRevoke;
    mm::VirtRange range;
    HostMapping target;
  };
  using Plan = absl::InlinedVector<Step, 4, mm::PoolAllocator<Step>>;
  // Something that `Realize` has to do.
  struct Gap {
    mm::VirtRange range;
    HostMapping target;
    bool protect_only = false;
  };

  void ReleaseReservation(uint64_t units) override { budget_.Release(units); }
  uint64_t EvictHostMappings(uint64_t wanted) override ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t host_mapping_count() const override { return published_count_.load(std::memory_order_relaxed); }
  bool evicted_last() const override { return options_.resident; }

  void PlanRange(mm::VirtRange range, Plan& plan) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PlanRevoke(mm::VirtRange untranslated, Plan& plan) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PlanTranslation(const mm::Translation& t, Plan& plan) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Execute(const Step& step, uint64_t& prepaid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes away whatever access to `range` no translation gives.
  void RevokeExcess(mm::VirtRange range) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The first part of `range`, from `cursor` on, that isn't realized, extended as far as one host call can realize it.
  std::optional<Gap> FindGap(mm::VirtRange range, mm::VirtAddr cursor) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether all of `t`, a translation or a part of one, is realized.
  bool IsRealized(const mm::Translation& t) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Calls `visit` for the parts of `t`, each wholly realized or wholly not, as long as they can be.
  void ForEachPart(const mm::Translation& t, absl::FunctionRef<void(const mm::Translation&)> visit) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  // Called where `Realize` has nothing to do. Several threads may meet one fault, but a range that goes on faulting was
  // perhaps lost behind our back: then it is time to look at what the host has.
  bool FaultsInVain(mm::VirtRange range) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  bool TakeHeadroom(uint64_t mappings) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes what is charged to the budget equal to what there is.
  void SettleBudget() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Populate(mm::VirtRange range, mm::Protection protection) const;

  const mm::VirtRange window_;
  Host& host_;
  const BackingFile& file_;
  MapBudget& budget_;
  const Options options_;

  mutable absl::Mutex mutex_;
  mm::ExtentMap translations_ ABSL_GUARDED_BY(mutex_);  // its own `realized` isn't used: host mappings tell
  Remapper remapper_ ABSL_GUARDED_BY(mutex_);
  uint64_t charged_ ABSL_GUARDED_BY(mutex_) = 0;
  mm::VirtAddr eviction_hand_ ABSL_GUARDED_BY(mutex_);
  uint64_t heals_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t evictions_ ABSL_GUARDED_BY(mutex_) = 0;
  // The page for which `Realize` last found nothing to do, and how often in a row.
  mm::VirtAddr idle_at_ ABSL_GUARDED_BY(mutex_);
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;
  int idle_in_all_ ABSL_GUARDED_BY(mutex_) = 0;  // how often on any page, since the last audit
  std::atomic<uint64_t> published_count_{1};
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_HOST_PAGE_TABLE_H_
