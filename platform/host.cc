#include "platform/host.h"

namespace zirconia::platform {

std::string_view HostCallName(HostCall call) {
  switch (call) {
    case HostCall::kMmap:
      return "mmap";
    case HostCall::kMunmap:
      return "munmap";
    case HostCall::kMprotect:
      return "mprotect";
    case HostCall::kMremap:
      return "mremap";
    case HostCall::kMadvise:
      return "madvise";
    case HostCall::kMemfdCreate:
      return "memfd_create";
    case HostCall::kFtruncate:
      return "ftruncate";
    case HostCall::kFallocate:
      return "fallocate";
    case HostCall::kAddSeals:
      return "fcntl";
    case HostCall::kFstat:
      return "fstat";
    case HostCall::kOpen:
      return "open";
    case HostCall::kRead:
      return "read";
    case HostCall::kClose:
      return "close";
    case HostCall::kGetSeals:
      return "fcntl(F_GET_SEALS)";
    case HostCall::kFchmod:
      return "fchmod";
    case HostCall::kFlock:
      return "flock";
    case HostCall::kStat:
      return "stat";
    case HostCall::kReadlink:
      return "readlink";
    case HostCall::kUnlink:
      return "unlink";
    case HostCall::kGetdents:
      return "getdents64";
    case HostCall::kPread:
      return "pread";
    case HostCall::kPwrite:
      return "pwrite";
    case HostCall::kSocket:
      return "socket";
    case HostCall::kBind:
      return "bind";
    case HostCall::kListen:
      return "listen";
    case HostCall::kAccept:
      return "accept4";
    case HostCall::kConnect:
      return "connect";
    case HostCall::kShutdown:
      return "shutdown";
    case HostCall::kSendmsg:
      return "sendmsg";
    case HostCall::kRecvmsg:
      return "recvmsg";
    case HostCall::kPeerCredentials:
      return "getsockopt";
    case HostCall::kPoll:
      return "poll";
    case HostCall::kSpawn:
      return "posix_spawn";
    case HostCall::kWaitpid:
      return "waitpid";
  }
  return "unknown";
}

HostOutcome ForwardingHost::RegisterReservation(mm::VirtRange range) { return base_.RegisterReservation(range); }
void ForwardingHost::UnregisterReservation(mm::VirtRange range) { base_.UnregisterReservation(range); }
HostResult<uintptr_t> ForwardingHost::Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                                           uint64_t offset) {
  return base_.Mmap(address, length, protection, flags, fd, offset);
}
HostOutcome ForwardingHost::Munmap(uintptr_t address, size_t length) { return base_.Munmap(address, length); }
HostOutcome ForwardingHost::Mprotect(uintptr_t address, size_t length, int protection) {
  return base_.Mprotect(address, length, protection);
}
HostResult<uintptr_t> ForwardingHost::Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                                             uintptr_t new_address) {
  return base_.Mremap(old_address, old_length, new_length, flags, new_address);
}
HostOutcome ForwardingHost::Madvise(uintptr_t address, size_t length, int advice) {
  return base_.Madvise(address, length, advice);
}
HostResult<int> ForwardingHost::MemfdCreate(const char* name, unsigned flags) { return base_.MemfdCreate(name, flags); }
HostOutcome ForwardingHost::Ftruncate(int fd, uint64_t size) { return base_.Ftruncate(fd, size); }
HostOutcome ForwardingHost::Fallocate(int fd, int mode, uint64_t offset, uint64_t length) {
  return base_.Fallocate(fd, mode, offset, length);
}
HostOutcome ForwardingHost::AddSeals(int fd, int seals) { return base_.AddSeals(fd, seals); }
HostResult<FileIdentity> ForwardingHost::Fstat(int fd) { return base_.Fstat(fd); }
HostResult<int> ForwardingHost::Open(const char* path, int flags, unsigned mode) {
  return base_.Open(path, flags, mode);
}
HostResult<size_t> ForwardingHost::Read(int fd, void* buffer, size_t length) { return base_.Read(fd, buffer, length); }
HostOutcome ForwardingHost::Close(int fd) { return base_.Close(fd); }
HostResult<int> ForwardingHost::GetSeals(int fd) { return base_.GetSeals(fd); }
HostOutcome ForwardingHost::Fchmod(int fd, unsigned mode) { return base_.Fchmod(fd, mode); }
HostOutcome ForwardingHost::Flock(int fd, int operation) { return base_.Flock(fd, operation); }
HostResult<FileIdentity> ForwardingHost::Stat(const char* path) { return base_.Stat(path); }
HostResult<size_t> ForwardingHost::Readlink(const char* path, char* buffer, size_t length) {
  return base_.Readlink(path, buffer, length);
}
HostOutcome ForwardingHost::Unlink(const char* path) { return base_.Unlink(path); }
HostResult<size_t> ForwardingHost::Getdents(int fd, void* buffer, size_t length) {
  return base_.Getdents(fd, buffer, length);
}
HostResult<size_t> ForwardingHost::Pread(int fd, void* buffer, size_t length, uint64_t offset) {
  return base_.Pread(fd, buffer, length, offset);
}
HostResult<size_t> ForwardingHost::Pwrite(int fd, const void* buffer, size_t length, uint64_t offset) {
  return base_.Pwrite(fd, buffer, length, offset);
}
HostResult<int> ForwardingHost::Socket(int domain, int type, int protocol) {
  return base_.Socket(domain, type, protocol);
}
HostOutcome ForwardingHost::Bind(int fd, const sockaddr* address, unsigned length) {
  return base_.Bind(fd, address, length);
}
HostOutcome ForwardingHost::Listen(int fd, int backlog) { return base_.Listen(fd, backlog); }
HostResult<int> ForwardingHost::Accept(int fd, int flags) { return base_.Accept(fd, flags); }
HostOutcome ForwardingHost::Connect(int fd, const sockaddr* address, unsigned length) {
  return base_.Connect(fd, address, length);
}
HostOutcome ForwardingHost::Shutdown(int fd, int how) { return base_.Shutdown(fd, how); }
HostResult<size_t> ForwardingHost::Sendmsg(int fd, const msghdr* message, int flags) {
  return base_.Sendmsg(fd, message, flags);
}
HostResult<size_t> ForwardingHost::Recvmsg(int fd, msghdr* message, int flags) {
  return base_.Recvmsg(fd, message, flags);
}
HostResult<PeerIdentity> ForwardingHost::PeerCredentials(int fd) { return base_.PeerCredentials(fd); }
HostResult<int> ForwardingHost::Poll(pollfd* fds, unsigned count, int timeout_ms) {
  return base_.Poll(fds, count, timeout_ms);
}
HostResult<int> ForwardingHost::Spawn(const char* path, const posix_spawn_file_actions_t* actions, char* const* argv,
                                      char* const* envp) {
  return base_.Spawn(path, actions, argv, envp);
}
HostResult<int> ForwardingHost::Waitpid(int pid, int* status, int options) {
  return base_.Waitpid(pid, status, options);
}

}  // namespace zirconia::platform
