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

}  // namespace zirconia::platform
