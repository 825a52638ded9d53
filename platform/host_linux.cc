#include "platform/host_linux.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace zirconia::platform {
namespace {

void* Pointer(uintptr_t address) { return reinterpret_cast<void*>(address); }

HostOutcome Outcome(int result) { return {result == 0 ? 0 : errno}; }

// The first reservation that ends after `address`.
auto FirstEndingAfter(auto& reservations, mm::VirtAddr address) {
  return std::upper_bound(reservations.begin(), reservations.end(), address,
                          [](mm::VirtAddr a, const mm::VirtRange& r) { return a < r.end(); });
}

}  // namespace

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

HostResult<int> LinuxHost::MemfdCreate(const char* name, unsigned flags) {
  const int fd = ::memfd_create(name, flags);
  if (fd < 0) return {-1, errno};
  return {fd, 0};
}

HostOutcome LinuxHost::Ftruncate(int fd, uint64_t size) { return Outcome(::ftruncate(fd, static_cast<off_t>(size))); }

HostOutcome LinuxHost::Fallocate(int fd, int mode, uint64_t offset, uint64_t length) {
  return Outcome(::fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(length)));
}

HostOutcome LinuxHost::AddSeals(int fd, int seals) { return Outcome(::fcntl(fd, F_ADD_SEALS, seals)); }

HostResult<FileIdentity> LinuxHost::Fstat(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return {{}, errno};
  return {{info.st_dev, info.st_ino, static_cast<uint64_t>(info.st_size)}, 0};
}

HostResult<int> LinuxHost::Open(const char* path, int flags, unsigned mode) {
  const int fd = ::open(path, flags, mode);
  if (fd < 0) return {-1, errno};
  return {fd, 0};
}

HostResult<size_t> LinuxHost::Read(int fd, void* buffer, size_t length) {
  const ssize_t count = ::read(fd, buffer, length);
  if (count < 0) return {0, errno};
  return {static_cast<size_t>(count), 0};
}

HostOutcome LinuxHost::Close(int fd) { return Outcome(::close(fd)); }

}  // namespace zirconia::platform
