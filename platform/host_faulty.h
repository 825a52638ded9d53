// A host whose calls fail on purpose.
#ifndef ZIRCONIA_PLATFORM_HOST_FAULTY_H_
#define ZIRCONIA_PLATFORM_HOST_FAULTY_H_

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "platform/host.h"

namespace zirconia::platform {

// How a call fails. Where a way doesn't apply to a call, it fails as with kBefore.
enum class FaultMode : uint8_t {
  kBefore,      // nothing has happened
  kTear,        // MAP_FIXED, MREMAP_FIXED: what stood at the target has really been torn down: there is a hole
  kTearHalf,    // likewise, but only the first half of it
  kHalf,        // the first half is done: mprotect, madvise, fallocate; mremap has moved it
  kUnprovided,  // fallocate claims success, but the host has no memory there: touching it is SIGBUS, really, until the
                // faults end. Needs `Options::keep_unsealed`, and that nothing beyond was written yet
};
inline constexpr size_t kFaultModes = static_cast<size_t>(FaultMode::kUnprovided) + 1;
std::string_view FaultModeName(FaultMode mode);

// A set of kinds of host call.
class HostCallSet {
 public:
  constexpr HostCallSet(std::initializer_list<HostCall> calls) {
    for (const HostCall call : calls) bits_ |= uint64_t{1} << static_cast<unsigned>(call);
  }
  // Those that change what is mapped.
  static constexpr HostCallSet Mapping() {
    return {HostCall::kMmap, HostCall::kMunmap, HostCall::kMprotect, HostCall::kMremap};
  }
  static constexpr HostCallSet All() {
    HostCallSet all{};
    all.bits_ = (uint64_t{1} << kHostCallKinds) - 1;
    return all;
  }
  constexpr void Remove(HostCall call) { bits_ &= ~(uint64_t{1} << static_cast<unsigned>(call)); }
  constexpr bool Contains(HostCall call) const { return (bits_ >> static_cast<unsigned>(call) & 1) != 0; }

 private:
  uint64_t bits_ = 0;
};

// The errnos with which a call of this kind may fail on some host.
absl::Span<const int> PlausibleErrors(HostCall call);
// The ways in which a call of this kind can fail, kUnprovided excepted.
absl::Span<const FaultMode> PlausibleModes(HostCall call);

// Lets calls fail: those with chosen numbers, or at random by seed. Everything else is handed on. What a mode says is
// really done to the host: a tear is a failing MAP_FIXED of a socket, which tears on every Linux kernel.
//
// A failing close has closed the descriptor all the same, as on Linux. Thread-safe; with several threads, which call is
// the k-th is a matter of chance.
class FaultyHost final : public ForwardingHost {
 public:
  struct Options {
    // Claims that files' sizes are sealed but leaves them open, so that the memory can later be withheld.
    bool keep_unsealed = false;
  };
  struct Plan {
    uint64_t first = 1;  // calls are counted from now on, the first being 1
    uint64_t times = 1;  // that one and the following ones
    FaultMode mode = FaultMode::kBefore;
    int error = ENOMEM;
    HostCallSet kinds = HostCallSet::Mapping();  // others aren't counted, and never fail
    // Once the first call has failed, the next call of each of these kinds fails too: what puts things right again.
    HostCallSet then = HostCallSet{};
    FaultMode then_mode = FaultMode::kBefore;
  };
  struct RandomPlan {
    uint64_t seed = 1;
    uint64_t one_in = 50;
    HostCallSet kinds = HostCallSet::All();
  };
  // How many calls failed, and of those, in how many what the mode says was really done (always, for kBefore).
  struct Counts {
    std::array<std::array<uint64_t, kFaultModes>, kHostCallKinds> fired{};
    std::array<std::array<uint64_t, kFaultModes>, kHostCallKinds> effective{};
    uint64_t total_fired() const;
    uint64_t total_effective() const;
  };

  explicit FaultyHost(Host& base) : FaultyHost(base, Options()) {}
  FaultyHost(Host& base, Options options);
  ~FaultyHost() override;

