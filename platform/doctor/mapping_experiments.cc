// How mappings are replaced and moved, and what failing to loses.
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "platform/doctor/trial.h"
#include "platform/host_linux.h"
#include "platform/host_probe.h"

namespace zirconia::platform::doctor {
namespace {

template <HostBehaviour::Answer HostBehaviour::*kAnswer>
Finding MapFixed() {
  LinuxHost host;
  const HostBehaviour::Answer answer = ProbeHost(host).*kAnswer;
  if (!answer.loses.has_value()) return Finding::NotTried(answer.reason);
  return {*answer.loses, answer.reason};
}

// A reservation of eight pages: a live target (page 2 of a file) at its page 0, and two mappings that don't merge
// (pages 3 and 5) at its pages 4 and 5.
struct Places {
  char* base = nullptr;
  int fd = -1;

  bool Make() {
    fd = MakeFile(8);
    base = fd < 0 ? nullptr : Reserve(8);
    return base != nullptr && Place(0, 2) && Place(4, 3) && Place(5, 5);
  }
  bool Place(size_t at, size_t frame) const {
    return mmap(base + at * kPage, kPage, PROT_READ, MAP_SHARED | MAP_FIXED, fd, static_cast<off_t>(frame * kPage)) !=
           MAP_FAILED;
  }
};

Finding MremapTwoMappings() {
  Places places;
  if (!places.Make()) return Failed("mmap");
  char* const target = Reserve(2);
  if (target == nullptr) return Failed("mmap");
  return YesOrErrno(mremap(places.base + 4 * kPage, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, target) !=
                    MAP_FAILED);
}

// Makes a mremap over a live target fail: by a source that spans two mappings, or, where the host moves such, by
// growing it beyond the host's memory.
Finding MremapLosesTarget() {
  Places places;
  if (!places.Make()) return Failed("mmap");
  const char* how = "EFAULT: the source spans two mappings";
  void* moved = mremap(places.base + 4 * kPage, 2 * kPage, 3 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, places.base);
  if (moved == MAP_FAILED && errno == EFAULT && !Stands(places.base)) return {true, how};

  struct sysinfo info {};
  if (sysinfo(&info) != 0) return Failed("sysinfo");
  const size_t size = ((info.totalram + info.totalswap) * info.mem_unit + (size_t{64} << 20)) & ~(kPage - 1);
  char* const target = Reserve(size / kPage);
  if (target == nullptr) return Failed("mmap of a reservation larger than memory");
  if (mmap(target, kPage, PROT_READ, MAP_SHARED | MAP_FIXED, places.fd, 0) == MAP_FAILED) return Failed("mmap");
  void* const source = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (source == MAP_FAILED) return Failed("mmap");
  moved = mremap(source, kPage, size, MREMAP_MAYMOVE | MREMAP_FIXED, target);
  if (moved != MAP_FAILED) return Finding::NotTried("the host grants more than it has");
  return {!Stands(target), absl::StrCat(ErrnoName(), ": the source would grow beyond memory")};
}

Finding MremapHoleAtEnd() {
  Places places;
  if (!places.Make()) return Failed("mmap");
  if (munmap(places.base + 5 * kPage, kPage) != 0) return Failed("munmap");
  char* const target = Reserve(2);
  if (target == nullptr) return Failed("mmap");
  void* const moved = mremap(places.base + 4 * kPage, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, target);
  return moved == MAP_FAILED ? Finding{false, ErrnoName()} : Finding{true, "it succeeds"};
}

Finding MremapDuplicates() {
  Places places;
  if (!places.Make()) return Failed("mmap");
  char* const target = Reserve(1);
  if (target == nullptr) return Failed("mmap");
  void* const moved = mremap(places.base, 0, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, target);
  if (moved == MAP_FAILED) return YesOrErrno(false);
  return {*target == 2 && *places.base == 2, ""};
}

}  // namespace

std::vector<Experiment> MapFixedExperiments() {
  constexpr std::string_view kGroup = "map_fixed_loses";
  return {
      {kGroup, "unix_socket", "the descriptor is a Unix socket", MapFixed<&HostBehaviour::unix_socket>},
      {kGroup, "tcp_socket", "the descriptor is a TCP socket", MapFixed<&HostBehaviour::tcp_socket>},
      {kGroup, "proc_file", "the descriptor is /proc/cpuinfo", MapFixed<&HostBehaviour::proc_file>},
      {kGroup, "hugetlb", "no huge page is free", MapFixed<&HostBehaviour::hugetlb>},
      {kGroup, "seal_future_write", "the file is sealed by F_SEAL_FUTURE_WRITE",
       MapFixed<&HostBehaviour::seal_future_write>},
      {kGroup, "seal_write", "the file is sealed by F_SEAL_WRITE", MapFixed<&HostBehaviour::seal_write>},
      {kGroup, "private_over_memory", "private memory, more than there is",
       MapFixed<&HostBehaviour::private_over_memory>},
  };
}

std::vector<Experiment> MremapExperiments() {
  constexpr std::string_view kGroup = "mremap";
  return {
      {kGroup, "loses_live_target", "failing, it loses the target it was to replace", MremapLosesTarget},
      {kGroup, "moves_two_mappings", "moves a source that spans two mappings", MremapTwoMappings},
      {kGroup, "moves_part_before_hole", "of a source that ends in a hole, moves a part", MremapHoleAtEnd},
      {kGroup, "duplicates_shared", "duplicates a shared mapping (old length 0)", MremapDuplicates},
  };
}

}  // namespace zirconia::platform::doctor
