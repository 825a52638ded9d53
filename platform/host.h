// The one seam to the host's memory calls.
#ifndef ZIRCONIA_PLATFORM_HOST_H_
#define ZIRCONIA_PLATFORM_HOST_H_

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

// What a file is, as far as a mapping of it shows.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
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
};
inline constexpr size_t kHostCallKinds = static_cast<size_t>(HostCall::kClose) + 1;

// The name of the host's own call, e.g. "mmap".
std::string_view HostCallName(HostCall call);

// Every host memory call that Zirconia makes goes through a `Host`: one method for each call, arguments and failures as
// the host has them, no policy. `LinuxHost` makes the calls; counting, tracing, fault-injecting and other-host models
// wrap another `Host`
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

 protected:
  Host& base() const { return base_; }

 private:
  Host& base_;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_HOST_H_
