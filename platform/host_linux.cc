#include "platform/host_linux.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "mm/pool.h"
#include "mm/slab.h"

namespace zirconia::platform {
namespace {

void* Pointer(uintptr_t address) { return reinterpret_cast<void*>(address); }

HostOutcome Outcome(int result) { return {result == 0 ? 0 : errno}; }

HostResult<int> Number(int result) {
  if (result < 0) return {-1, errno};
  return {result, 0};
}

HostResult<size_t> Size(ssize_t result) {
  if (result < 0) return {0, errno};
  return {static_cast<size_t>(result), 0};
}

FileIdentity IdentityFrom(const struct stat& info) {
  return {info.st_dev, info.st_ino, static_cast<uint64_t>(info.st_size), info.st_nlink, info.st_mode, info.st_uid};
}

// The first reservation that ends after `address`.
auto FirstEndingAfter(auto& reservations, mm::VirtAddr address) {
  return std::upper_bound(reservations.begin(), reservations.end(), address,
                          [](mm::VirtAddr a, const mm::VirtRange& r) { return a < r.end(); });
}

// Memory of our own, which no reservation knows of.
void* MapForPool(size_t bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

// A chunk of a slab. It does without as well.
void AdviseChunk(void* chunk, size_t size) { madvise(chunk, size, MADV_HUGEPAGE); }

}  // namespace

LinuxHost::LinuxHost() {
  mm::Pool::SetSource(MapForPool);
  mm::Slab::SetAdvice(AdviseChunk);
}

HostOutcome LinuxHost::RegisterReservation(mm::VirtRange range) {
  absl::MutexLock lock(&mutex_);
  const auto next = FirstEndingAfter(reservations_, range.base);
  if (next != reservations_.end() && next->Overlaps(range)) return {EEXIST};
  reservations_.insert(next, range);
  return {};
}

void LinuxHost::UnregisterReservation(mm::VirtRange range) {
  absl::MutexLock lock(&mutex_);
  std::erase(reservations_, range);
}

bool LinuxHost::IsReserved(uintptr_t address, size_t length) const {
  const mm::VirtRange range{mm::VirtAddr(address), mm::ByteSize(length)};
  if (!range.IsValid()) return false;
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = FirstEndingAfter(reservations_, range.base);
  return found != reservations_.end() && found->Contains(range);
}

HostResult<uintptr_t> LinuxHost::Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                                      uint64_t offset) {
  // MAP_FIXED_NOREPLACE is a flag of its own: it doesn't contain MAP_FIXED.
  if ((flags & MAP_FIXED) != 0 && !IsReserved(address, length)) return {0, EPERM};
  void* const result = ::mmap(Pointer(address), length, protection, flags, fd, static_cast<off_t>(offset));
  if (result == MAP_FAILED) return {0, errno};
  return {reinterpret_cast<uintptr_t>(result), 0};
}

HostOutcome LinuxHost::Munmap(uintptr_t address, size_t length) { return Outcome(::munmap(Pointer(address), length)); }

HostOutcome LinuxHost::Mprotect(uintptr_t address, size_t length, int protection) {
  return Outcome(::mprotect(Pointer(address), length, protection));
}

HostResult<uintptr_t> LinuxHost::Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                                        uintptr_t new_address) {
  if ((flags & MREMAP_FIXED) != 0 && !IsReserved(new_address, new_length)) return {0, EPERM};
  void* const result = ::mremap(Pointer(old_address), old_length, new_length, flags, Pointer(new_address));
  if (result == MAP_FAILED) return {0, errno};
  return {reinterpret_cast<uintptr_t>(result), 0};
}

HostOutcome LinuxHost::Madvise(uintptr_t address, size_t length, int advice) {
  return Outcome(::madvise(Pointer(address), length, advice));
}

HostResult<int> LinuxHost::MemfdCreate(const char* name, unsigned flags) { return Number(::memfd_create(name, flags)); }

HostOutcome LinuxHost::Ftruncate(int fd, uint64_t size) { return Outcome(::ftruncate(fd, static_cast<off_t>(size))); }

HostOutcome LinuxHost::Fallocate(int fd, int mode, uint64_t offset, uint64_t length) {
  return Outcome(::fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(length)));
}

