// Models of hosts that behave otherwise than this one.
#ifndef ZIRCONIA_PLATFORM_HOST_MODELS_H_
#define ZIRCONIA_PLATFORM_HOST_MODELS_H_

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "mm/units.h"
#include "platform/host.h"

namespace zirconia::platform {

// Each wraps a host and changes only what its name says; what it tears is really torn. They can be stacked. Thread-safe
// as far as the call itself is: between looking at what is mapped and calling, another thread may change it.

// What tearing models share: a failing MAP_FIXED that takes away what was there.
class TearingHost : public ForwardingHost {
 public:
  explicit TearingHost(Host& base);
  ~TearingHost() override;

 protected:
  // Leaves a hole in the range, if it lies in a reservation. False: nothing happened.
  bool Tear(uintptr_t address, size_t length);

 private:
  const int socket_;  // can't be mapped: the host finds out after it has unmapped
};

// Linux 5.0: MAP_FIXED (and MREMAP_FIXED) unmap first, and may then fail with ENOMEM. Here one call of `one_in` does,
// by `seed`.
class Linux50Host final : public TearingHost {
 public:
  Linux50Host(Host& base, uint64_t seed, uint64_t one_in) : TearingHost(base), one_in_(one_in), random_(seed) {}

  uint64_t torn() const ABSL_LOCKS_EXCLUDED(mutex_);

  HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                             uint64_t offset) override;
  HostResult<uintptr_t> Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                               uintptr_t new_address) override;

 private:
  bool RunsOut() ABSL_LOCKS_EXCLUDED(mutex_);

  const uint64_t one_in_;
  mutable absl::Mutex mutex_;
  uint64_t random_ ABSL_GUARDED_BY(mutex_);
  uint64_t torn_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Linux 6.1: moving a range that isn't wholly in one mapping is EFAULT, and the target is lost; a shared writable
// MAP_FIXED of a file with F_SEAL_FUTURE_WRITE is EPERM, and what was there is lost.
class Linux61Host final : public TearingHost {
 public:
  using TearingHost::TearingHost;

  HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                             uint64_t offset) override;
  HostResult<uintptr_t> Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                               uintptr_t new_address) override;
  HostOutcome AddSeals(int fd, int seals) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  // Device and inode of the files that are sealed so.
  std::set<std::pair<uint64_t, uint64_t>> sealed_ ABSL_GUARDED_BY(mutex_);
};

// macOS: an executable mapping of a file without a name is EPERM (the real one does so sometimes); there is no memfd,
// no seal and no mremap. The child of a fork dies when the parent's executable is no longer on disk.
class MacHost final : public ForwardingHost {
 public:
  using ForwardingHost::ForwardingHost;

  // Whether a child that is forked now would live. `executable` is the path of the parent's executable.
  bool ChildLives(const std::string& executable);

  HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                             uint64_t offset) override;
  HostResult<uintptr_t> Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                               uintptr_t new_address) override;
  HostResult<int> MemfdCreate(const char* name, unsigned flags) override;
  HostOutcome AddSeals(int fd, int seals) override;
};

// A host without memfd_create: ENOSYS.
class NoMemfdHost final : public ForwardingHost {
 public:
  using ForwardingHost::ForwardingHost;
  HostResult<int> MemfdCreate(const char* name, unsigned flags) override;
};

// A host at its map-count limit: a call that could leave more mappings in the reservations than `limit` is ENOMEM, and
// nothing has happened. What lies outside of reservations isn't counted, so that counts are exact; that neighbours may
// merge isn't counted on. mremap wants six to spare, as on Linux.
class MapCountHost final : public ForwardingHost {
 public:
  MapCountHost(Host& base, uint64_t limit) : ForwardingHost(base), limit_(limit) {}

  void set_limit(uint64_t limit) ABSL_LOCKS_EXCLUDED(mutex_);
  // How many mappings stand in the reservations now.
  uint64_t count() ABSL_LOCKS_EXCLUDED(mutex_);
  // How many calls were refused.
  uint64_t refused() const ABSL_LOCKS_EXCLUDED(mutex_);

  HostOutcome RegisterReservation(mm::VirtRange range) override ABSL_LOCKS_EXCLUDED(mutex_);
  void UnregisterReservation(mm::VirtRange range) override ABSL_LOCKS_EXCLUDED(mutex_);
  HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                             uint64_t offset) override;
  HostOutcome Munmap(uintptr_t address, size_t length) override;
  HostOutcome Mprotect(uintptr_t address, size_t length, int protection) override;
  HostResult<uintptr_t> Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                               uintptr_t new_address) override;

 private:
  // By how many mappings the count grows when `range` is cut out of what stands there and becomes `pieces` mappings.
  int64_t GrowthOfReplacing(mm::VirtRange range, int64_t pieces);
  // Whether that many more fit; notes a refusal.
  bool Fits(int64_t growth) ABSL_LOCKS_EXCLUDED(mutex_);
  bool InReservation(mm::VirtRange range) ABSL_LOCKS_EXCLUDED(mutex_);

  mutable absl::Mutex mutex_;
  uint64_t limit_ ABSL_GUARDED_BY(mutex_);
  uint64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<mm::VirtRange> reservations_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_HOST_MODELS_H_
