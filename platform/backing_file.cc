#include "platform/backing_file.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "platform/host_files.h"

namespace zirconia::platform {
namespace {

// Linux 6.3; older headers lack them, and older kernels answer EINVAL.
constexpr unsigned kMfdNoexecSeal = 0x0008;
constexpr unsigned kMfdExec = 0x0010;

// Descriptor of a memfd, executable where the host has a say in it. Where the administrator forbids executable ones
// (vm.memfd_noexec=2), the other kind: the probe shows whether it can be mapped executable all the same.
HostResult<int> CreateMemfd(Host& host, const char* name) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  HostResult<int> fd = host.MemfdCreate(name, kFlags | kMfdExec);
  if (fd.error == EINVAL) return host.MemfdCreate(name, kFlags);
  if (fd.error == EACCES || fd.error == EPERM) return host.MemfdCreate(name, kFlags | kMfdNoexecSeal);
  return fd;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BackingFile>> BackingFile::Create(Host& host, const Options& options) {
  // Linear mapping and windows share 47 bits of addresses.
  constexpr mm::PageCount kLargest = mm::PageCount::Of(mm::ByteSize(uint64_t{1} << 45));
  if (options.size.value() == 0 || options.size > kLargest) {
    return absl::InvalidArgumentError("the size of physical memory must be between one page and 32 TiB");
  }
  const HostResult<int> fd = CreateMemfd(host, options.name.c_str());
  if (!fd.ok()) return absl::ErrnoToStatus(fd.error, "memfd_create for the backing file");
  std::unique_ptr<BackingFile> file(new BackingFile(host, fd.value, options.size));
  if (absl::Status s = file->SizeAndSeal(); !s.ok()) return s;
  if (options.needs_executable) {
    if (absl::Status s = file->ProbeExecutable(); !s.ok()) return s;
  }
  if (absl::Status s = file->MapLinear(); !s.ok()) return s;
  return file;
}

BackingFile::~BackingFile() {
  if (linear_address_ != 0) (void)host_.Munmap(linear_address_, size_.bytes().value());
  (void)host_.Close(fd_);
}

absl::Status BackingFile::SizeAndSeal() {
  const uint64_t bytes = size_.bytes().value();
  if (const HostOutcome o = host_.Ftruncate(fd_, bytes); !o.ok()) {
    return absl::ErrnoToStatus(o.error, absl::StrCat("ftruncate of the backing file to ", bytes, " bytes"));
  }
  if (const HostOutcome o = host_.AddSeals(fd_, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL); !o.ok()) {
    return absl::ErrnoToStatus(o.error, "sealing the size of the backing file");
  }
  const HostResult<FileIdentity> identity = host_.Fstat(fd_);
  if (!identity.ok()) return absl::ErrnoToStatus(identity.error, "fstat of the backing file");
  identity_ = identity.value;
  return absl::OkStatus();
}

absl::Status BackingFile::ProbeExecutable() {
  const HostResult<uintptr_t> probe = host_.Mmap(0, mm::kPageSize, PROT_READ | PROT_EXEC, MAP_SHARED, fd_, 0);
  if (probe.ok()) {
    (void)host_.Munmap(probe.value, mm::kPageSize);
    return absl::OkStatus();
  }
  if (probe.error != EPERM && probe.error != EACCES) {
    return absl::ErrnoToStatus(probe.error, "mmap of the backing file");
  }
  const uint64_t noexec = ReadHostNumber(host_, "/proc/sys/vm/memfd_noexec").value_or(0);
  const std::string cause =
      noexec != 0
          ? absl::StrCat("vm.memfd_noexec is ", noexec, "; set it to 0 for this user or container")
          : "memfd files lie on a mount without exec, or a security module (SELinux execmem, seccomp) forbids it";
  return absl::FailedPreconditionError(absl::StrCat("the host refuses executable mappings of a memfd (",
                                                    probe.error == EPERM ? "EPERM" : "EACCES", "): ", cause));
}

absl::Status BackingFile::MapLinear() {
  const uint64_t bytes = size_.bytes().value();
  const HostResult<uintptr_t> linear = host_.Mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (!linear.ok()) {
    return absl::ErrnoToStatus(linear.error,
                               absl::StrCat("mmap of all ", bytes, " bytes of the backing file for the kernel"));
  }
  linear_address_ = linear.value;
  set_linear(reinterpret_cast<std::byte*>(linear_address_));
  return absl::OkStatus();
}

absl::Status BackingFile::Secure(mm::FrameRun run) {
  // The host undoes an interrupted call, so that a steady stream of signals could starve a long one: shorter ones get
  // through.
  mm::PageCount piece = run.count;
  while (!run.empty()) {
    piece = std::min(piece, run.count);
    const HostOutcome o = host_.Fallocate(fd_, 0, run.first.offset().value(), piece.bytes().value());
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
  while (true) {
    const HostOutcome o = host_.Fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, run.first.offset().value(),
                                          run.count.bytes().value());
    if (o.ok()) return absl::OkStatus();
    if (o.error == EINTR) continue;
    return absl::ErrnoToStatus(o.error, "fallocate(FALLOC_FL_PUNCH_HOLE) of the backing file");
  }
}

}  // namespace zirconia::platform
