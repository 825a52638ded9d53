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

}  // namespace zirconia::platform
