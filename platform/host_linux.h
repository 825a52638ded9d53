// The host itself: Linux, this process.
#ifndef ZIRCONIA_PLATFORM_HOST_LINUX_H_
#define ZIRCONIA_PLATFORM_HOST_LINUX_H_

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "platform/host.h"

namespace zirconia::platform {

// Makes the calls in this process. There can be several; each knows only the reservations that were registered with it.
class LinuxHost final : public Host {
 public:
  HostOutcome RegisterReservation(mm::VirtRange range) override ABSL_LOCKS_EXCLUDED(mutex_);
  void UnregisterReservation(mm::VirtRange range) override ABSL_LOCKS_EXCLUDED(mutex_);
  HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                             uint64_t offset) override;
  HostOutcome Munmap(uintptr_t address, size_t length) override;
  HostOutcome Mprotect(uintptr_t address, size_t length, int protection) override;
  HostResult<uintptr_t> Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                               uintptr_t new_address) override;
  HostOutcome Madvise(uintptr_t address, size_t length, int advice) override;
  HostResult<int> MemfdCreate(const char* name, unsigned flags) override;
  HostOutcome Ftruncate(int fd, uint64_t size) override;
  HostOutcome Fallocate(int fd, int mode, uint64_t offset, uint64_t length) override;
  HostOutcome AddSeals(int fd, int seals) override;
  HostResult<FileIdentity> Fstat(int fd) override;
  HostResult<int> Open(const char* path, int flags, unsigned mode) override;
  HostResult<size_t> Read(int fd, void* buffer, size_t length) override;
  HostOutcome Close(int fd) override;

 private:
  bool IsReserved(uintptr_t address, size_t length) const ABSL_LOCKS_EXCLUDED(mutex_);

  mutable absl::Mutex mutex_;
  std::vector<mm::VirtRange> reservations_ ABSL_GUARDED_BY(mutex_);  // in address order, disjoint
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_HOST_LINUX_H_
