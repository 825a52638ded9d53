#include <sys/mman.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "platform/host_counting.h"
#include "platform/host_linux.h"
#include "platform/window.h"

namespace zirconia::platform {
namespace {

using mm::ByteSize;
using mm::kPageSize;
using mm::VirtAddr;
using mm::VirtRange;

constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;

TEST_CASE("MAP_FIXED is refused outside of a registered reservation") {
  LinuxHost host;
  const HostResult<uintptr_t> own = host.Mmap(0, 4 * kPageSize, PROT_NONE, kAnonymous, -1, 0);
  REQUIRE(own.ok());
  const auto map_fixed = [&](uintptr_t address, size_t length) {
    return host.Mmap(address, length, PROT_READ, kAnonymous | MAP_FIXED, -1, 0).error;
  };
  CHECK(map_fixed(own.value, kPageSize) == EPERM);

  const VirtRange reservation{VirtAddr(own.value + kPageSize), ByteSize(2 * kPageSize)};
  REQUIRE(host.RegisterReservation(reservation).ok());
  CHECK(map_fixed(own.value + kPageSize, 2 * kPageSize) == 0);
  CHECK(map_fixed(own.value, kPageSize) == EPERM);
  CHECK(map_fixed(own.value, 2 * kPageSize) == EPERM);
  CHECK(map_fixed(own.value + 2 * kPageSize, 2 * kPageSize) == EPERM);
  CHECK(map_fixed(own.value + kPageSize, ~size_t{0}) == EPERM);
  CHECK(host.Mremap(own.value, kPageSize, kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, own.value + 3 * kPageSize).error ==
        EPERM);

  host.UnregisterReservation(reservation);
  CHECK(map_fixed(own.value + kPageSize, kPageSize) == EPERM);
  REQUIRE(host.Munmap(own.value, 4 * kPageSize).ok());
}

TEST_CASE("Reservations that overlap are refused") {
  LinuxHost host;
  const auto range = [](uint64_t first, uint64_t last) {
    return VirtRange::FromTo(VirtAddr(first * kPageSize), VirtAddr(last * kPageSize));
  };
  REQUIRE(host.RegisterReservation(range(10, 20)).ok());
  REQUIRE(host.RegisterReservation(range(30, 40)).ok());
  CHECK(host.RegisterReservation(range(20, 30)).ok());
  CHECK(host.RegisterReservation(range(39, 41)).error == EEXIST);
  CHECK(host.RegisterReservation(range(5, 11)).error == EEXIST);
  CHECK(host.RegisterReservation(range(12, 13)).error == EEXIST);
  CHECK(host.RegisterReservation(range(0, 100)).error == EEXIST);
}

TEST_CASE("A failing host call hands on its errno") {
  LinuxHost host;
  CHECK(host.Mprotect(kPageSize, kPageSize, PROT_READ).error == ENOMEM);
  CHECK(host.Ftruncate(-1, 0).error == EBADF);
  CHECK(host.Open("/nonexistent", 0, 0).error == ENOENT);
}

TEST_CASE("The counting host counts each call by its kind, failed ones too") {
  LinuxHost linux_host;
  CountingHost host(linux_host);
  const HostCallCounts before = host.counts();
  const HostResult<uintptr_t> mapped = host.Mmap(0, kPageSize, PROT_NONE, kAnonymous, -1, 0);
  REQUIRE(mapped.ok());
  REQUIRE(host.Mprotect(mapped.value, kPageSize, PROT_READ).ok());
  REQUIRE(host.Mprotect(mapped.value, kPageSize, PROT_NONE).ok());
  REQUIRE(host.Munmap(mapped.value, kPageSize).ok());
  CHECK_FALSE(host.Close(-1).ok());
  const HostCallCounts made = host.counts() - before;
  CHECK(made[HostCall::kMmap] == 1);
  CHECK(made[HostCall::kMprotect] == 2);
  CHECK(made[HostCall::kMunmap] == 1);
  CHECK(made[HostCall::kClose] == 1);
  CHECK(made.total() == 5);
}

}  // namespace
}  // namespace zirconia::platform
