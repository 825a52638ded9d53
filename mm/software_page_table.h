// A page table that makes no host call, and the processor that uses it.
#ifndef ZIRCONIA_MM_SOFTWARE_PAGE_TABLE_H_
#define ZIRCONIA_MM_SOFTWARE_PAGE_TABLE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "mm/extent_map.h"
#include "mm/page_table.h"
#include "mm/physical_memory.h"
#include "mm/units.h"

namespace zirconia::mm {

// Translations as extents, nothing behind them. It also makes the accesses that a guest's processor would: loads and
// stores by address go through the translations and the fault path, so that what semantics are tested here are those
// that a guest sees.
class SoftwarePageTable final : public PageTable {
 public:
  // Answers a fault as AddressSpace::HandleFault does.
  using FaultHandler = absl::FunctionRef<absl::Status(VirtAddr, Access)>;

  struct Counts {
    uint64_t prepares = 0;
    uint64_t edits = 0;  // committed
    uint64_t faults = 0;
  };

  SoftwarePageTable(VirtRange range, PhysicalMemory& memory) : range_(range), memory_(memory) {}

  VirtRange range() const override { return range_; }
  absl::StatusOr<Reservation> Prepare(absl::Span<const PageTableEdit> edits) override;
  void Commit(absl::Span<const PageTableEdit> edits, Reservation reservation, PageTableEffects* effects) override;
  using PageTable::Commit;
  absl::Status Realize(VirtRange range) override;
  std::optional<Translation> Query(VirtAddr address) const override;
  std::vector<Translation> Snapshot() const override;

  // Accesses memory page by page, with a fault where a page isn't translated, realized and permitted. An error is the
  // fault's; what lies below the page at which it happened has been transferred.
  absl::Status Load(VirtAddr address, absl::Span<std::byte> to, FaultHandler fault);
  absl::Status Store(VirtAddr address, absl::Span<const std::byte> from, FaultHandler fault);

  // For tests.

  // Makes the n-th `Prepare` from now fail, once (1 = the next); 0: none.
  void FailPrepareAfter(uint64_t n) ABSL_LOCKS_EXCLUDED(mutex_);
  // While set, the host refuses: new translations stay unrealized, and so does what `Realize` is asked for.
  void set_refuses(bool refuses) ABSL_LOCKS_EXCLUDED(mutex_);
  // As a host short of mappings does: the translations in `range` can't be used until they are realized again, or are
  // forgotten.
  void Evict(VirtRange range) ABSL_LOCKS_EXCLUDED(mutex_);
  void Forget(VirtRange range) ABSL_LOCKS_EXCLUDED(mutex_);
  // Where set, every edit that is committed is appended here.
  void set_log(std::vector<PageTableEdit>* log) ABSL_LOCKS_EXCLUDED(mutex_);
  Counts counts() const ABSL_LOCKS_EXCLUDED(mutex_);
  // What `Prepare` gave out and nobody has used or dropped.
  uint64_t reserved() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Verify() const override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void ReleaseReservation(uint64_t units) override ABSL_LOCKS_EXCLUDED(mutex_);
  // Calls `copy` for each page, with its data (null: zeros) and the lock held, so that what is taken away meanwhile
  // isn't used any more.
  absl::Status Transfer(VirtAddr address, size_t size, Access access, FaultHandler fault,
                        absl::FunctionRef<void(std::byte* data, size_t done, size_t n)> copy);

  const VirtRange range_;
  PhysicalMemory& memory_;
  mutable absl::Mutex mutex_;
  ExtentMap extents_ ABSL_GUARDED_BY(mutex_);
  uint64_t fail_after_ ABSL_GUARDED_BY(mutex_) = 0;
  bool refuses_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<PageTableEdit>* log_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  uint64_t reserved_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_SOFTWARE_PAGE_TABLE_H_
