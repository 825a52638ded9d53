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
  // From the first one on, mm's pool takes its memory from the host, not from the C library, and mm's slabs
  // have huge pages where the host gives them.
  LinuxHost();
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
  HostResult<int> GetSeals(int fd) override;
  HostOutcome Fchmod(int fd, unsigned mode) override;
  HostOutcome Flock(int fd, int operation) override;
  HostResult<FileIdentity> Stat(const char* path) override;
  HostResult<size_t> Readlink(const char* path, char* buffer, size_t length) override;
  HostOutcome Unlink(const char* path) override;
  HostResult<size_t> Getdents(int fd, void* buffer, size_t length) override;
  HostResult<size_t> Pread(int fd, void* buffer, size_t length, uint64_t offset) override;
  HostResult<size_t> Pwrite(int fd, const void* buffer, size_t length, uint64_t offset) override;
  HostResult<int> Socket(int domain, int type, int protocol) override;
  HostOutcome Bind(int fd, const sockaddr* address, unsigned length) override;
  HostOutcome Listen(int fd, int backlog) override;
  HostResult<int> Accept(int fd, int flags) override;
  HostOutcome Connect(int fd, const sockaddr* address, unsigned length) override;
  HostOutcome Shutdown(int fd, int how) override;
  HostResult<size_t> Sendmsg(int fd, const msghdr* message, int flags) override;
  HostResult<size_t> Recvmsg(int fd, msghdr* message, int flags) override;
  HostResult<PeerIdentity> PeerCredentials(int fd) override;
  HostResult<int> Poll(pollfd* fds, unsigned count, int timeout_ms) override;
  HostResult<int> Spawn(const char* path, const posix_spawn_file_actions_t* actions, char* const* argv,
                        char* const* envp) override;
  HostResult<int> Waitpid(int pid, int* status, int options) override;

 private:
  bool IsReserved(uintptr_t address, size_t length) const ABSL_LOCKS_EXCLUDED(mutex_);

  mutable absl::Mutex mutex_;
  std::vector<mm::VirtRange> reservations_ ABSL_GUARDED_BY(mutex_);  // in address order, disjoint
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_HOST_LINUX_H_
