// What the processor and the kernel offer to engines, and the limits that are set here.
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>

#include "absl/strings/str_cat.h"
#include "platform/doctor/trial.h"
#include "platform/engine/syscall_dispatch.h"

namespace zirconia::platform::doctor {
namespace {

std::optional<std::string> ReadAll(const char* path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Finding SyscallUserDispatch() {
  switch (engine::ProbeSyscallDispatch()) {
    case engine::SyscallDispatchMode::kInclusive:
      return {"inclusive", "only the window's system calls are caught"};
    case engine::SyscallDispatchMode::kExclusive:
      return {"exclusive", "windows must lie all below or all above the host's code"};
    case engine::SyscallDispatchMode::kNone:
      break;
  }
  return {"none", "prctl refuses it"};
}

Finding FsGsBase() {
  constexpr unsigned long kHwcap2FsGsBase = 2;
  if ((getauxval(AT_HWCAP2) & kHwcap2FsGsBase) == 0) return {false, "AT_HWCAP2 doesn't have it"};
  uint64_t base = 0;
  // A host that promises what it doesn't hold kills us here.
  asm volatile("rdgsbase %0\n\twrgsbase %0" : "+r"(base) : : "memory");
  return {true, ""};
}

Finding Userfaultfd() {
  if (syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK) >= 0) return {"full", ""};
  const std::string error = ErrnoName();
  constexpr int kUserModeOnly = 1;
  if (syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | kUserModeOnly) >= 0) return {"user_faults", error};
  return {"none", error};
}

Finding Number(const char* path) {
  const std::optional<std::string> text = ReadAll(path);
  if (!text.has_value()) return Finding::NotTried(absl::StrCat("there is no ", path));
  return {int64_t{atoll(text->c_str())}, ""};
}

// The setting; besides, splits a reservation until the host refuses one mapping more, and counts.
Finding MapCount() {
  constexpr size_t kMost = 1 << 18;
  char* const base = Reserve(2 * kMost);
  if (base == nullptr) return Failed("mmap");
  const std::string maps = ReadAll("/proc/self/maps").value_or("");
  int64_t count = std::count(maps.begin(), maps.end(), '\n');
  for (size_t i = 0; i < kMost - 1; ++i) {
    if (mprotect(base + (2 * i + 1) * kPage, kPage, PROT_READ) != 0) break;
    count += 2;
  }
  Finding setting = Number("/proc/sys/vm/max_map_count");
  if (std::holds_alternative<std::monostate>(setting.value)) setting.value = count;
  setting.reason = absl::StrCat(count, " could be made");
  return setting;
}

Finding Overcommit() { return Number("/proc/sys/vm/overcommit_memory"); }
Finding MemfdNoexec() { return Number("/proc/sys/vm/memfd_noexec"); }

Finding SharedHugePages() {
  const std::optional<std::string> text = ReadAll("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  if (!text.has_value()) return Finding::NotTried("there is no shmem_enabled in /sys/kernel/mm/transparent_hugepage");
  const size_t begin = text->find('[');
  const size_t end = text->find(']');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return Finding::NotTried(*text);
  return {text->substr(begin + 1, end - begin - 1), ""};
}

Finding AddressSpaceLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0) return Failed("getrlimit");
  if (limit.rlim_cur == RLIM_INFINITY) return {"unlimited", ""};
  return {static_cast<int64_t>(limit.rlim_cur), ""};
}

Finding Kernel() {
  utsname name{};
  if (uname(&name) != 0) return Failed("uname");
  return {std::string(name.sysname) + " " + name.release, ""};
}

}  // namespace

std::vector<Experiment> ProcessorExperiments() {
  constexpr std::string_view kGroup = "engine";
  return {
      {kGroup, "syscall_user_dispatch", "system calls of guest code can be caught", SyscallUserDispatch},
      {kGroup, "fsgsbase", "programs may set their own thread pointer", FsGsBase},
      {kGroup, "userfaultfd", "userfaultfd (not used)", Userfaultfd},
  };
}

std::vector<Experiment> LimitExperiments() {
  constexpr std::string_view kGroup = "limits";
  return {
      {kGroup, "kernel", "kernel", Kernel},
      {kGroup, "max_map_count", "host mappings that a process may have", MapCount},
      {kGroup, "overcommit", "vm.overcommit_memory", Overcommit},
      {kGroup, "memfd_noexec", "vm.memfd_noexec", MemfdNoexec},
      {kGroup, "shared_huge_pages", "huge pages of shared memory (shmem_enabled)", SharedHugePages},
      {kGroup, "address_space", "bytes of address space (RLIMIT_AS)", AddressSpaceLimit},
  };
}

}  // namespace zirconia::platform::doctor
