// FaultyHost: what it says it does to the host is really done.
#include "platform/host_faulty.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <vector>

#include "platform/backing_file.h"
#include "platform/host_files.h"
#include "platform/host_linux.h"
#include "platform/window.h"
#include "test/platform/touch.h"

namespace zirconia::platform {
namespace {

using mm::Access;
using mm::FrameNumber;
using mm::PageCount;
using mm::VirtAddr;

constexpr size_t kPage = mm::kPageSize;
constexpr int kReserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;

// A window of 16 readable pages.
struct Rig {
  explicit Rig(FaultyHost::Options options = FaultyHost::Options()) : faulty(linux_host, options) {
    window = *Window::Create(faulty, PageCount(16).bytes());
    base = window->range().base.value();
    REQUIRE(faulty.Mprotect(base, 16 * kPage, PROT_READ).ok());
  }
  ~Rig() {
    faulty.StopFailing();
    (void)faulty.Mmap(base, 16 * kPage, PROT_NONE, kReserve, -1, 0);
  }
  bool Readable(size_t page) const { return CanAccess(VirtAddr(base + page * kPage), Access::kRead); }
  int MapFixed(size_t first, size_t count) {
    return faulty.Mmap(base + first * kPage, count * kPage, PROT_READ, kReserve, -1, 0).error;
  }
  bool Hole(size_t page) {
    return ReadHostVmas(linux_host, {VirtAddr(base + page * kPage), mm::ByteSize(kPage)})->empty();
  }

