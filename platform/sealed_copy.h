// Memory that a peer can know never to change.
#ifndef ZIRCONIA_PLATFORM_SEALED_COPY_H_
#define ZIRCONIA_PLATFORM_SEALED_COPY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "platform/host.h"
#include "platform/owned_fd.h"

namespace zirconia::platform {

// Puts bytes into a copy that is being made; the rest of it is zeros.
using CopyWriter = absl::FunctionRef<absl::Status(uint64_t offset, std::span<const std::byte> bytes)>;

// A memfd of `size` bytes with what `fill` writes into it, then sealed: nobody, its maker included, can write or
// resize it, or lift the seals. It is filled by write calls, not through a mapping, which would stand in the way of the
// seal. The descriptor is for reading only, so that kernels map it shared which refuse that to a writable one.
// UNAVAILABLE: the host says for long that writable mappings of it live (EBUSY). RESOURCE_EXHAUSTED: no memory.
// Otherwise what `fill` returned, or the host's error.
absl::StatusOr<OwnedFd> MakeSealedCopy(Host& host, const std::string& name, uint64_t size,
                                       absl::FunctionRef<absl::Status(CopyWriter)> fill);

// A peer's view of such a copy.
class SealedView {
 public:
  // FAILED_PRECONDITION: it isn't sealed against writing, growing and shrinking. Otherwise the host's error. Mapped
  // shared; privately where the host refuses that for sealed files (EPERM), which shows the same bytes.
  static absl::StatusOr<SealedView> Map(Host& host, OwnedFd fd);
  SealedView(SealedView&& other) noexcept
      : host_(other.host_),
        fd_(std::move(other.fd_)),
        address_(std::exchange(other.address_, 0)),
        size_(other.size_),
        shared_(other.shared_) {}
  SealedView& operator=(SealedView&&) = delete;
  ~SealedView();

  std::span<const std::byte> bytes() const { return {reinterpret_cast<const std::byte*>(address_), size_}; }
  bool shared() const { return shared_; }

 private:
  SealedView(Host& host, OwnedFd fd, size_t size) : host_(&host), fd_(std::move(fd)), size_(size) {}

  Host* host_;
  OwnedFd fd_;
  uintptr_t address_ = 0;  // 0: nothing is mapped
  size_t size_;
  bool shared_ = true;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_SEALED_COPY_H_
