#include "platform/host_faulty.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "mm/random.h"
#include "mm/units.h"

namespace zirconia::platform {
namespace {

size_t HalfOf(size_t length) { return length / 2 / mm::kPageSize * mm::kPageSize; }

uint64_t Sum(const std::array<std::array<uint64_t, kFaultModes>, kHostCallKinds>& counts) {
  uint64_t sum = 0;
  for (const auto& of_kind : counts) {
    for (const uint64_t n : of_kind) sum += n;
  }
  return sum;
}

}  // namespace

std::string_view FaultModeName(FaultMode mode) {
  switch (mode) {
    case FaultMode::kBefore:
      return "before";
    case FaultMode::kTear:
      return "torn";
    case FaultMode::kTearHalf:
      return "half torn";
    case FaultMode::kHalf:
      return "half done";
    case FaultMode::kUnprovided:
      return "unprovided";
  }
  return "unknown";
}

absl::Span<const int> PlausibleErrors(HostCall call) {
  static constexpr int kMmap[] = {ENOMEM, EPERM, ENODEV, EAGAIN};
  static constexpr int kMprotect[] = {ENOMEM, EACCES};
  static constexpr int kMremap[] = {ENOMEM, EFAULT, EAGAIN};
  static constexpr int kMemory[] = {ENOMEM};
  static constexpr int kFallocate[] = {ENOSPC, ENOMEM, EINTR};
  static constexpr int kDescriptors[] = {EMFILE, ENFILE, ENOMEM};
  static constexpr int kRead[] = {EINTR, EIO, ENOMEM};
  static constexpr int kFile[] = {EIO, EINTR};
  static constexpr int kSeals[] = {EBUSY, EPERM};
  switch (call) {
    case HostCall::kMmap:
      return kMmap;
    case HostCall::kMprotect:
      return kMprotect;
    case HostCall::kMremap:
      return kMremap;
    case HostCall::kFallocate:
      return kFallocate;
    case HostCall::kMemfdCreate:
    case HostCall::kOpen:
    case HostCall::kSocket:
    case HostCall::kAccept:
      return kDescriptors;
    case HostCall::kRead:
    case HostCall::kPread:
    case HostCall::kPwrite:
    case HostCall::kRecvmsg:
    case HostCall::kSendmsg:
      return kRead;
    case HostCall::kAddSeals:
      return kSeals;
    case HostCall::kFtruncate:
    case HostCall::kFstat:
    case HostCall::kClose:
      return kFile;
    default:
      return kMemory;
  }
}

absl::Span<const FaultMode> PlausibleModes(HostCall call) {
  static constexpr FaultMode kMmap[] = {FaultMode::kBefore, FaultMode::kTear, FaultMode::kTearHalf};
  static constexpr FaultMode kMremap[] = {FaultMode::kBefore, FaultMode::kTear, FaultMode::kTearHalf, FaultMode::kHalf};
  static constexpr FaultMode kPieces[] = {FaultMode::kBefore, FaultMode::kHalf};
  static constexpr FaultMode kOthers[] = {FaultMode::kBefore};
  switch (call) {
    case HostCall::kMmap:
      return kMmap;
    case HostCall::kMremap:
      return kMremap;
    case HostCall::kMprotect:
    case HostCall::kMadvise:
    case HostCall::kFallocate:
      return kPieces;
    default:
      return kOthers;
  }
}

uint64_t FaultyHost::Counts::total_fired() const { return Sum(fired); }
uint64_t FaultyHost::Counts::total_effective() const { return Sum(effective); }

FaultyHost::FaultyHost(Host& base, Options options)
    : ForwardingHost(base), options_(options), socket_(base.Socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0).value) {}

FaultyHost::~FaultyHost() { (void)base().Close(socket_); }

void FaultyHost::Begin() {
  plan_.reset();
  random_plan_.reset();
  calls_ = 0;
  still_to_fail_ = HostCallSet{};
  counts_ = Counts();
}

void FaultyHost::Fail(const Plan& plan) {
  absl::MutexLock lock(&mutex_);
  Begin();
  plan_ = plan;
}

void FaultyHost::FailAtRandom(const RandomPlan& plan) {
  absl::MutexLock lock(&mutex_);
  Begin();
  random_plan_ = plan;
  for (size_t kind = 0; kind < kHostCallKinds; ++kind) random_[kind] = plan.seed * kHostCallKinds + kind;
}

void FaultyHost::StopFailing() {
  absl::MutexLock lock(&mutex_);
  Begin();
  if (withheld_.fd < 0) return;
  (void)base().Ftruncate(withheld_.fd, withheld_.size);
  withheld_ = Withheld();
}

