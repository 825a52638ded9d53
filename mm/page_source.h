// Where the pages of a pager-backed VMO come from: what mm asks of a pager.
//
// How the two sides work together:
//
// - A VMO operation that meets a page that isn't there (`Need::kRead`), or that writes to a clean page of a VMO whose
//   first writes are trapped (`Need::kDirty`), calls `PageSource::Request` with the VMO's lock held, leaves everything
//   as it was, and returns ABORTED together with the request (`PageWait`).
// - Whoever made the operation (a system call, a fault) drops all locks, waits for the request, and starts over from
//   the beginning: the VMO may have been resized, detached, supplied in part or decommitted meanwhile. Where the pager
//   failed the request, it doesn't start over: the operation has the error that the pager said, which mm never sees.
// - What makes pages appear or become dirty, or makes them unnecessary (a shrink, a decommit isn't one), tells
//   `Resolve`, with the VMO's lock held or not.
// - Letting go of the last reference to a request withdraws what nobody else waits for (a thread that was killed).
//
// Locking: the source's lock is taken after a VMO's, and is a leaf but for the port's and a thread's wait lock. A
// source never calls into mm.
#ifndef ZIRCONIA_MM_PAGE_SOURCE_H_
#define ZIRCONIA_MM_PAGE_SOURCE_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "mm/units.h"

namespace zirconia::mm {

// Consecutive pages of a VMO, [first, first + count).
struct PageRange {
  PageIndex first;
  PageCount count;

  static constexpr PageRange FromTo(PageIndex begin, PageIndex end) { return {begin, end - begin}; }
  constexpr PageIndex end() const { return first + count; }
  constexpr bool empty() const { return count.value() == 0; }
  friend constexpr bool operator==(PageRange, PageRange) = default;
};

// What is waited for; only its source's side knows more of it.
class PageRequest {
 public:
  virtual ~PageRequest() = default;
};

// Where an operation that returns ABORTED leaves what its caller waits for. An operation that is given none (null) and
// would need one fails with UNAVAILABLE.
struct PageWait {
  std::shared_ptr<PageRequest> request;
};

class PageSource {
 public:
  enum class Need : uint8_t {
    kRead,   // the pages aren't there
    kDirty,  // the pages are there, clean, and about to be written
  };

  virtual ~PageSource() = default;

  // Asks for a range that isn't empty, all of which is missing. Doesn't wait. Pages that were asked for
  // already and are in flight aren't asked for twice. FAILED_PRECONDITION: the pager is gone or was detached; nobody
  // will ever supply them.
  virtual absl::StatusOr<std::shared_ptr<PageRequest>> Request(Need need, PageRange range) = 0;

  // Nobody needs to wait for these pages any more: they were supplied, became dirty, or are beyond the end now.
  virtual void Resolve(Need need, PageRange range) = 0;

  // The last call: the VMO is gone.
  virtual void Close() = 0;
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_PAGE_SOURCE_H_
