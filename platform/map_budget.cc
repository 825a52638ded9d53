#include "platform/map_budget.h"

#include <algorithm>

#include "mm/pool.h"
#include "platform/host_files.h"

namespace zirconia::platform {

uint64_t MapBudget::DefaultLimit(Host& host) {
  // The kernel's own default where /proc doesn't tell.
  const uint64_t host_limit = ReadHostNumber(host, "/proc/sys/vm/max_map_count").value_or(65530);
  return host_limit - std::min<uint64_t>(host_limit / 4, 4096);
}

bool MapBudget::TryCharge(uint64_t n) {
  if (n == 0) return true;
  uint64_t used = used_.load(std::memory_order_relaxed);
  while (used + n <= limit_) {
    if (used_.compare_exchange_weak(used, used + n, std::memory_order_relaxed)) return true;
  }
  return false;
}

bool MapBudget::MakeRoom(uint64_t n) {
  // More than is asked for, so that the next ones find room too; but a small part of what is there.
  const uint64_t wanted = std::max(n, std::min<uint64_t>(limit_ / 16, 256));
  absl::MutexLock lock(&mutex_);
  mm::PoolVector<Client*> by_size(clients_.begin(), clients_.end());  // a page fault may need it
  std::sort(by_size.begin(), by_size.end(), [](const Client* a, const Client* b) {
    if (a->evicted_last() != b->evicted_last()) return b->evicted_last();
    return a->host_mapping_count() > b->host_mapping_count();
  });
  for (Client* const client : by_size) {
    if (client->EvictHostMappings(wanted) > 0) return true;
  }
  return false;
}

void MapBudget::AddClient(Client* client) {
  absl::MutexLock lock(&mutex_);
  clients_.push_back(client);
}

void MapBudget::RemoveClient(Client* client) {
  absl::MutexLock lock(&mutex_);
  std::erase(clients_, client);
}

}  // namespace zirconia::platform
