#include "platform/host_models.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "mm/random.h"
#include "platform/host_files.h"

namespace zirconia::platform {
namespace {

using mm::VirtAddr;
using mm::VirtRange;

// Linux 5.1; older headers lack it.
constexpr int kSealFutureWrite = 0x0010;

VirtRange RangeOf(uintptr_t address, size_t length) {
  const uint64_t rounded = (length + mm::kPageSize - 1) & ~(mm::kPageSize - 1);
  return {VirtAddr(address), mm::ByteSize(rounded)};
}

mm::Protection ToProtection(int protection) {
  return {(protection & PROT_READ) != 0, (protection & PROT_WRITE) != 0, (protection & PROT_EXEC) != 0};
}

// What is mapped in `range`; nothing where /proc can't be read.
mm::PoolVector<HostVma> VmasIn(Host& host, VirtRange range) {
  absl::StatusOr<mm::PoolVector<HostVma>> vmas = ReadHostVmas(host, range);
  return vmas.ok() ? *std::move(vmas) : mm::PoolVector<HostVma>();
}

}  // namespace

TearingHost::TearingHost(Host& base)
    : ForwardingHost(base), socket_(base.Socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0).value) {}

TearingHost::~TearingHost() { (void)base().Close(socket_); }

bool TearingHost::Tear(uintptr_t address, size_t length) {
  const HostResult<uintptr_t> tear = base().Mmap(address, length, PROT_NONE, MAP_SHARED | MAP_FIXED, socket_, 0);
  return tear.error == ENODEV;
}

bool Linux50Host::RunsOut() {
  absl::MutexLock lock(&mutex_);
  return mm::NextRandom(random_) % one_in_ == 0;
}

uint64_t Linux50Host::torn() const {
  absl::MutexLock lock(&mutex_);
  return torn_;
}

HostResult<uintptr_t> Linux50Host::Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                                        uint64_t offset) {
  if ((flags & MAP_FIXED) == 0 || !RunsOut() || !Tear(address, length)) {
    return base().Mmap(address, length, protection, flags, fd, offset);
  }
  absl::MutexLock lock(&mutex_);
  ++torn_;
  return {0, ENOMEM};
}

HostResult<uintptr_t> Linux50Host::Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                                          uintptr_t new_address) {
  if ((flags & MREMAP_FIXED) == 0 || !RunsOut() || !Tear(new_address, new_length)) {
    return base().Mremap(old_address, old_length, new_length, flags, new_address);
  }
  absl::MutexLock lock(&mutex_);
  ++torn_;
  return {0, ENOMEM};
}

HostResult<uintptr_t> Linux61Host::Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                                        uint64_t offset) {
  const bool shared_writable = (flags & MAP_TYPE) != MAP_PRIVATE && (protection & PROT_WRITE) != 0;
  if (fd >= 0 && shared_writable) {
    const HostResult<FileIdentity> file = base().Fstat(fd);
    absl::ReleasableMutexLock lock(&mutex_);
    const bool sealed = file.ok() && sealed_.count({file.value.device, file.value.inode}) != 0;
    lock.Release();
    if (sealed) {
      if ((flags & MAP_FIXED) != 0) (void)Tear(address, length);
      return {0, EPERM};
    }
  }
  return base().Mmap(address, length, protection, flags, fd, offset);
}

HostResult<uintptr_t> Linux61Host::Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                                          uintptr_t new_address) {
  if (old_length != 0) {
    const VirtRange source = RangeOf(old_address, old_length);
    const mm::PoolVector<HostVma> vmas = VmasIn(base(), source);
    if (vmas.size() != 1 || !vmas[0].range.Contains(source)) {
      if ((flags & MREMAP_FIXED) != 0) (void)Tear(new_address, new_length);
      return {0, EFAULT};
    }
  }
  return base().Mremap(old_address, old_length, new_length, flags, new_address);
}

HostOutcome Linux61Host::AddSeals(int fd, int seals) {
  const HostOutcome added = base().AddSeals(fd, seals);
  if (added.ok() && (seals & kSealFutureWrite) != 0) {
    const HostResult<FileIdentity> file = base().Fstat(fd);
    absl::MutexLock lock(&mutex_);
    if (file.ok()) sealed_.insert({file.value.device, file.value.inode});
  }
  return added;
}

bool MacHost::ChildLives(const std::string& executable) { return base().Stat(executable.c_str()).ok(); }