FaultyHost::Counts FaultyHost::counts() const {
  absl::MutexLock lock(&mutex_);
  return counts_;
}

bool FaultyHost::withholds() const {
  absl::MutexLock lock(&mutex_);
  return withheld_.fd >= 0;
}

std::optional<FaultyHost::Fault> FaultyHost::Next(HostCall call) {
  if (quiet_.load(std::memory_order_relaxed) != 0) return std::nullopt;
  absl::MutexLock lock(&mutex_);
  Fault fault{call, FaultMode::kBefore, 0};
  if (still_to_fail_.Contains(call)) {
    still_to_fail_.Remove(call);
    fault.mode = plan_->then_mode;
    fault.error = plan_->error;
  } else if (plan_.has_value() && plan_->kinds.Contains(call)) {
    ++calls_;
    if (calls_ < plan_->first || calls_ - plan_->first >= plan_->times) return std::nullopt;
    if (calls_ == plan_->first) still_to_fail_ = plan_->then;
    fault.mode = plan_->mode;
    fault.error = plan_->error;
  } else if (random_plan_.has_value() && random_plan_->kinds.Contains(call)) {
    const size_t kind = static_cast<size_t>(call);
    if (mm::NextRandom(random_[kind]) % random_plan_->one_in != 0) return std::nullopt;
    const absl::Span<const FaultMode> modes = PlausibleModes(call);
    const absl::Span<const int> errors = PlausibleErrors(call);
    fault.mode = modes[mm::NextRandom(random_[kind]) % modes.size()];
    fault.error = errors[mm::NextRandom(random_[kind]) % errors.size()];
  } else {
    return std::nullopt;
  }
  ++counts_.fired[static_cast<size_t>(call)][static_cast<size_t>(fault.mode)];
  if (fault.mode == FaultMode::kBefore) ++counts_.effective[static_cast<size_t>(call)][0];
  return fault;
}

void FaultyHost::Took(const Fault& fault) {
  absl::MutexLock lock(&mutex_);
  ++counts_.effective[static_cast<size_t>(fault.call)][static_cast<size_t>(fault.mode)];
}

void FaultyHost::Tear(const Fault& fault, uintptr_t address, size_t length) {
  const size_t torn = fault.mode == FaultMode::kTear ? length : fault.mode == FaultMode::kTearHalf ? HalfOf(length) : 0;
  if (torn == 0) return;
  // EPERM is our own refusal, outside of reservations: then nothing was torn.
  const HostResult<uintptr_t> tear = base().Mmap(address, torn, PROT_NONE, MAP_SHARED | MAP_FIXED, socket_, 0);
  if (tear.error != 0 && tear.error != EPERM) Took(fault);
}

HostResult<uintptr_t> FaultyHost::Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                                       uint64_t offset) {
  const std::optional<Fault> fault = Next(HostCall::kMmap);
  if (!fault.has_value()) return base().Mmap(address, length, protection, flags, fd, offset);
  if ((flags & MAP_FIXED) != 0) Tear(*fault, address, length);
  return {0, fault->error};
}

HostOutcome FaultyHost::Munmap(uintptr_t address, size_t length) {
  if (const std::optional<Fault> fault = Next(HostCall::kMunmap)) return {fault->error};
  return base().Munmap(address, length);
}

HostOutcome FaultyHost::Mprotect(uintptr_t address, size_t length, int protection) {
  const std::optional<Fault> fault = Next(HostCall::kMprotect);
  if (!fault.has_value()) return base().Mprotect(address, length, protection);
  const size_t half = fault->mode == FaultMode::kHalf ? HalfOf(length) : 0;
  if (half > 0 && base().Mprotect(address, half, protection).ok()) Took(*fault);
  return {fault->error};
}

HostResult<uintptr_t> FaultyHost::Mremap(uintptr_t old_address, size_t old_length, size_t new_length, int flags,
                                         uintptr_t new_address) {
  const std::optional<Fault> fault = Next(HostCall::kMremap);
  if (!fault.has_value()) return base().Mremap(old_address, old_length, new_length, flags, new_address);
  if ((flags & MREMAP_FIXED) != 0) {
    Tear(*fault, new_address, new_length);
    const size_t half = fault->mode == FaultMode::kHalf && old_length == new_length ? HalfOf(old_length) : 0;
    if (half > 0 && base().Mremap(old_address, half, half, flags, new_address).ok()) Took(*fault);
  }
  return {0, fault->error};
}

