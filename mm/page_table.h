// What a VMAR asks of a machine: the one seam between address-space semantics and how translations are realized.
#ifndef ZIRCONIA_MM_PAGE_TABLE_H_
#define ZIRCONIA_MM_PAGE_TABLE_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "mm/units.h"

namespace zirconia::mm {

// One edit of a page table. `range` is page-aligned and lies within the table's range.
struct PageTableEdit {
  enum class Kind : uint8_t {
    kMap,      // translate `range` to the run of frames that starts at `first_frame`; replaces what is there
    kMapZero,  // `range` reads as zeros, with no frame behind it; `protection` must not permit writing; replaces what
               // is there
    kUnmap,    // remove every translation in `range`; gaps are fine
    kProtect,  // give the translations in `range` this protection; gaps are fine. Zero translations never become
               // writable: where `protection` permits writing they are removed instead, so that the write faults
  };
  Kind kind = Kind::kUnmap;
  VirtRange range;
  FrameNumber first_frame;
  Protection protection;

  static PageTableEdit Map(VirtRange r, FrameNumber f, Protection p) { return {Kind::kMap, r, f, p}; }
  static PageTableEdit MapZero(VirtRange r, Protection p) { return {Kind::kMapZero, r, FrameNumber(), p}; }
  static PageTableEdit Unmap(VirtRange r) { return {Kind::kUnmap, r, FrameNumber(), Protection()}; }
  static PageTableEdit Protect(VirtRange r, Protection p) { return {Kind::kProtect, r, FrameNumber(), p}; }
};

// A run of translations: `range` goes to consecutive frames from `first_frame`, or to zeros where there is none.
struct Translation {
  VirtRange range;
  std::optional<FrameNumber> first_frame;
  Protection protection;
  // Whether the guest can use it right now. False: the next touch faults, and the fault realizes it.
  bool realized = true;
  friend bool operator==(const Translation&, const Translation&) = default;
};

// What an edit did, run by run, in address order.
struct PageTableEffects {
  std::vector<Translation> added;
  std::vector<Translation> removed;
  std::vector<std::pair<Translation, Translation>> changed;  // same range and frames; before, after
};

// A cache of translations for one address space. The truth is the VMAR tree above it: a table may forget anything at
// any time (the next touch asks again), but must never show a translation that was not put in, nor keep one that was
// taken out.
//
// Edits come in two steps. `Prepare` secures all that the edits need (bookkeeping, room in the host's tables) and may
// fail; then nothing has changed. `Commit` can't fail. An operation that touches several tables prepares all of them
// before it commits any. Edits that only take away (kUnmap, and kProtect to less) need no `Prepare`: they can't fail.
//
// Thread-safe. Two callers never edit overlapping ranges at once: the locks of the address space and of the VMO see to
// it.
class PageTable {
 public:
  // What `Prepare` secured, given back when it is destroyed without having been committed. Movable, cheap, no heap.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& o) noexcept
        : table_(std::exchange(o.table_, nullptr)), units_(std::exchange(o.units_, 0)) {}
    Reservation& operator=(Reservation&& o) noexcept {
      if (this != &o) {
        Release();
        table_ = std::exchange(o.table_, nullptr);
        units_ = std::exchange(o.units_, 0);
      }
      return *this;
    }
    ~Reservation() { Release(); }
    uint64_t units() const { return units_; }

   private:
    friend class PageTable;
    Reservation(PageTable* table, uint64_t units) : table_(table), units_(units) {}
    void Release() {
      if (table_ != nullptr) std::exchange(table_, nullptr)->ReleaseReservation(std::exchange(units_, 0));
    }
    PageTable* table_ = nullptr;
    uint64_t units_ = 0;
  };

  virtual ~PageTable() = default;

  // The addresses that this table can translate.
  virtual VirtRange range() const = 0;

  // RESOURCE_EXHAUSTED: there is no room for what the edits need; nothing changed.
  virtual absl::StatusOr<Reservation> Prepare(absl::Span<const PageTableEdit> edits) = 0;

  // Carries the edits out, in order. Where a reservation is needed, `reservation` is what `Prepare` returned for these
  // very edits. If the host refuses to realize a translation, it is recorded all the same, unrealized. `effects`, if
  // not null, gets what changed. When this returns, no thread can use a translation that was taken away.
  virtual void Commit(absl::Span<const PageTableEdit> edits, Reservation reservation, PageTableEffects* effects) = 0;
  void Commit(absl::Span<const PageTableEdit> edits) { Commit(edits, Reservation(), nullptr); }

  // Makes the translations within `range` usable by the guest. Ok also where there are none. RESOURCE_EXHAUSTED: the
  // host refuses for good (after eviction and retries); translations stay recorded.
  virtual absl::Status Realize(VirtRange range) = 0;

  // The longest run of translations around `address`, nullopt where there is none.
  virtual std::optional<Translation> Query(VirtAddr address) const = 0;

  // Everything that is recorded, in address order: for tests, verify() and tools.
  virtual std::vector<Translation> Snapshot() const = 0;

  // Checks its records, and where it caches something below, compares with that. An error names the first thing that is
  // wrong.
  virtual absl::Status Verify() const = 0;

 protected:
  Reservation MakeReservation(uint64_t units) { return Reservation(this, units); }
  virtual void ReleaseReservation(uint64_t units) = 0;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_PAGE_TABLE_H_
