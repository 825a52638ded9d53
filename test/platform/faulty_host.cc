#include "test/platform/faulty_host.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "mm/units.h"

namespace zirconia::platform {
namespace {

size_t HalfOf(size_t length) { return length / 2 / mm::kPageSize * mm::kPageSize; }

}  // namespace

FaultyHost::FaultyHost(Host& base) : ForwardingHost(base), socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {}

FaultyHost::~FaultyHost() { ::close(socket_); }

void FaultyHost::FailAt(uint64_t k, uint64_t times, FaultMode mode, int error) {
  calls_ = 0;
  fired_ = 0;
  first_ = k;
  times_ = times;
  mode_ = mode;
  error_ = error;
}

bool FaultyHost::FailsNow() {
  ++calls_;
  if (calls_ < first_ || calls_ - first_ >= times_) return false;
  ++fired_;
  return true;
}

HostResult<uintptr_t> FaultyHost::Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                                       uint64_t offset) {
  if (!FailsNow()) return base().Mmap(address, length, protection, flags, fd, offset);
  const size_t torn = mode_ == FaultMode::kTear ? length : mode_ == FaultMode::kTearHalf ? HalfOf(length) : 0;
  if (torn > 0 && (flags & MAP_FIXED) != 0) {
    REQUIRE_FALSE(base().Mmap(address, torn, protection, MAP_SHARED | MAP_FIXED, socket_, 0).ok());
  }
  return {0, error_};
}

HostOutcome FaultyHost::Munmap(uintptr_t address, size_t length) {
  if (FailsNow()) return {error_};
  return base().Munmap(address, length);
}

HostOutcome FaultyHost::Mprotect(uintptr_t address, size_t length, int protection) {
  if (!FailsNow()) return base().Mprotect(address, length, protection);
  const size_t half = HalfOf(length);
  if (mode_ == FaultMode::kHalf && half > 0) REQUIRE(base().Mprotect(address, half, protection).ok());
  return {error_};
}

}  // namespace zirconia::platform
