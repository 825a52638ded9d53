// What may be discarded when memory runs out.
#ifndef ZIRCONIA_MM_DISCARD_LIST_H_
#define ZIRCONIA_MM_DISCARD_LIST_H_

#include <list>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace zirconia::mm {

class VmPages;

// The discardable VMOs of a machine that nobody has locked, those first that have been unlocked for longest.
//
// Locking: memory runs out while locks of address spaces and VMOs are held, so that those of other VMOs are only tried:
// a VMO that is in use just now is passed over. The list's own lock is taken after any VMO's.
class DiscardList {
 public:
  // Where a VMO stands in the list, if it does: part of the VMO, and the list's.
  using Place = std::optional<std::list<VmPages*>::iterator>;

  void Add(VmPages& pages, Place& place) ABSL_LOCKS_EXCLUDED(mutex_);
  // Without effect if it isn't there. When this returns, nobody discards it any more.
  void Remove(Place& place) ABSL_LOCKS_EXCLUDED(mutex_);

  // Discards what the first one that has pages holds. False: there is none.
  bool DiscardOne() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  std::list<VmPages*> pages_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_DISCARD_LIST_H_
