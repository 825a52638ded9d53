#include "platform/host_probe.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "platform/host_files.h"
#include "platform/window.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace zirconia::platform {
namespace {

using mm::ByteSize;
using mm::kPageSize;
using Answer = HostBehaviour::Answer;

constexpr uint64_t kHugePage = uint64_t{2} << 20;
constexpr unsigned kHugeMemfd = MFD_CLOEXEC | MFD_HUGETLB | (21U << 26);  // of 2 MiB pages

std::string ErrorName(int error) {
  const char* const name = strerrorname_np(error);
  return name == nullptr ? absl::StrCat("error ", error) : name;
}

Answer NotTried(std::string reason) { return {std::nullopt, std::move(reason)}; }

// A descriptor that is closed in the end; or the error of making it.
class Descriptor {
 public:
  Descriptor(Host& host, HostResult<int> made) : host_(host), made_(made) {}
  ~Descriptor() {
    if (made_.ok()) (void)host_.Close(made_.value);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool ok() const { return made_.ok(); }
  int fd() const { return made_.value; }
  int error() const { return made_.error; }
  Answer NotMade(absl::string_view what) const { return NotTried(absl::StrCat(what, ": ", ErrorName(made_.error))); }

 private:
  Host& host_;
  const HostResult<int> made_;
};

// A memfd of one page with a seal.
HostResult<int> MakeSealedFile(Host& host, int seal) {
  const HostResult<int> file = host.MemfdCreate("zirconia-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (!file.ok()) return file;
  HostOutcome done = host.Ftruncate(file.value, kPageSize);
  if (done.ok()) done = host.AddSeals(file.value, seal);
  if (done.ok()) return file;
  (void)host.Close(file.value);
  return {-1, done.error};
}

// More than all of the host's memory: what overcommit mode 0 refuses by itself.
ByteSize OverMemory() {
  struct sysinfo info {};
  if (::sysinfo(&info) != 0) return ByteSize(0);
  const uint64_t unit = info.mem_unit == 0 ? 1 : info.mem_unit;
  return ByteSize((info.totalram + info.totalswap) * unit + (uint64_t{64} << 20)).RoundDownToPage();
}

// Where mappings are put to be lost: a window with a page of something at its base.
class Target {
 public:
  // The window may turn out smaller than asked for.
  Target(Host& host, ByteSize size) : host_(host) {
    absl::StatusOr<std::unique_ptr<Window>> window = Window::Create(host, size);
    if (window.ok()) window_ = *std::move(window);
  }
  ~Target() {
    // What may hold a stranger's mapping, which fell into a hole that the host tore, is left alone.
    if (abandoned_) (void)window_.release();
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // Lets a mmap(MAP_FIXED) over the first `length` bytes fail, and looks whether the page at their start still stands.
  Answer Try(size_t length, int flags, int fd) {
    if (window_ == nullptr || window_->range().size.value() < length) return NotTried("no window is large enough");
    const uintptr_t base = window_->range().base.value();
    HostResult<uintptr_t> got = host_.Mmap(base, kPageSize, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (!got.ok()) return NotTried(absl::StrCat("mmap of what is to be replaced: ", ErrorName(got.error)));
    got = host_.Mmap(base, length, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
    if (got.ok()) {
      (void)host_.Mmap(base, length, PROT_NONE, kReservation | MAP_FIXED, -1, 0);
      return NotTried("the host grants it");
    }
    // EINVAL: the call was malformed for this host, which says nothing.
    if (got.error == EINVAL) return NotTried("mmap: EINVAL");

    const std::string error = ErrorName(got.error);
    int filled = FillHole(base, length);
    if (filled == EEXIST && length > kPageSize) {
      filled = FillHole(base, kPageSize);
      abandoned_ = filled == 0;  // then what stands in the rest isn't ours
    }
    if (filled == 0) return {true, error};
    if (filled == EEXIST) return {false, error};
    abandoned_ = true;
    return NotTried(absl::StrCat("looking for a hole: ", ErrorName(filled)));
  }

 private:
  static constexpr int kReservation = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

  // Puts the reservation back where nothing stands. EEXIST: something does.
  int FillHole(uintptr_t base, size_t length) {
    const HostResult<uintptr_t> got = host_.Mmap(base, length, PROT_NONE, kReservation | MAP_FIXED_NOREPLACE, -1, 0);
    if (!got.ok()) return got.error;
    if (got.value == base) return 0;
    (void)host_.Munmap(got.value, length);  // a kernel that takes the address as a hint
    return EEXIST;
  }

  Host& host_;
  std::unique_ptr<Window> window_;
  bool abandoned_ = false;
};

Answer TryFile(Target& target, const Descriptor& file, int flags, absl::string_view what) {
  return file.ok() ? target.Try(kPageSize, flags, file.fd()) : file.NotMade(what);
}

Answer TrySeal(Host& host, Target& target, int seal) {
  return TryFile(target, Descriptor(host, MakeSealedFile(host, seal)), MAP_SHARED, "a sealed memfd");
}

Answer TryOverMemory(Target& target) {
  const ByteSize size = OverMemory();
  if (size.value() == 0) return NotTried("sysinfo fails");
  Answer answer = target.Try(size.value(), MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (answer.reason == "the host grants it") answer.reason = "the host grants it (vm.overcommit_memory)";
  return answer;
}

Answer TryHugetlb(Host& host) {
  const Descriptor file(host, host.MemfdCreate("zirconia-probe", kHugeMemfd));
  if (!file.ok()) return file.NotMade("a memfd of 2 MiB pages");
  // More than what is free, and what the host may add.
  constexpr char kFree[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
  constexpr char kMore[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages";
  const uint64_t pages = ReadHostNumber(host, kFree).value_or(0) + ReadHostNumber(host, kMore).value_or(0) + 1;
  if (pages > Window::kDefaultSize.value() / kHugePage) return NotTried("the host has too many huge pages");
  const ByteSize size(pages * kHugePage);
  if (const HostOutcome done = host.Ftruncate(file.fd(), size.value()); !done.ok()) {
    return NotTried(absl::StrCat("ftruncate of a memfd of huge pages: ", ErrorName(done.error)));
  }
  Target target(host, size);
  return target.Try(size.value(), MAP_SHARED, file.fd());
}

}  // namespace

HostBehaviour ProbeHostAtStart(Host& host) {
  HostBehaviour found;
  for (const HostBehaviour::Named& named : HostBehaviour::All()) found.*named.answer = NotTried("not tried at start");
  Target target(host, OverMemory());
  found.seal_future_write = TrySeal(host, target, F_SEAL_FUTURE_WRITE);
  found.private_over_memory = TryOverMemory(target);
  return found;
}

HostBehaviour ProbeHost(Host& host) {
  HostBehaviour found = ProbeHostAtStart(host);
  Target target(host, ByteSize(kPageSize));
  found.unix_socket = TryFile(target, Descriptor(host, host.Socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), MAP_SHARED,
                              "a Unix socket");
  found.tcp_socket = TryFile(target, Descriptor(host, host.Socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), MAP_SHARED,
                             "a TCP socket");
  found.proc_file = TryFile(target, Descriptor(host, host.Open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC, 0)), MAP_PRIVATE,
                            "/proc/cpuinfo");
  found.seal_write = TrySeal(host, target, F_SEAL_WRITE);
  found.hugetlb = TryHugetlb(host);
  return found;
}

RemapStrategy ChooseRemapStrategy(const HostBehaviour& behaviour) {
  const std::optional<bool>& seal = behaviour.seal_future_write.loses;
  const std::optional<bool>& memory = behaviour.private_over_memory.loses;
  if (seal.value_or(false) || memory.value_or(false)) return RemapStrategy::kReserve;
  return seal.has_value() || memory.has_value() ? RemapStrategy::kDirect : RemapStrategy::kReserve;
}

}  // namespace zirconia::platform
