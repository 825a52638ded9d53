#include "mm/discard_list.h"

#include "mm/vm_pages.h"

namespace zirconia::mm {

void DiscardList::Add(VmPages& pages) {
  absl::MutexLock lock(&mutex_);
  pages_.push_back(&pages);
}

void DiscardList::Remove(VmPages& pages) {
  absl::MutexLock lock(&mutex_);
  pages_.remove(&pages);
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