HostOutcome FaultyHost::Madvise(uintptr_t address, size_t length, int advice) {
  const std::optional<Fault> fault = Next(HostCall::kMadvise);
  if (!fault.has_value()) return base().Madvise(address, length, advice);
  const size_t half = fault->mode == FaultMode::kHalf ? HalfOf(length) : 0;
  if (half > 0 && base().Madvise(address, half, advice).ok()) Took(*fault);
  return {fault->error};
}

HostResult<int> FaultyHost::MemfdCreate(const char* name, unsigned flags) {
  if (const std::optional<Fault> fault = Next(HostCall::kMemfdCreate)) return {-1, fault->error};
  return base().MemfdCreate(name, flags);
}

HostOutcome FaultyHost::Ftruncate(int fd, uint64_t size) {
  if (const std::optional<Fault> fault = Next(HostCall::kFtruncate)) return {fault->error};
  return base().Ftruncate(fd, size);
}

bool FaultyHost::IsWithheld(int fd, uint64_t end) const {
  absl::MutexLock lock(&mutex_);
  return withheld_.fd == fd && end > withheld_.from;
}

bool FaultyHost::Withhold(int fd, uint64_t from) {
  if (!options_.keep_unsealed) return false;
  const HostResult<FileIdentity> file = base().Fstat(fd);
  absl::MutexLock lock(&mutex_);
  const uint64_t end = withheld_.fd == fd ? withheld_.from : file.value.size;
  if (!file.ok() || from >= end || (withheld_.fd >= 0 && withheld_.fd != fd)) return false;
  // Nothing that was written may be lost.
  if (::lseek(fd, static_cast<off_t>(from), SEEK_DATA) >= 0 || errno != ENXIO) return false;
  if (!base().Ftruncate(fd, from).ok()) return false;
  withheld_ = {fd, from, withheld_.fd == fd ? withheld_.size : file.value.size};
  return true;
}

HostOutcome FaultyHost::Fallocate(int fd, int mode, uint64_t offset, uint64_t length) {
  const std::optional<Fault> fault = Next(HostCall::kFallocate);
  if (fault.has_value() && fault->mode == FaultMode::kUnprovided) {
    if ((mode & FALLOC_FL_PUNCH_HOLE) != 0 || !Withhold(fd, offset)) return {fault->error};
    Took(*fault);
    return {};
  }
  // Providing would make the file longer again.
  const bool withheld = (mode & FALLOC_FL_PUNCH_HOLE) == 0 && IsWithheld(fd, offset + length);
  if (!fault.has_value()) return withheld ? HostOutcome{} : base().Fallocate(fd, mode, offset, length);
  const size_t half = fault->mode == FaultMode::kHalf && !withheld ? HalfOf(length) : 0;
  if (half > 0 && base().Fallocate(fd, mode, offset, half).ok()) Took(*fault);
  return {fault->error};
}

