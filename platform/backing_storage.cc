#include "platform/backing_storage.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mm/units.h"
#include "platform/backing_sweep.h"
#include "platform/host_files.h"

namespace zirconia::platform {
namespace {

// Linux 6.3; older headers lack them, and older kernels answer EINVAL.
constexpr unsigned kMfdNoexecSeal = 0x0008;
constexpr unsigned kMfdExec = 0x0010;

constexpr unsigned kOwnerOnly = 0600;

// Descriptor of a memfd, executable where the host has a say in it. Where the administrator forbids executable ones
// (vm.memfd_noexec=2), the other kind: the probe shows whether it can be mapped executable all the same.
HostResult<int> CreateMemfd(Host& host, const char* name) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  HostResult<int> fd = host.MemfdCreate(name, kFlags | kMfdExec);
  if (fd.error == EINVAL) return host.MemfdCreate(name, kFlags);
  if (fd.error == EACCES || fd.error == EPERM) return host.MemfdCreate(name, kFlags | kMfdNoexecSeal);
  return fd;
}

std::string BaseName(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

}  // namespace

absl::StatusOr<std::unique_ptr<BackingStorage>> BackingStorage::Create(Host& host, const Options& options) {
  std::unique_ptr<BackingStorage> storage(new BackingStorage(host, options));
  if (absl::Status s = storage->MakeFile(); !s.ok()) return s;
  if (options.policy == BackingPolicy::kUnlinked) {
    if (absl::Status s = storage->UnlinkNow(); !s.ok()) return s;
  }
  if (absl::Status s = storage->Size(); !s.ok()) return s;
  if (absl::Status s = storage->ProbeHoles(); !s.ok()) return s;
  if (options.needs_executable) {
    if (absl::Status s = storage->ProbeExecutable(); !s.ok()) return s;
  }
  if (options.policy == BackingPolicy::kUnlinkLate) {
    if (absl::Status s = storage->UnlinkNow(); !s.ok()) return s;
    // Once allowed must be allowed for good: there are hosts that look at the file each time.
    if (options.needs_executable) {
      if (absl::Status s = storage->ProbeExecutable(); !s.ok()) return s;
    }
  }
  return storage;
}

absl::StatusOr<std::unique_ptr<BackingStorage>> BackingStorage::Create(Host& host, const BackingChoice& choice,
                                                                       Options options) {
  std::vector<absl::Status> refusals;
  for (const BackingPolicy policy : choice.policies) {
    options.policy = policy;
    options.path = choice.path;
    const bool has_directory = policy != BackingPolicy::kMemfd && policy != BackingPolicy::kKept;
    for (const std::string& directory : has_directory ? choice.Directories() : std::vector<std::string>{""}) {
      options.directory = directory;
      auto made = Create(host, options);
      if (made.ok()) return made;
      refusals.push_back(made.status());
    }
  }
  if (refusals.empty()) return absl::InvalidArgumentError("no policy for the backing file was named");
  if (refusals.size() == 1) return refusals.front();
  return absl::FailedPreconditionError(absl::StrCat(
      "no backing file can be made here: ", absl::StrJoin(refusals, "; ", [](std::string* text, const absl::Status& s) {
        absl::StrAppend(text, s.message());
      })));
}

BackingStorage::~BackingStorage() {
  // While the lock is still held: a name that is free is never one of a living run.
  if (!path_.empty() && !stays_) (void)host_.Unlink(path_.c_str());
  if (fd_ >= 0) (void)host_.Close(fd_);
}

absl::Status BackingStorage::MakeFile() {
  switch (options_.policy) {
    case BackingPolicy::kMemfd: {
      const HostResult<int> fd = CreateMemfd(host_, options_.name.c_str());
      if (!fd.ok()) {
        return Error(fd.error, fd.error == ENOSYS ? "memfd_create doesn't exist on this host" : "memfd_create");
      }
      fd_ = fd.value;
      return absl::OkStatus();
    }
    case BackingPolicy::kTmpfile: {
      const HostResult<int> fd =
          host_.Open(options_.directory.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, kOwnerOnly);
      // Before Linux 3.11 the flag means O_DIRECTORY, and a directory can't be opened for writing.
      if (fd.error == EISDIR || fd.error == EOPNOTSUPP) {
        return Error(fd.error, "this host or file system has no O_TMPFILE");
      }
      if (!fd.ok()) return Error(fd.error, "open with O_TMPFILE");
      fd_ = fd.value;
      return absl::OkStatus();
    }
    default:
      return MakeNamed();
  }
}

absl::Status BackingStorage::MakeNamed() {
  const bool kept = options_.policy == BackingPolicy::kKept;
  if (kept && IsSweepableName(BaseName(options_.path))) {
    return absl::InvalidArgumentError(absl::StrCat("'", options_.path, "' is a name that the next run may sweep"));
  }
  if (!kept) SweepStaleFiles(host_, options_.directory);
  // Lost to a sweeper that came before the lock, or to a file of the same name: again, by another name.
  constexpr int kMostAttempts = 100;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    const std::string path = kept ? options_.path : absl::StrCat(options_.directory, "/", RandomSweepableName());
    const HostResult<int> fd = host_.Open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly);
    if (fd.error == EEXIST && !kept) continue;
    if (fd.error == EEXIST) {
      return absl::AlreadyExistsError(
          absl::StrCat("'", path, "' exists: a backing file is never written over another"));
    }
    if (!fd.ok()) return Error(fd.error, "creating it");
    const HostOutcome locked = host_.Flock(fd.value, LOCK_EX | LOCK_NB);
    const HostResult<FileIdentity> identity = locked.ok() ? host_.Fstat(fd.value) : HostResult<FileIdentity>{};
    if (locked.ok() && identity.ok() && identity.value.links > 0) {
      fd_ = fd.value;
      path_ = path;
      return absl::OkStatus();
    }
    const int error = locked.ok() ? identity.error : locked.error;
    // A sweeper that has the lock takes the name away itself.
    if (error != 0 && error != EWOULDBLOCK) (void)host_.Unlink(path.c_str());
    (void)host_.Close(fd.value);
    if (error != 0 && error != EWOULDBLOCK) return Error(error, locked.ok() ? "fstat" : "locking it (flock)");
  }
  return Error(EAGAIN, "creating it: each one was swept at once");
}

