#include "mm/discard_list.h"

#include "mm/vm_pages.h"

namespace zirconia::mm {

void DiscardList::Add(VmPages& pages, Place& place) {
  absl::MutexLock lock(&mutex_);
  place = pages_.insert(pages_.end(), &pages);
}

void DiscardList::Remove(Place& place) {
  absl::MutexLock lock(&mutex_);
  if (place.has_value()) pages_.erase(*place);
  place.reset();
}

bool DiscardList::DiscardOne() {
  FreedFrames freed;
  absl::MutexLock lock(&mutex_);
  for (VmPages* const pages : pages_) {
    if (!pages->mutex().TryLock()) continue;
    const bool done = pages->Discard(freed);
    pages->mutex().Unlock();
    if (done) return true;
  }
  return false;
}

}  // namespace zirconia::mm
