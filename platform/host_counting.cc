#include "platform/host_counting.h"

#include <numeric>

namespace zirconia::platform {

uint64_t HostCallCounts::total() const { return std::accumulate(by_kind.begin(), by_kind.end(), uint64_t{0}); }

HostCallCounts CountingHost::counts() const {
  HostCallCounts counts;
  for (size_t i = 0; i < kHostCallKinds; ++i) counts.by_kind[i] = counts_[i].load(std::memory_order_relaxed);
  return counts;
}

HostResult<uintptr_t> CountingHost::Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                                         uint64_t offset) {
  Count(HostCall::kMmap);
  return base().Mmap(address, length, protection, flags, fd, offset);
}
HostOutcome CountingHost::Munmap(uintptr_t address, size_t length) {
  Count(HostCall::kMunmap);
  return base().Munmap(address, length);
}
HostOutcome CountingHost::Mprotect(uintptr_t address, size_t length, int protection) {
  Count(HostCall::kMprotect);
  return base().Mprotect(address, length, protection);
}
HostResult<uintptr_t> CountingHost::Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                                           uintptr_t new_address) {
  Count(HostCall::kMremap);
  return base().Mremap(old_address, old_length, new_length, flags, new_address);
}
HostOutcome CountingHost::Madvise(uintptr_t address, size_t length, int advice) {
  Count(HostCall::kMadvise);
  return base().Madvise(address, length, advice);
}
HostResult<int> CountingHost::MemfdCreate(const char* name, unsigned flags) {
  Count(HostCall::kMemfdCreate);
  return base().MemfdCreate(name, flags);
}
HostOutcome CountingHost::Ftruncate(int fd, uint64_t size) {
  Count(HostCall::kFtruncate);
  return base().Ftruncate(fd, size);
}
HostOutcome CountingHost::Fallocate(int fd, int mode, uint64_t offset, uint64_t length) {
  Count(HostCall::kFallocate);
  return base().Fallocate(fd, mode, offset, length);
}
HostOutcome CountingHost::AddSeals(int fd, int seals) {
  Count(HostCall::kAddSeals);
  return base().AddSeals(fd, seals);
}
HostResult<FileIdentity> CountingHost::Fstat(int fd) {
  Count(HostCall::kFstat);
  return base().Fstat(fd);
}
HostResult<int> CountingHost::Open(const char* path, int flags, unsigned mode) {
  Count(HostCall::kOpen);
  return base().Open(path, flags, mode);
}
HostResult<size_t> CountingHost::Read(int fd, void* buffer, size_t length) {
  Count(HostCall::kRead);
  return base().Read(fd, buffer, length);
}
HostOutcome CountingHost::Close(int fd) {
  Count(HostCall::kClose);
  return base().Close(fd);
}
HostResult<int> CountingHost::GetSeals(int fd) {
  Count(HostCall::kGetSeals);
  return base().GetSeals(fd);
}
HostOutcome CountingHost::Fchmod(int fd, unsigned mode) {
  Count(HostCall::kFchmod);
  return base().Fchmod(fd, mode);
}
HostOutcome CountingHost::Flock(int fd, int operation) {
  Count(HostCall::kFlock);
  return base().Flock(fd, operation);
}
HostResult<FileIdentity> CountingHost::Stat(const char* path) {
  Count(HostCall::kStat);
  return base().Stat(path);
}
HostResult<size_t> CountingHost::Readlink(const char* path, char* buffer, size_t length) {
  Count(HostCall::kReadlink);
  return base().Readlink(path, buffer, length);
}
HostOutcome CountingHost::Unlink(const char* path) {
  Count(HostCall::kUnlink);
  return base().Unlink(path);
}
HostResult<size_t> CountingHost::Getdents(int fd, void* buffer, size_t length) {
  Count(HostCall::kGetdents);
  return base().Getdents(fd, buffer, length);
}
HostResult<size_t> CountingHost::Pread(int fd, void* buffer, size_t length, uint64_t offset) {
  Count(HostCall::kPread);
  return base().Pread(fd, buffer, length, offset);
}
HostResult<size_t> CountingHost::Pwrite(int fd, const void* buffer, size_t length, uint64_t offset) {
  Count(HostCall::kPwrite);
  return base().Pwrite(fd, buffer, length, offset);
}
HostResult<int> CountingHost::Socket(int domain, int type, int protocol) {
  Count(HostCall::kSocket);
  return base().Socket(domain, type, protocol);
}
HostOutcome CountingHost::Bind(int fd, const sockaddr* address, unsigned length) {
  Count(HostCall::kBind);
  return base().Bind(fd, address, length);
}
HostOutcome CountingHost::Listen(int fd, int backlog) {
  Count(HostCall::kListen);
  return base().Listen(fd, backlog);
}
HostResult<int> CountingHost::Accept(int fd, int flags) {
  Count(HostCall::kAccept);
  return base().Accept(fd, flags);
}
HostOutcome CountingHost::Connect(int fd, const sockaddr* address, unsigned length) {
  Count(HostCall::kConnect);
  return base().Connect(fd, address, length);
}
HostOutcome CountingHost::Shutdown(int fd, int how) {
  Count(HostCall::kShutdown);
  return base().Shutdown(fd, how);
}
HostResult<size_t> CountingHost::Sendmsg(int fd, const msghdr* message, int flags) {
  Count(HostCall::kSendmsg);
  return base().Sendmsg(fd, message, flags);
}
HostResult<size_t> CountingHost::Recvmsg(int fd, msghdr* message, int flags) {
  Count(HostCall::kRecvmsg);
  return base().Recvmsg(fd, message, flags);
}
HostResult<PeerIdentity> CountingHost::PeerCredentials(int fd) {
  Count(HostCall::kPeerCredentials);
  return base().PeerCredentials(fd);
}
HostResult<int> CountingHost::Poll(pollfd* fds, unsigned count, int timeout_ms) {
  Count(HostCall::kPoll);
  return base().Poll(fds, count, timeout_ms);
}
HostResult<int> CountingHost::Spawn(const char* path, const posix_spawn_file_actions_t* actions, char* const* argv,
                                    char* const* envp) {
  Count(HostCall::kSpawn);
  return base().Spawn(path, actions, argv, envp);
}
HostResult<int> CountingHost::Waitpid(int pid, int* status, int options) {
  Count(HostCall::kWaitpid);
  return base().Waitpid(pid, status, options);
}

}  // namespace zirconia::platform
