#include "platform/window.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <span>

#include "absl/strings/str_format.h"
#include "platform/host_files.h"

#if defined(__SANITIZE_THREAD__)
#define ZIRCONIA_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ZIRCONIA_THREAD_SANITIZER 1
#endif
#endif

namespace zirconia::platform {
namespace {

using mm::ByteSize;
using mm::VirtAddr;
using mm::VirtRange;

constexpr ByteSize kSmallest{uint64_t{4} << 30};
#ifdef ZIRCONIA_THREAD_SANITIZER
constexpr ByteSize kLargest{uint64_t{16} << 30};  // there is room for several only if each is small
#else
constexpr ByteSize kLargest = Window::kDefaultSize;
#endif

struct Region {
  VirtRange range;
  ByteSize largest = kLargest;  // of a window there
};

// Where windows may lie, best first. The host's own mmap and the heaps of the sanitizers stay out of these as long as
// there is room elsewhere; an executable can lie near 0x5555_0000_0000 to 0x5655_0000_0000. ThreadSanitizer only knows
// a few ranges. The last is for hosts whose address space ends early, such as user-mode Linux (0x7f_c000_0000), whose
// executables lie at two thirds of it; several windows must fit there. AddressSanitizer's shadow has it reserved.
constexpr auto kRegions = std::to_array<Region>({
#ifndef ZIRCONIA_THREAD_SANITIZER
    {VirtRange::FromTo(VirtAddr(0x2000'0000'0000), VirtAddr(0x5500'0000'0000))},
#endif
    {VirtRange::FromTo(VirtAddr(0x5600'0000'0000), VirtAddr(0x5680'0000'0000))},
    {VirtRange::FromTo(VirtAddr(0x7e90'0000'0000), VirtAddr(0x7ed0'0000'0000))},
    {VirtRange::FromTo(VirtAddr(0x10'0000'0000), VirtAddr(0x50'0000'0000)), ByteSize(uint64_t{16} << 30)},
});

// Reserves exactly `range`; returns 0 or the errno.
int Reserve(Host& host, VirtRange range) {
  const HostResult<uintptr_t> got = host.Mmap(range.base.value(), range.size.value(), PROT_NONE,
                                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (!got.ok()) return got.error;
  int error = EEXIST;
  // Kernels that don't know MAP_FIXED_NOREPLACE (before 4.17) take the address as a hint.
  if (got.value == range.base.value()) error = host.RegisterReservation(range).error;
  if (error != 0) (void)host.Munmap(got.value, range.size.value());
  return error;
}

std::string Describe(VirtRange range) { return absl::StrFormat("[%#x, %#x)", range.base.value(), range.end().value()); }

absl::Status Occupied(Host& host, VirtRange range) {
  const absl::StatusOr<mm::PoolVector<HostVma>> vmas = ReadHostVmas(host, range);
  if (!vmas.ok() || vmas->empty()) return absl::AlreadyExistsError(Describe(range) + " isn't free");
  const HostVma& first = vmas->front();
  return absl::AlreadyExistsError(absl::StrFormat(
      "%s isn't free: %s stands at %s", Describe(range),
      first.path.empty() ? (first.protection.none() ? "a reservation (another window?)" : "an anonymous mapping")
                         : first.path.c_str(),
      Describe(first.range)));
}

absl::Status ReserveFailed(Host& host, VirtRange range, int error) {
  if (error == EEXIST) return Occupied(host, range);
  return absl::ErrnoToStatus(error, "reserving the window " + Describe(range));
}

// The largest part of `range` that is free and holds `needed`; nullopt where `needed` isn't free.
absl::StatusOr<std::optional<VirtRange>> LargestFree(Host& host, VirtRange range, VirtRange needed) {
  const absl::StatusOr<mm::PoolVector<HostVma>> vmas = ReadHostVmas(host, range);
  if (!vmas.ok()) return vmas.status();
  std::optional<VirtRange> best;
  VirtAddr begin = range.base;
  const auto consider = [&](VirtAddr end) {
    if (begin >= end) return;
    const VirtRange gap = VirtRange::FromTo(begin, end);
    if ((needed.empty() || gap.Contains(needed)) && (!best.has_value() || gap.size > best->size)) best = gap;
  };
  for (const HostVma& vma : *vmas) {
    consider(std::min(vma.range.base, range.end()));
    begin = std::max(begin, vma.range.end());
  }
  consider(range.end());
  return best;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Window>> Window::Create(Host& host, ByteSize largest) {
  if (largest.value() == 0 || !largest.IsPageAligned()) {
    return absl::InvalidArgumentError("the size of a window must be a multiple of the page size");
  }
  int error = EEXIST;
  ByteSize size = std::min(largest, kLargest);
  while (true) {
    for (const Region& region : kRegions) {
      if (size > region.largest) continue;
      for (VirtRange candidate{region.range.base, size}; region.range.Contains(candidate);
           candidate.base = candidate.end()) {
        error = Reserve(host, candidate);
        if (error == 0) return std::unique_ptr<Window>(new Window(host, candidate));
        if (error != EEXIST) break;
      }
    }
    if (size <= kSmallest) break;
    size = std::max(ByteSize(size.value() / 4).RoundDownToPage(), kSmallest);
  }
  if (error == EEXIST) return absl::ResourceExhaustedError("no place for another window is free");
  return absl::ErrnoToStatus(error, "reserving a window");
}

absl::StatusOr<std::unique_ptr<Window>> Window::CreateAt(Host& host, VirtRange range) {
  if (range.empty() || !range.IsValid() || !range.base.IsPageAligned() || !range.size.IsPageAligned()) {
    return absl::InvalidArgumentError("a window must be page-aligned and not empty");
  }
  if (const int error = Reserve(host, range); error != 0) return ReserveFailed(host, range, error);
  return std::unique_ptr<Window>(new Window(host, range));
}

absl::StatusOr<std::unique_ptr<Window>> Window::CreateLow(Host& host, VirtRange needed) {
  const uint64_t lowest = ReadHostNumber(host, "/proc/sys/vm/mmap_min_addr").value_or(0);
  const std::optional<ByteSize> floor = ByteSize(std::max(lowest, kLow.base.value())).RoundUpToPage();
  if (!floor.has_value() || floor->value() >= kLow.end().value()) {
    return absl::OutOfRangeError(absl::StrFormat("vm.mmap_min_addr (%#x) leaves no room for a low window", lowest));
  }
  const VirtRange allowed = VirtRange::FromTo(VirtAddr(floor->value()), kLow.end());
  if (!needed.empty() && (!needed.IsValid() || !allowed.Contains(needed))) {
    return absl::OutOfRangeError(
        absl::StrFormat("%s doesn't lie in the low window %s", Describe(needed), Describe(allowed)));
  }
  int error = Reserve(host, allowed);
  if (error == 0) return std::unique_ptr<Window>(new Window(host, allowed));
  if (error != EEXIST) return ReserveFailed(host, allowed, error);

  const absl::StatusOr<std::optional<VirtRange>> part = LargestFree(host, allowed, needed);
  if (!part.ok()) return part.status();
  if (!part->has_value()) return Occupied(host, needed.empty() ? allowed : needed);
  error = Reserve(host, **part);
  if (error != 0) return ReserveFailed(host, **part, error);
  return std::unique_ptr<Window>(new Window(host, **part));
}

Window::~Window() {
  host_.UnregisterReservation(range_);
  (void)host_.Munmap(range_.base.value(), range_.size.value());
}

}  // namespace zirconia::platform