HostOutcome FaultyHost::AddSeals(int fd, int seals) {
  if (const std::optional<Fault> fault = Next(HostCall::kAddSeals)) return {fault->error};
  if (options_.keep_unsealed) seals &= ~(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  return seals == 0 ? HostOutcome{} : base().AddSeals(fd, seals);
}

HostResult<FileIdentity> FaultyHost::Fstat(int fd) {
  if (const std::optional<Fault> fault = Next(HostCall::kFstat)) return {{}, fault->error};
  return base().Fstat(fd);
}

HostResult<int> FaultyHost::Open(const char* path, int flags, unsigned mode) {
  if (const std::optional<Fault> fault = Next(HostCall::kOpen)) return {-1, fault->error};
  return base().Open(path, flags, mode);
}

HostResult<size_t> FaultyHost::Read(int fd, void* buffer, size_t length) {
  if (const std::optional<Fault> fault = Next(HostCall::kRead)) return {0, fault->error};
  return base().Read(fd, buffer, length);
}

HostOutcome FaultyHost::Close(int fd) {
  const std::optional<Fault> fault = Next(HostCall::kClose);
  const HostOutcome closed = base().Close(fd);
  return fault.has_value() ? HostOutcome{fault->error} : closed;
}

HostResult<int> FaultyHost::GetSeals(int fd) {
  if (const std::optional<Fault> fault = Next(HostCall::kGetSeals)) return {-1, fault->error};
  return base().GetSeals(fd);
}

HostOutcome FaultyHost::Fchmod(int fd, unsigned mode) {
  if (const std::optional<Fault> fault = Next(HostCall::kFchmod)) return {fault->error};
  return base().Fchmod(fd, mode);
}

HostOutcome FaultyHost::Flock(int fd, int operation) {
  if (const std::optional<Fault> fault = Next(HostCall::kFlock)) return {fault->error};
  return base().Flock(fd, operation);
}

HostResult<FileIdentity> FaultyHost::Stat(const char* path) {
  if (const std::optional<Fault> fault = Next(HostCall::kStat)) return {{}, fault->error};
  return base().Stat(path);
}

HostResult<size_t> FaultyHost::Readlink(const char* path, char* buffer, size_t length) {
  if (const std::optional<Fault> fault = Next(HostCall::kReadlink)) return {0, fault->error};
  return base().Readlink(path, buffer, length);
}

HostOutcome FaultyHost::Unlink(const char* path) {
  if (const std::optional<Fault> fault = Next(HostCall::kUnlink)) return {fault->error};
  return base().Unlink(path);
}

HostResult<size_t> FaultyHost::Getdents(int fd, void* buffer, size_t length) {
  if (const std::optional<Fault> fault = Next(HostCall::kGetdents)) return {0, fault->error};
  return base().Getdents(fd, buffer, length);
}

HostResult<size_t> FaultyHost::Pread(int fd, void* buffer, size_t length, uint64_t offset) {
  if (const std::optional<Fault> fault = Next(HostCall::kPread)) return {0, fault->error};
  return base().Pread(fd, buffer, length, offset);
}

HostResult<size_t> FaultyHost::Pwrite(int fd, const void* buffer, size_t length, uint64_t offset) {
  if (const std::optional<Fault> fault = Next(HostCall::kPwrite)) return {0, fault->error};
  return base().Pwrite(fd, buffer, length, offset);
}

HostResult<int> FaultyHost::Socket(int domain, int type, int protocol) {
  if (const std::optional<Fault> fault = Next(HostCall::kSocket)) return {-1, fault->error};
  return base().Socket(domain, type, protocol);
}

HostOutcome FaultyHost::Bind(int fd, const sockaddr* address, unsigned length) {
  if (const std::optional<Fault> fault = Next(HostCall::kBind)) return {fault->error};
  return base().Bind(fd, address, length);
}

HostOutcome FaultyHost::Listen(int fd, int backlog) {
  if (const std::optional<Fault> fault = Next(HostCall::kListen)) return {fault->error};
  return base().Listen(fd, backlog);
}

HostResult<int> FaultyHost::Accept(int fd, int flags) {
  if (const std::optional<Fault> fault = Next(HostCall::kAccept)) return {-1, fault->error};
  return base().Accept(fd, flags);
}

HostOutcome FaultyHost::Connect(int fd, const sockaddr* address, unsigned length) {
  if (const std::optional<Fault> fault = Next(HostCall::kConnect)) return {fault->error};
  return base().Connect(fd, address, length);
}

HostOutcome FaultyHost::Shutdown(int fd, int how) {
  if (const std::optional<Fault> fault = Next(HostCall::kShutdown)) return {fault->error};
  return base().Shutdown(fd, how);
}

HostResult<size_t> FaultyHost::Sendmsg(int fd, const msghdr* message, int flags) {
  if (const std::optional<Fault> fault = Next(HostCall::kSendmsg)) return {0, fault->error};
  return base().Sendmsg(fd, message, flags);
}

HostResult<size_t> FaultyHost::Recvmsg(int fd, msghdr* message, int flags) {
  if (const std::optional<Fault> fault = Next(HostCall::kRecvmsg)) return {0, fault->error};
  return base().Recvmsg(fd, message, flags);
}

HostResult<PeerIdentity> FaultyHost::PeerCredentials(int fd) {
  if (const std::optional<Fault> fault = Next(HostCall::kPeerCredentials)) return {{}, fault->error};
  return base().PeerCredentials(fd);
}

HostResult<int> FaultyHost::Poll(pollfd* fds, unsigned count, int timeout_ms) {
  if (const std::optional<Fault> fault = Next(HostCall::kPoll)) return {-1, fault->error};
  return base().Poll(fds, count, timeout_ms);
}

HostResult<int> FaultyHost::Spawn(const char* path, const posix_spawn_file_actions_t* actions, char* const* argv,
                                  char* const* envp) {
  if (const std::optional<Fault> fault = Next(HostCall::kSpawn)) return {-1, fault->error};
  return base().Spawn(path, actions, argv, envp);
}

HostResult<int> FaultyHost::Waitpid(int pid, int* status, int options) {
  if (const std::optional<Fault> fault = Next(HostCall::kWaitpid)) return {-1, fault->error};
  return base().Waitpid(pid, status, options);
}

}  // namespace zirconia::platform
