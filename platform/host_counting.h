// Counts host calls.
#ifndef ZIRCONIA_PLATFORM_HOST_COUNTING_H_
#define ZIRCONIA_PLATFORM_HOST_COUNTING_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "platform/host.h"

namespace zirconia::platform {

// How many calls of each kind were made, successful or not.
struct HostCallCounts {
  std::array<uint64_t, kHostCallKinds> by_kind{};
  uint64_t operator[](HostCall call) const { return by_kind[static_cast<size_t>(call)]; }
  uint64_t total() const;
  // What was counted since `earlier`.
  friend HostCallCounts operator-(HostCallCounts later, const HostCallCounts& earlier) {
    for (size_t i = 0; i < kHostCallKinds; ++i) later.by_kind[i] -= earlier.by_kind[i];
    return later;
  }
};

// Counts each call and hands it on. Counting costs a relaxed increment; reading is allowed at any time from any thread.
class CountingHost final : public ForwardingHost {
 public:
  explicit CountingHost(Host& base) : ForwardingHost(base) {}

  HostCallCounts counts() const;

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
  void Count(HostCall call) { counts_[static_cast<size_t>(call)].fetch_add(1, std::memory_order_relaxed); }

  std::array<std::atomic<uint64_t>, kHostCallKinds> counts_{};
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_HOST_COUNTING_H_
