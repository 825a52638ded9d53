// How many host mappings there may be.
#ifndef ZIRCONIA_PLATFORM_MAP_BUDGET_H_
#define ZIRCONIA_PLATFORM_MAP_BUDGET_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "platform/host.h"

namespace zirconia::platform {

// Counts the host mappings of all windows of a process against a limit that stays below the host's own
// (vm.max_map_count), because a process that meets the host's limit gets ENOMEM from almost everything. When it is
// spent, the tables are asked to evict. One for each host address space. Thread-safe.
//
// Locking: charging is lock-free. The lock over the list of clients is taken before the lock of any of them, so
// `MakeRoom` must not be called with a table's lock held.
class MapBudget {
 public:
  // Who holds mappings that can be evicted: a page table.
  class Client {
   public:
    // Gives up host mappings, at least `wanted` if it has as many to spare. Returns how many fewer there are.
    virtual uint64_t EvictHostMappings(uint64_t wanted) = 0;
    // How many there are now; an estimate is enough. Takes no lock.
    virtual uint64_t host_mapping_count() const = 0;
    // Whether others are asked first.
    virtual bool evicted_last() const { return false; }

   protected:
    ~Client() = default;
  };

  // What the host permits, less a reserve for everything else in this process: heap, libraries, stacks.
  static uint64_t DefaultLimit(Host& host);

  explicit MapBudget(uint64_t limit) : limit_(limit) {}

  // Charges `n` mappings if the limit allows it.
  bool TryCharge(uint64_t n);
  // Charges `n` mappings that exist already.
  void Charge(uint64_t n) { used_.fetch_add(n, std::memory_order_relaxed); }
  void Release(uint64_t n) { used_.fetch_sub(n, std::memory_order_relaxed); }

  // Asks the client with the most mappings to evict some, so that `n` can be charged. False: nothing could be evicted.
  bool MakeRoom(uint64_t n) ABSL_LOCKS_EXCLUDED(mutex_);

  void AddClient(Client* client) ABSL_LOCKS_EXCLUDED(mutex_);
  void RemoveClient(Client* client) ABSL_LOCKS_EXCLUDED(mutex_);

  // Mappings that exist or are promised, and how many may be.
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  uint64_t limit() const { return limit_; }

 private:
  const uint64_t limit_;
  std::atomic<uint64_t> used_{0};
  absl::Mutex mutex_;
  std::vector<Client*> clients_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_MAP_BUDGET_H_