absl::Status BackingStorage::Size() {
  if (const HostOutcome o = host_.Ftruncate(fd_, options_.size); !o.ok()) {
    return Error(o.error, absl::StrCat("ftruncate to ", options_.size, " bytes"));
  }
  if (!size_is_sealed()) return absl::OkStatus();
  if (const HostOutcome o = host_.AddSeals(fd_, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL); !o.ok()) {
    return Error(o.error, "sealing its size");
  }
  return absl::OkStatus();
}

absl::Status BackingStorage::ProbeHoles() {
  if (options_.policy == BackingPolicy::kMemfd) return absl::OkStatus();
  HostOutcome given;
  do given = host_.Fallocate(fd_, 0, 0, mm::kPageSize);
  while (given.error == EINTR);
  if (!given.ok()) return Error(given.error, "fallocate");
  HostOutcome taken;
  do taken = host_.Fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, mm::kPageSize);
  while (taken.error == EINTR);
  if (!taken.ok()) return Error(taken.error, "fallocate(FALLOC_FL_PUNCH_HOLE)");
  return absl::OkStatus();
}

absl::Status BackingStorage::ProbeExecutable() {
  const HostResult<uintptr_t> probe = host_.Mmap(0, mm::kPageSize, PROT_READ | PROT_EXEC, MAP_SHARED, fd_, 0);
  if (probe.ok()) {
    (void)host_.Munmap(probe.value, mm::kPageSize);
    return absl::OkStatus();
  }
  if (probe.error != EPERM && probe.error != EACCES) return Error(probe.error, "mmap");
  std::string cause;
  if (options_.policy == BackingPolicy::kMemfd) {
    const uint64_t noexec = ReadHostNumber(host_, "/proc/sys/vm/memfd_noexec").value_or(0);
    cause = noexec != 0
                ? absl::StrCat("vm.memfd_noexec is ", noexec, "; set it to 0 for this user or container")
                : "memfd files lie on a mount without exec, or a security module (SELinux execmem, seccomp) forbids it";
  } else {
    cause = absl::StrCat("its file system is mounted noexec, or a security module forbids it",
                         path_.empty() ? ", or the host wants the file to have a name" : "");
  }
  return absl::FailedPreconditionError(absl::StrCat("the host refuses executable mappings of ", Description(), " (",
                                                    probe.error == EPERM ? "EPERM" : "EACCES", "): ", cause));
}

absl::Status BackingStorage::UnlinkNow() {
  const HostOutcome o = host_.Unlink(path_.c_str());
  if (!o.ok()) return Error(o.error, "unlink");
  path_.clear();
  return absl::OkStatus();
}

absl::Status BackingStorage::Error(int error, absl::string_view what) const {
  const std::string message = absl::StrCat("the backing file (", Description(), "): ", what);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(absl::StrCat(message, ": the disk is full, or the quota used up"));
    case EROFS:
      return absl::FailedPreconditionError(absl::StrCat(message, ": the file system is read-only"));
    case EACCES:
      return absl::PermissionDeniedError(absl::StrCat(message, ": the directory isn't writable"));
    default:
      return absl::ErrnoToStatus(error, message);
  }
}

std::string BackingStorage::Description() const {
  if (options_.policy == BackingPolicy::kMemfd) return "a memfd";
  if (options_.policy == BackingPolicy::kKept) return absl::StrCat("'", options_.path, "'");
  return absl::StrCat(std::string(BackingPolicyName(options_.policy)), " in ", options_.directory);
}

}  // namespace zirconia::platform
