#include "kernel_sim/pager.h"

#include <algorithm>

namespace zirconia::kernel {

void PagerDispatcher::Add(zx_koid_t vmo, const std::shared_ptr<PagerSource>& source) {
  absl::ReleasableMutexLock lock(&mutex_);
  if (closed_) {
    lock.Release();
    source->Abandon();
    return;
  }
  // VMOs that are gone are forgotten when there are twice as many as after the last time.
  if (sources_.size() >= prune_at_) {
    absl::erase_if(sources_, [](const auto& entry) { return entry.second.expired(); });
    prune_at_ = std::max<size_t>(64, 2 * sources_.size());
  }
  sources_[vmo] = source;
}

std::shared_ptr<PagerSource> PagerDispatcher::SourceOf(zx_koid_t vmo) const {
  absl::MutexLock lock(&mutex_);
  const auto it = sources_.find(vmo);
  return it == sources_.end() ? nullptr : it->second.lock();
}

void PagerDispatcher::OnZeroHandles() {
  decltype(sources_) sources;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    sources.swap(sources_);
  }
  for (const auto& [koid, weak] : sources) {
    if (const auto source = weak.lock()) source->Abandon();
  }
}

}  // namespace zirconia::kernel