  LinuxHost linux_host;
  FaultyHost faulty;
  std::unique_ptr<Window> window;
  uint64_t base = 0;
};

TEST_CASE("The k-th call fails, as often as wanted, with the errno that was chosen") {
  Rig rig;
  rig.faulty.FailAt(2, 2, FaultMode::kBefore, EAGAIN);
  CHECK(rig.MapFixed(0, 1) == 0);
  CHECK(rig.MapFixed(0, 1) == EAGAIN);
  CHECK(rig.MapFixed(0, 1) == EAGAIN);
  CHECK(rig.MapFixed(0, 1) == 0);
  CHECK(rig.faulty.fired() == 2);
  CHECK(rig.Readable(0));
}

TEST_CASE("Only calls of the chosen kinds are counted and fail") {
  Rig rig;
  rig.faulty.Fail({.first = 1, .times = 9, .mode = FaultMode::kBefore, .error = EPERM, .kinds = {HostCall::kMprotect}});
  CHECK(rig.MapFixed(0, 1) == 0);
  CHECK(rig.faulty.Mprotect(rig.base, kPage, PROT_NONE).error == EPERM);
  CHECK(rig.Readable(0));
}

TEST_CASE("A tear leaves a real hole, of all of the range or of its first half") {
  Rig rig;
  rig.faulty.FailAt(1, 1, FaultMode::kTear, ENOMEM);
  CHECK(rig.MapFixed(0, 4) == ENOMEM);
  for (size_t page = 0; page < 4; ++page) CHECK(rig.Hole(page));
  CHECK_FALSE(rig.Hole(4));
  rig.faulty.FailAt(1, 1, FaultMode::kTearHalf, ENOMEM);
  CHECK(rig.MapFixed(8, 4) == ENOMEM);
  CHECK(rig.Hole(9));
  CHECK_FALSE(rig.Hole(10));
  CHECK(rig.faulty.counts().total_effective() == 1);
  // Nothing is torn outside of reservations, nor where there is no MAP_FIXED.
  rig.faulty.FailAt(1, 2, FaultMode::kTear, ENOMEM);
  CHECK(rig.faulty.Mmap(0, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0).error == ENOMEM);
  CHECK(rig.faulty.Mprotect(rig.base + 12 * kPage, kPage, PROT_NONE).error == ENOMEM);
  CHECK(rig.faulty.fired() == 2);
  CHECK(rig.faulty.counts().total_effective() == 0);
  CHECK(rig.Readable(12));
}

TEST_CASE("Half done: mprotect has changed the first half, mremap has moved it") {
  Rig rig;
  rig.faulty.Fail({.times = 2, .mode = FaultMode::kHalf});
  CHECK(rig.faulty.Mprotect(rig.base, 4 * kPage, PROT_NONE).error == ENOMEM);
  CHECK_FALSE(rig.Readable(1));
  CHECK(rig.Readable(2));
  CHECK(
      rig.faulty.Mremap(rig.base + 4 * kPage, 4 * kPage, 4 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, rig.base + 8 * kPage)
          .error == ENOMEM);
  CHECK(rig.Hole(5));
  CHECK_FALSE(rig.Hole(6));
  CHECK(rig.faulty.counts().total_effective() == 2);
}

TEST_CASE("At random by seed: one call in N fails, and the same ones again with the same seed") {
  Rig rig;
  const auto failures = [&rig](uint64_t seed) {
    rig.faulty.FailAtRandom({.seed = seed, .one_in = 10});
    std::vector<int> failed;
    for (int i = 0; i < 1000; ++i) {
      if (!rig.faulty.Mprotect(rig.base, kPage, PROT_READ).ok()) failed.push_back(i);
    }
    return failed;
  };
  const std::vector<int> first = failures(7);
  CHECK(first.size() > 50);
  CHECK(first.size() < 200);
  CHECK(failures(7) == first);
  CHECK(failures(8) != first);
}

TEST_CASE("In a quiet moment nothing fails, and nothing is counted") {
  Rig rig;
  rig.faulty.FailAt(1, 1, FaultMode::kBefore, EPERM);
  {
    const FaultyHost::Quiet quiet(rig.faulty);
    CHECK(rig.MapFixed(0, 1) == 0);
  }
  CHECK(rig.MapFixed(0, 1) == EPERM);
}

TEST_CASE("Memory that was claimed and isn't there is SIGBUS on touch, and comes when faults end; nothing is lost") {
  Rig rig({.keep_unsealed = true});
  auto file = *BackingFile::Create(rig.faulty, {.size = PageCount(64)});
  REQUIRE(file->Secure({FrameNumber(0), PageCount(2)}).ok());
  *file->data(FrameNumber(0)) = std::byte{42};
  *file->data(FrameNumber(1)) = std::byte{43};
  const auto can_touch = [&file](uint64_t frame) {
    return CanAccess(VirtAddr(reinterpret_cast<uintptr_t>(file->data(FrameNumber(frame)))), Access::kWrite);
  };
  rig.faulty.Fail({.mode = FaultMode::kUnprovided, .kinds = {HostCall::kFallocate}});
  REQUIRE(file->Secure({FrameNumber(2), PageCount(4)}).ok());
  CHECK(rig.faulty.withholds());
  CHECK(can_touch(1));
  CHECK_FALSE(can_touch(2));
  CHECK_FALSE(can_touch(5));
  // What is secured later isn't there either.
  REQUIRE(file->Secure({FrameNumber(8), PageCount(1)}).ok());
  CHECK_FALSE(can_touch(8));
  rig.faulty.StopFailing();
  CHECK(can_touch(2));
  CHECK(can_touch(8));
  CHECK(*file->data(FrameNumber(0)) == std::byte{42});
  // Where something was written beyond, nothing can be withheld: the call fails instead.
  rig.faulty.Fail({.mode = FaultMode::kUnprovided, .error = ENOSPC, .kinds = {HostCall::kFallocate}});
  CHECK_FALSE(file->Secure({FrameNumber(1), PageCount(4)}).ok());
  CHECK(rig.faulty.counts().total_effective() == 0);
}

TEST_CASE("A failing close has closed the descriptor") {
  Rig rig;
  rig.faulty.Fail({.error = EINTR, .kinds = HostCallSet::All()});
  const HostResult<int> opened = rig.linux_host.Open("/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
  REQUIRE(opened.ok());
  const int fd = opened.value;
  CHECK(rig.faulty.Close(fd).error == EINTR);
  CHECK(rig.linux_host.Close(fd).error == EBADF);
}

}  // namespace
}  // namespace zirconia::platform