HostOutcome LinuxHost::AddSeals(int fd, int seals) { return Outcome(::fcntl(fd, F_ADD_SEALS, seals)); }

HostResult<FileIdentity> LinuxHost::Fstat(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return {{}, errno};
  return {IdentityFrom(info), 0};
}

HostResult<FileIdentity> LinuxHost::Stat(const char* path) {
  struct stat info {};
  if (::stat(path, &info) != 0) return {{}, errno};
  return {IdentityFrom(info), 0};
}

HostResult<int> LinuxHost::Open(const char* path, int flags, unsigned mode) {
  return Number(::open(path, flags, mode));
}

HostResult<size_t> LinuxHost::Read(int fd, void* buffer, size_t length) { return Size(::read(fd, buffer, length)); }

HostOutcome LinuxHost::Close(int fd) { return Outcome(::close(fd)); }

HostResult<int> LinuxHost::GetSeals(int fd) { return Number(::fcntl(fd, F_GET_SEALS)); }

HostOutcome LinuxHost::Fchmod(int fd, unsigned mode) { return Outcome(::fchmod(fd, mode)); }

HostOutcome LinuxHost::Flock(int fd, int operation) { return Outcome(::flock(fd, operation)); }

HostResult<size_t> LinuxHost::Readlink(const char* path, char* buffer, size_t length) {
  return Size(::readlink(path, buffer, length));
}

HostOutcome LinuxHost::Unlink(const char* path) { return Outcome(::unlink(path)); }

HostResult<size_t> LinuxHost::Getdents(int fd, void* buffer, size_t length) {
  return Size(::syscall(SYS_getdents64, fd, buffer, length));
}

HostResult<size_t> LinuxHost::Pread(int fd, void* buffer, size_t length, uint64_t offset) {
  return Size(::pread(fd, buffer, length, static_cast<off_t>(offset)));
}

HostResult<size_t> LinuxHost::Pwrite(int fd, const void* buffer, size_t length, uint64_t offset) {
  return Size(::pwrite(fd, buffer, length, static_cast<off_t>(offset)));
}

HostResult<int> LinuxHost::Socket(int domain, int type, int protocol) {
  return Number(::socket(domain, type, protocol));
}

HostOutcome LinuxHost::Bind(int fd, const sockaddr* address, unsigned length) {
  return Outcome(::bind(fd, address, length));
}

HostOutcome LinuxHost::Listen(int fd, int backlog) { return Outcome(::listen(fd, backlog)); }

HostResult<int> LinuxHost::Accept(int fd, int flags) { return Number(::accept4(fd, nullptr, nullptr, flags)); }

HostOutcome LinuxHost::Connect(int fd, const sockaddr* address, unsigned length) {
  return Outcome(::connect(fd, address, length));
}

HostOutcome LinuxHost::Shutdown(int fd, int how) { return Outcome(::shutdown(fd, how)); }

HostResult<size_t> LinuxHost::Sendmsg(int fd, const msghdr* message, int flags) {
  return Size(::sendmsg(fd, message, flags));
}

HostResult<size_t> LinuxHost::Recvmsg(int fd, msghdr* message, int flags) {
  return Size(::recvmsg(fd, message, flags));
}

HostResult<PeerIdentity> LinuxHost::PeerCredentials(int fd) {
  ucred credentials{};
  socklen_t length = sizeof(credentials);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return {{}, errno};
  return {{credentials.pid, credentials.uid}, 0};
}

HostResult<int> LinuxHost::Poll(pollfd* fds, unsigned count, int timeout_ms) {
  return Number(::poll(fds, count, timeout_ms));
}

HostResult<int> LinuxHost::Spawn(const char* path, const posix_spawn_file_actions_t* actions, char* const* argv,
                                 char* const* envp) {
  pid_t pid = 0;
  if (const int error = ::posix_spawn(&pid, path, actions, nullptr, argv, envp); error != 0) return {0, error};
  return {pid, 0};
}

HostResult<int> LinuxHost::Waitpid(int pid, int* status, int options) {
  return Number(::waitpid(pid, status, options));
}

}  // namespace zirconia::platform
