#include "platform/engine/syscall_dispatch.h"

#include <link.h>
#include <sys/prctl.h>

namespace zirconia::platform::engine {
namespace {

// Newer than the C library's headers.
constexpr int kPrSetSyscallUserDispatch = 59;
constexpr unsigned long kOff = 0;
constexpr unsigned long kExclusiveOn = 1;
constexpr unsigned long kInclusiveOn = 2;

constexpr uint64_t kUserAddressEnd = uint64_t{1} << 63;

bool Dispatch(unsigned long mode, uint64_t offset, uint64_t size) {
  return prctl(kPrSetSyscallUserDispatch, mode, offset, size, 0UL) == 0;
}

// Which sides of a window have host code.
struct Sides {
  mm::VirtRange window;
  bool below = false;
  bool above = false;
};

int LookAtObject(dl_phdr_info* info, size_t, void* data) {
  Sides& sides = *static_cast<Sides*>(data);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    const mm::VirtAddr begin(info->dlpi_addr + segment.p_vaddr);
    if (begin < sides.window.end()) sides.below = true;
    if (begin + mm::ByteSize(segment.p_memsz) > sides.window.base) sides.above = true;
  }
  return 0;
}

Sides FindHostCode(mm::VirtRange window) {
  Sides sides{window};
  dl_iterate_phdr(LookAtObject, &sides);
  return sides;
}

}  // namespace

SyscallDispatchMode ProbeSyscallDispatch() {
  SyscallDispatchMode mode = SyscallDispatchMode::kNone;
  if (Dispatch(kInclusiveOn, mm::kPageSize, mm::kPageSize)) {
    mode = SyscallDispatchMode::kInclusive;
  } else if (Dispatch(kExclusiveOn, 0, kUserAddressEnd)) {
    mode = SyscallDispatchMode::kExclusive;
  }
  DisableSyscallDispatch();
  return mode;
}

absl::Status CheckSyscallDispatch(SyscallDispatchMode mode, mm::VirtRange window) {
  if (mode == SyscallDispatchMode::kInclusive) return absl::OkStatus();
  const Sides sides = FindHostCode(window);
  if (sides.below && sides.above) {
    return absl::FailedPreconditionError(
        "this host can catch system calls only of a window below or above all host code");
  }
  return absl::OkStatus();
}

bool EnableSyscallDispatch(SyscallDispatchMode mode, mm::VirtRange window) {
  if (mode == SyscallDispatchMode::kInclusive) {
    return Dispatch(kInclusiveOn, window.base.value(), window.size.value());
  }
  if (FindHostCode(window).below) return Dispatch(kExclusiveOn, 0, window.base.value());
  return Dispatch(kExclusiveOn, window.end().value(), kUserAddressEnd - window.end().value());
}

void DisableSyscallDispatch() { Dispatch(kOff, 0, 0); }

}  // namespace zirconia::platform::engine
