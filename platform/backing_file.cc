#include "platform/backing_file.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "platform/host_files.h"

namespace zirconia::platform {

absl::StatusOr<std::unique_ptr<BackingFile>> BackingFile::Create(Host& host, const Options& options) {
  // Linear mapping and windows share 47 bits of addresses.
  constexpr mm::PageCount kLargest = mm::PageCount::Of(mm::ByteSize(uint64_t{1} << 45));
  if (options.size.value() == 0 || options.size > kLargest) {
    return absl::InvalidArgumentError("the size of physical memory must be between one page and 32 TiB");
  }
  BackingStorage::Options storage_options;
  storage_options.name = options.name;
  storage_options.size = options.size.bytes().value();
  storage_options.needs_executable = options.needs_executable;
  auto storage = BackingStorage::Create(host, options.backing, storage_options);
  if (!storage.ok()) return storage.status();
  std::unique_ptr<BackingFile> file(new BackingFile(host, *std::move(storage), options.size));
  if (absl::Status s = file->MapLinear(); !s.ok()) return s;
  if (absl::Status s = file->LearnMapsIdentity(); !s.ok()) return s;
  file->storage_->Keep();
  return file;
}

BackingFile::~BackingFile() {
  if (linear_address_ != 0) (void)host_.Munmap(linear_address_, size_.bytes().value());
}

absl::Status BackingFile::MapLinear() {
  const uint64_t bytes = size_.bytes().value();
  const HostResult<uintptr_t> linear = host_.Mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd(), 0);
  if (!linear.ok()) {
    return absl::ErrnoToStatus(linear.error,
                               absl::StrCat("mmap of all ", bytes, " bytes of the backing file for the kernel"));
  }
  linear_address_ = linear.value;
  set_linear(reinterpret_cast<std::byte*>(linear_address_));
  return absl::OkStatus();
}

// Not from fstat: on stacked file systems (overlayfs, and so most containers; btrfs) that has other numbers.
absl::Status BackingFile::LearnMapsIdentity() {
  const auto vmas = ReadHostVmas(host_, {mm::VirtAddr(linear_address_), mm::ByteSize(mm::kPageSize)});
  if (!vmas.ok()) return vmas.status();
  if (vmas->empty()) return absl::FailedPreconditionError("/proc/self/maps doesn't show the backing file");
  maps_identity_ = {vmas->front().device, vmas->front().inode};
  return absl::OkStatus();
}

absl::StatusOr<OwnedFd> BackingFile::OpenReadOnly() {
  if (!size_is_sealed()) return absl::FailedPreconditionError("the size of the backing file isn't sealed");
  constexpr unsigned kReadableByOwner = 0400;
  if (const HostOutcome o = host_.Fchmod(fd(), kReadableByOwner); !o.ok()) {
    return absl::ErrnoToStatus(o.error, "fchmod of the backing file");
  }
  const HostResult<int> opened = host_.Open(absl::StrCat("/proc/self/fd/", fd()).c_str(), O_RDONLY | O_CLOEXEC, 0);
  if (!opened.ok()) return absl::ErrnoToStatus(opened.error, "opening the backing file for reading");
  return OwnedFd(host_, opened.value);
}

absl::Status BackingFile::Secure(mm::FrameRun run) {
  // The host undoes an interrupted call, so that a steady stream of signals could starve a long one: shorter ones get
  // through.
  mm::PageCount piece = run.count;
  while (!run.empty()) {
    piece = std::min(piece, run.count);
    const HostOutcome o = host_.Fallocate(fd(), 0, run.first.offset().value(), piece.bytes().value());
    if (o.error == EINTR) {
      piece = std::max(mm::PageCount(piece.value() / 2), mm::PageCount(1));
      continue;
    }
    if (!o.ok()) return absl::ResourceExhaustedError("the host has no memory for the frames");
    run = {run.first + piece, run.count - piece};
  }
  return absl::OkStatus();
}

absl::Status BackingFile::Discard(mm::FrameRun run) {
  if (run.empty()) return absl::OkStatus();
  if (forks_ != ForkCount()) return absl::FailedPreconditionError("the memory is the parent's, which uses it");
  while (true) {
    const HostOutcome o = host_.Fallocate(fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, run.first.offset().value(),
                                          run.count.bytes().value());
    if (o.ok()) return absl::OkStatus();
    if (o.error == EINTR) continue;
    return absl::ErrnoToStatus(o.error, "fallocate(FALLOC_FL_PUNCH_HOLE) of the backing file");
  }
}

}  // namespace zirconia::platform