  // Each of these begins anew: counts and numbers of calls are 0 again.
  void Fail(const Plan& plan) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same for mmap, munmap and mprotect.
  void FailAt(uint64_t k, uint64_t times, FaultMode mode, int error) {
    Fail({k, times, mode, error, {HostCall::kMmap, HostCall::kMunmap, HostCall::kMprotect}});
  }
  // Each kind of call has a random sequence of its own: how often one is made doesn't change when the others fail.
  void FailAtRandom(const RandomPlan& plan) ABSL_LOCKS_EXCLUDED(mutex_);
  // Also gives what was withheld.
  void StopFailing() ABSL_LOCKS_EXCLUDED(mutex_);

  // Lets nothing fail (and nothing be counted) while it lives; then all goes on as before.
  class Quiet {
   public:
    explicit Quiet(FaultyHost& host) : host_(host) { host_.quiet_.fetch_add(1, std::memory_order_relaxed); }
    ~Quiet() { host_.quiet_.fetch_sub(1, std::memory_order_relaxed); }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

   private:
    FaultyHost& host_;
  };

  Counts counts() const ABSL_LOCKS_EXCLUDED(mutex_);
  // How many calls failed.
  uint64_t fired() const { return counts().total_fired(); }
  // Whether touching some memory is SIGBUS now.
  bool withholds() const ABSL_LOCKS_EXCLUDED(mutex_);

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
  HostResult<int> GetSeals(int fd) override;
  HostOutcome Fchmod(int fd, unsigned mode) override;
  HostOutcome Flock(int fd, int operation) override;
  HostResult<FileIdentity> Stat(const char* path) override;
  HostResult<size_t> Readlink(const char* path, char* buffer, size_t length) override;
  HostOutcome Unlink(const char* path) override;
  HostResult<size_t> Getdents(int fd, void* buffer, size_t length) override;
  HostResult<size_t> Pread(int fd, void* buffer, size_t length, uint64_t offset) override;
  HostResult<size_t> Pwrite(int fd, const void* buffer, size_t length, uint64_t offset) override;
  HostResult<int> Socket(int domain, int type, int protocol) override;
  HostOutcome Bind(int fd, const sockaddr* address, unsigned length) override;
  HostOutcome Listen(int fd, int backlog) override;
  HostResult<int> Accept(int fd, int flags) override;
  HostOutcome Connect(int fd, const sockaddr* address, unsigned length) override;
  HostOutcome Shutdown(int fd, int how) override;
  HostResult<size_t> Sendmsg(int fd, const msghdr* message, int flags) override;
  HostResult<size_t> Recvmsg(int fd, msghdr* message, int flags) override;
  HostResult<PeerIdentity> PeerCredentials(int fd) override;
  HostResult<int> Poll(pollfd* fds, unsigned count, int timeout_ms) override;
  HostResult<int> Spawn(const char* path, const posix_spawn_file_actions_t* actions, char* const* argv,
                        char* const* envp) override;
  HostResult<int> Waitpid(int pid, int* status, int options) override;

 private:
  struct Fault {
    HostCall call;
    FaultMode mode;
    int error;
  };
  // A file from whose end memory is withheld.
  struct Withheld {
    int fd = -1;
    uint64_t from = 0;
    uint64_t size = 0;
  };

  // Whether the call that is being made fails, and how.
  std::optional<Fault> Next(HostCall call) ABSL_LOCKS_EXCLUDED(mutex_);
  // Notes that what the mode of `fault` says was really done.
  void Took(const Fault& fault) ABSL_LOCKS_EXCLUDED(mutex_);
  // Tears what the mode of `fault` says of the target down.
  void Tear(const Fault& fault, uintptr_t address, size_t length);
  bool Withhold(int fd, uint64_t from) ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsWithheld(int fd, uint64_t end) const ABSL_LOCKS_EXCLUDED(mutex_);
  void Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const int socket_;  // what MAP_FIXED is given so that it tears: a file that can't be mapped
  std::atomic<int> quiet_{0};

  mutable absl::Mutex mutex_;
  std::optional<Plan> plan_ ABSL_GUARDED_BY(mutex_);
  std::optional<RandomPlan> random_plan_ ABSL_GUARDED_BY(mutex_);
  std::array<uint64_t, kHostCallKinds> random_ ABSL_GUARDED_BY(mutex_){};
  uint64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  HostCallSet still_to_fail_ ABSL_GUARDED_BY(mutex_) = HostCallSet{};
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  Withheld withheld_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_HOST_FAULTY_H_
