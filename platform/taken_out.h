// What an operation took out of page tables whose memory the host's own system calls may be given.
#ifndef ZIRCONIA_PLATFORM_TAKEN_OUT_H_
#define ZIRCONIA_PLATFORM_TAKEN_OUT_H_

#include "absl/container/inlined_vector.h"
#include "mm/page_table.h"
#include "mm/units.h"

namespace zirconia::platform {

// While an object of this class lives, it collects what the calling thread takes out of the tables that keep memory
// resident (HostPageTable::Options::resident): a page that is decommitted, or whose shared zeros give way to a frame,
// would come back on touch, but a host system call doesn't touch, it fails. Whoever runs the operation shows the ranges
// again when it has dropped its locks. They nest: the innermost collects. Neither locks nor, up to some ranges,
// allocates.
class TakenOut {
 public:
  struct Range {
    const mm::PageTable* table;
    mm::VirtRange range;
  };
  // `may_allocate`: false in a signal handler; then what is more than fits is dropped, and comes back on touch.
  explicit TakenOut(bool may_allocate);
  ~TakenOut();
  TakenOut(const TakenOut&) = delete;
  TakenOut& operator=(const TakenOut&) = delete;

  // Called by a table.
  static void Note(const mm::PageTable& table, mm::VirtRange range);

  bool empty() const { return ranges_.empty(); }
  // Hands over what was collected.
  auto Take() {
    auto taken = std::move(ranges_);
    ranges_.clear();
    return taken;
  }

 private:
  static constexpr size_t kMost = 16;

  const bool may_allocate_;
  TakenOut* const outer_;
  absl::InlinedVector<Range, kMost> ranges_;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_TAKEN_OUT_H_
