// The machine's physical memory: one file of the host.
#ifndef ZIRCONIA_PLATFORM_BACKING_FILE_H_
#define ZIRCONIA_PLATFORM_BACKING_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "mm/physical_memory.h"
#include "mm/units.h"
#include "platform/backing_policy.h"
#include "platform/backing_storage.h"
#include "platform/forks.h"
#include "platform/host.h"
#include "platform/owned_fd.h"

namespace zirconia::platform {

// A sparse file and a linear mapping of all of it for the kernel's own use. Frame n is page n of the file. By default
// it is a memfd whose size is sealed, so that nobody who holds its descriptor can shrink it under the kernel; other
// kinds are for hosts that have none (BackingPolicy). Guest mappings in windows are all made from `fd()`: one open
// description, so that neighbours merge. Thread-safe.
class BackingFile final : public mm::PhysicalMemory {
 public:
  struct Options {
    mm::PageCount size;  // of the machine; at least 1. Memory is taken from the host only as frames are secured
    std::string name = "zirconia";  // of a memfd, shown in /proc/PID/maps as /memfd:NAME
    bool needs_executable = true;   // guests run code from it: the host is asked once whether it allows that
    BackingChoice backing = {};     // a memfd, unless the caller chose otherwise
  };

  // `host` must outlive the file. INVALID_ARGUMENT: a size of 0, or beyond what the host has addresses for.
  // FAILED_PRECONDITION: the host refuses executable mappings of such a file; the message names the cause. Otherwise
  // what BackingStorage says.
  static absl::StatusOr<std::unique_ptr<BackingFile>> Create(Host& host, const Options& options);
  ~BackingFile() override;

  mm::PageCount size() const override { return size_; }
  absl::Status Secure(mm::FrameRun run) override;
  absl::Status Discard(mm::FrameRun run) override;

  // The file by an open description of its own, through which nothing can be written or resized, for another process.
  // From then on the file's mode is 0400: so that a peer of another user can't open it for writing by way of its
  // descriptor (SHARING.md says what one of the same user can). FAILED_PRECONDITION: the size isn't sealed.
  absl::StatusOr<OwnedFd> OpenReadOnly();

  int fd() const { return storage_->fd(); }
  BackingPolicy policy() const { return storage_->policy(); }
  bool size_is_sealed() const { return storage_->size_is_sealed(); }
  // How /proc/self/maps names the file.
  struct MapsIdentity {
    uint64_t device = 0;
    uint64_t inode = 0;
  };
  const MapsIdentity& maps_identity() const { return maps_identity_; }
  Host& host() const { return host_; }

 private:
  BackingFile(Host& host, std::unique_ptr<BackingStorage> storage, mm::PageCount size)
      : PhysicalMemory(nullptr), host_(host), storage_(std::move(storage)), size_(size) {}

  absl::Status MapLinear();
  absl::Status LearnMapsIdentity();

  Host& host_;
  const std::unique_ptr<BackingStorage> storage_;
  const mm::PageCount size_;
  const uint32_t forks_ = ForkCount();
  MapsIdentity maps_identity_;
  uintptr_t linear_address_ = 0;  // 0: not mapped
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_BACKING_FILE_H_
