#include "platform/sealed_copy.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"

namespace zirconia::platform {
namespace {

constexpr unsigned kMfdNoexecSeal = 0x0008;  // Linux 6.3
constexpr int kConstant = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;

absl::Status Error(int error, absl::string_view what) {
  if (error == ENOSPC || error == ENOMEM || error == EDQUOT) {
    return absl::ResourceExhaustedError("the host has no memory for a copy");
  }
  return absl::ErrnoToStatus(error, what);
}

absl::StatusOr<OwnedFd> NewMemfd(Host& host, const std::string& name) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  HostResult<int> fd = host.MemfdCreate(name.c_str(), kFlags | kMfdNoexecSeal);
  if (fd.error == EINVAL) fd = host.MemfdCreate(name.c_str(), kFlags);
  if (!fd.ok()) return Error(fd.error, "memfd_create for a copy");
  return OwnedFd(host, fd.value);
}

absl::Status WriteAll(Host& host, int fd, uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const HostResult<size_t> n = host.Pwrite(fd, bytes.data(), bytes.size(), offset);
    if (n.error == EINTR) continue;
    if (!n.ok()) return Error(n.error, "pwrite to a copy");
    if (n.value == 0) return absl::ResourceExhaustedError("the host has no memory for a copy");
    bytes = bytes.subspan(n.value);
    offset += n.value;
  }
  return absl::OkStatus();
}

// The host refuses while pages are held for writing: by a mapping, or for a moment by input and output under way.
absl::Status Seal(Host& host, int fd) {
  constexpr int kMostAttempts = 50;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    const HostOutcome o = host.AddSeals(fd, kConstant | F_SEAL_SEAL);
    if (o.ok()) return absl::OkStatus();
    if (o.error != EBUSY) return absl::ErrnoToStatus(o.error, "sealing a copy");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return absl::UnavailableError("the copy can't be sealed: something still has it mapped for writing (EBUSY)");
}

}  // namespace

absl::StatusOr<OwnedFd> MakeSealedCopy(Host& host, const std::string& name, uint64_t size,
                                       absl::FunctionRef<absl::Status(CopyWriter)> fill) {
  auto writable = NewMemfd(host, name);
  if (!writable.ok()) return writable.status();
  const int fd = writable->get();
  if (const HostOutcome o = host.Ftruncate(fd, size); !o.ok()) return Error(o.error, "ftruncate of a copy");
  const auto write = [&](uint64_t offset, std::span<const std::byte> bytes) {
    return WriteAll(host, fd, offset, bytes);
  };
  if (absl::Status s = fill(write); !s.ok()) return s;
  if (absl::Status s = Seal(host, fd); !s.ok()) return s;
  const HostResult<int> readable = host.Open(absl::StrCat("/proc/self/fd/", fd).c_str(), O_RDONLY | O_CLOEXEC, 0);
  if (!readable.ok()) return absl::ErrnoToStatus(readable.error, "opening a copy for reading");
  return OwnedFd(host, readable.value);
}

absl::StatusOr<SealedView> SealedView::Map(Host& host, OwnedFd fd) {
  const HostResult<int> seals = host.GetSeals(fd.get());
  if (!seals.ok() || (seals.value & kConstant) != kConstant) {
    return absl::FailedPreconditionError("this memory isn't sealed: it may change or shrink");
  }
  const HostResult<FileIdentity> file = host.Fstat(fd.get());
  if (!file.ok()) return absl::ErrnoToStatus(file.error, "fstat of sealed memory");
  SealedView view(host, std::move(fd), file.value.size);
  if (view.size_ == 0) return view;
  HostResult<uintptr_t> mapped = host.Mmap(0, view.size_, PROT_READ, MAP_SHARED, view.fd_.get(), 0);
  if (mapped.error == EPERM) {
    view.shared_ = false;
    mapped = host.Mmap(0, view.size_, PROT_READ, MAP_PRIVATE, view.fd_.get(), 0);
  }
  if (!mapped.ok()) return absl::ErrnoToStatus(mapped.error, "mmap of sealed memory");
  view.address_ = mapped.value;
  return view;
}

SealedView::~SealedView() {
  if (address_ != 0) (void)host_->Munmap(address_, size_);
}

}  // namespace zirconia::platform