HostResult<uintptr_t> MacHost::Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                                    uint64_t offset) {
  if (fd >= 0 && (protection & PROT_EXEC) != 0) {
    const HostResult<FileIdentity> file = base().Fstat(fd);
    if (file.ok() && file.value.links == 0) return {0, EPERM};
  }
  return base().Mmap(address, length, protection, flags, fd, offset);
}

HostResult<uintptr_t> MacHost::Mremap(uintptr_t, size_t, size_t, int, uintptr_t) { return {0, ENOSYS}; }
HostResult<int> MacHost::MemfdCreate(const char*, unsigned) { return {-1, ENOSYS}; }
HostOutcome MacHost::AddSeals(int, int) { return {EINVAL}; }

HostResult<int> NoMemfdHost::MemfdCreate(const char*, unsigned) { return {-1, ENOSYS}; }

void MapCountHost::set_limit(uint64_t limit) {
  absl::MutexLock lock(&mutex_);
  limit_ = limit;
}

uint64_t MapCountHost::refused() const {
  absl::MutexLock lock(&mutex_);
  return refused_;
}

HostOutcome MapCountHost::RegisterReservation(VirtRange range) {
  const HostOutcome registered = base().RegisterReservation(range);
  absl::MutexLock lock(&mutex_);
  if (registered.ok()) reservations_.push_back(range);
  return registered;
}

void MapCountHost::UnregisterReservation(VirtRange range) {
  base().UnregisterReservation(range);
  absl::MutexLock lock(&mutex_);
  std::erase(reservations_, range);
}

bool MapCountHost::InReservation(VirtRange range) {
  absl::MutexLock lock(&mutex_);
  return std::any_of(reservations_.begin(), reservations_.end(), [&](const VirtRange& r) { return r.Contains(range); });
}

uint64_t MapCountHost::count() {
  std::vector<VirtRange> reservations;
  {
    absl::MutexLock lock(&mutex_);
    reservations = reservations_;
  }
  uint64_t count = 0;
  for (const VirtRange& r : reservations) count += VmasIn(base(), r).size();
  return count;
}

int64_t MapCountHost::GrowthOfReplacing(VirtRange range, int64_t pieces) {
  const mm::PoolVector<HostVma> vmas = VmasIn(base(), range);
  int64_t growth = pieces - static_cast<int64_t>(vmas.size());
  if (!vmas.empty() && vmas.front().range.base < range.base) ++growth;
  if (!vmas.empty() && vmas.back().range.end() > range.end()) ++growth;
  return growth;
}

bool MapCountHost::Fits(int64_t growth) {
  if (growth <= 0) return true;
  const uint64_t now = count();
  absl::MutexLock lock(&mutex_);
  if (now + static_cast<uint64_t>(growth) <= limit_) return true;
  ++refused_;
  return false;
}

HostResult<uintptr_t> MapCountHost::Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                                         uint64_t offset) {
  const VirtRange range = RangeOf(address, length);
  const bool replaces = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0;
  if (replaces && InReservation(range) && !Fits(GrowthOfReplacing(range, 1))) return {0, ENOMEM};
  return base().Mmap(address, length, protection, flags, fd, offset);
}

HostOutcome MapCountHost::Munmap(uintptr_t address, size_t length) {
  const VirtRange range = RangeOf(address, length);
  if (InReservation(range) && !Fits(GrowthOfReplacing(range, 0))) return {ENOMEM};
  return base().Munmap(address, length);
}

HostOutcome MapCountHost::Mprotect(uintptr_t address, size_t length, int protection) {
  const VirtRange range = RangeOf(address, length);
  if (InReservation(range)) {
    int64_t growth = 0;
    for (const HostVma& vma : VmasIn(base(), range)) {
      if (vma.protection == ToProtection(protection)) continue;
      growth += (vma.range.base < range.base ? 1 : 0) + (vma.range.end() > range.end() ? 1 : 0);
    }
    if (!Fits(growth)) return {ENOMEM};
  }
  return base().Mprotect(address, length, protection);
}

HostResult<uintptr_t> MapCountHost::Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                                           uintptr_t new_address) {
  constexpr int64_t kSpare = 6;
  const bool in_reservation = InReservation(RangeOf(new_address, new_length));
  if ((flags & MREMAP_FIXED) != 0 && in_reservation && !Fits(kSpare)) return {0, ENOMEM};
  return base().Mremap(old_address, old_length, new_length, flags, new_address);
}

}  // namespace zirconia::platform
