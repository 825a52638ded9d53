// The one seam to the host's calls.
#ifndef ZIRCONIA_PLATFORM_HOST_H_
#define ZIRCONIA_PLATFORM_HOST_H_

#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mm/units.h"

namespace zirconia::platform {

// The result of a host call: a value, or the errno of its failure.
template <typename T>
struct [[nodiscard]] HostResult {
  T value{};
  int error = 0;  // 0: it succeeded
  bool ok() const { return error == 0; }
};

// The result of a host call that returns nothing.
struct [[nodiscard]] HostOutcome {
  int error = 0;
  bool ok() const { return error == 0; }
};

// What a file is.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  uint64_t links = 0;  // names that lead to it
  uint32_t mode = 0;   // kind and permissions, as in struct stat
  uint32_t owner = 0;  // a user's number
  // The same file of the same size; its names and permissions may differ.
  friend bool operator==(const FileIdentity& a, const FileIdentity& b) {
    return a.device == b.device && a.inode == b.inode && a.size == b.size;
  }
};

// Who is at the other end of a Unix socket, as the host says.
struct PeerIdentity {
  int pid = 0;
  uint32_t user = 0;
};

// The kinds of host call, for counting, tracing and injecting faults.
enum class HostCall : uint8_t {
  kMmap,
  kMunmap,
  kMprotect,
  kMremap,
  kMadvise,
  kMemfdCreate,
  kFtruncate,
  kFallocate,
  kAddSeals,
  kFstat,
  kOpen,
  kRead,
  kClose,
  kGetSeals,
  kFchmod,
  kFlock,
  kStat,
  kReadlink,
  kUnlink,
  kGetdents,
  kPread,
  kPwrite,
  kSocket,
  kBind,
  kListen,
  kAccept,
  kConnect,
  kShutdown,
  kSendmsg,
  kRecvmsg,
  kPeerCredentials,
  kPoll,
  kSpawn,
  kWaitpid,
};
inline constexpr size_t kHostCallKinds = static_cast<size_t>(HostCall::kWaitpid) + 1;

// The name of the host's own call, e.g. "mmap".
std::string_view HostCallName(HostCall call);

// Every call of the host that concerns memory, files or other processes goes through a `Host`: one method for each
// call, arguments and failures as the host has them, no policy. `LinuxHost` makes the calls; counting, tracing,
// fault-injecting and other-host models wrap another `Host`
// (`ForwardingHost`). A `Host` stands for one host address space. Thread-safe.
//
// MAP_FIXED and MREMAP_FIXED overwrite what stands in their way, so they are permitted only inside a range that was
// registered as a reservation; elsewhere they fail with EPERM and nothing is called. This holds in all builds.
class Host {
 public:
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host() = default;

  // Permits MAP_FIXED within `range`, which the caller has reserved and owns, until `UnregisterReservation` is given
  // the same range. EEXIST: it overlaps another one. Not host calls: they aren't counted.
  virtual HostOutcome RegisterReservation(mm::VirtRange range) = 0;
  virtual void UnregisterReservation(mm::VirtRange range) = 0;

  virtual HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                                     uint64_t offset) = 0;
  virtual HostOutcome Munmap(uintptr_t address, size_t length) = 0;
  virtual HostOutcome Mprotect(uintptr_t address, size_t length, int protection) = 0;
  virtual HostResult<uintptr_t> Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                                       uintptr_t new_address) = 0;
  virtual HostOutcome Madvise(uintptr_t address, size_t length, int advice) = 0;

  virtual HostResult<int> MemfdCreate(const char* name, unsigned flags) = 0;
  virtual HostOutcome Ftruncate(int fd, uint64_t size) = 0;
  virtual HostOutcome Fallocate(int fd, int mode, uint64_t offset, uint64_t length) = 0;
  virtual HostOutcome AddSeals(int fd, int seals) = 0;  // fcntl(F_ADD_SEALS)
  virtual HostResult<FileIdentity> Fstat(int fd) = 0;
  virtual HostResult<int> Open(const char* path, int flags, unsigned mode) = 0;
  virtual HostResult<size_t> Read(int fd, void* buffer, size_t length) = 0;
  virtual HostOutcome Close(int fd) = 0;
  virtual HostResult<int> GetSeals(int fd) = 0;  // fcntl(F_GET_SEALS)
  virtual HostOutcome Fchmod(int fd, unsigned mode) = 0;
  virtual HostOutcome Flock(int fd, int operation) = 0;
  virtual HostResult<FileIdentity> Stat(const char* path) = 0;
  virtual HostResult<size_t> Readlink(const char* path, char* buffer, size_t length) = 0;
  virtual HostOutcome Unlink(const char* path) = 0;
  virtual HostResult<size_t> Getdents(int fd, void* buffer, size_t length) = 0;
  virtual HostResult<size_t> Pread(int fd, void* buffer, size_t length, uint64_t offset) = 0;
  virtual HostResult<size_t> Pwrite(int fd, const void* buffer, size_t length, uint64_t offset) = 0;
  virtual HostResult<int> Socket(int domain, int type, int protocol) = 0;
  virtual HostOutcome Bind(int fd, const sockaddr* address, unsigned length) = 0;
  virtual HostOutcome Listen(int fd, int backlog) = 0;
  virtual HostResult<int> Accept(int fd, int flags) = 0;  // the peer's address isn't asked for
  virtual HostOutcome Connect(int fd, const sockaddr* address, unsigned length) = 0;
  virtual HostOutcome Shutdown(int fd, int how) = 0;
  virtual HostResult<size_t> Sendmsg(int fd, const msghdr* message, int flags) = 0;
  virtual HostResult<size_t> Recvmsg(int fd, msghdr* message, int flags) = 0;
  virtual HostResult<PeerIdentity> PeerCredentials(int fd) = 0;  // getsockopt(SO_PEERCRED)
  virtual HostResult<int> Poll(pollfd* fds, unsigned count, int timeout_ms) = 0;
  virtual HostResult<int> Spawn(const char* path, const posix_spawn_file_actions_t* actions, char* const* argv,
                                char* const* envp) = 0;
  virtual HostResult<int> Waitpid(int pid, int* status, int options) = 0;
};

// Hands every call on to another host, which must outlive it; wrappers override what they change.
class ForwardingHost : public Host {
 public:
  explicit ForwardingHost(Host& base) : base_(base) {}

  HostOutcome RegisterReservation(mm::VirtRange range) override;
  void UnregisterReservation(mm::VirtRange range) override;
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

 protected:
  Host& base() const { return base_; }

 private:
  Host& base_;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_HOST_H_
