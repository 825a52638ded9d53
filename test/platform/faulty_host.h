// A host whose calls fail on purpose.
#ifndef ZIRCONIA_TEST_PLATFORM_FAULTY_HOST_H_
#define ZIRCONIA_TEST_PLATFORM_FAULTY_HOST_H_

#include <cstdint>

#include "platform/host.h"

namespace zirconia::platform {

// How a call fails.
enum class FaultMode : uint8_t {
  kBefore,    // nothing has happened
  kTear,      // MAP_FIXED has really torn the old mapping down; other calls fail as with kBefore
  kTearHalf,  // likewise, but only the first half of it
  kHalf,      // mprotect has changed the first half; other calls fail as with kBefore
};

// Fails some of the calls that change mappings (mmap, mprotect, munmap), and hands everything else on.
class FaultyHost final : public ForwardingHost {
 public:
  explicit FaultyHost(Host& base);
  ~FaultyHost() override;

  // Lets the calls with the numbers k to k + times - 1 fail, counted from now on, the first being 1.
  void FailAt(uint64_t k, uint64_t times, FaultMode mode, int error);
  void StopFailing() { FailAt(0, 0, FaultMode::kBefore, 0); }
  // How many calls failed since `FailAt`.
  uint64_t fired() const { return fired_; }

  HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                             uint64_t offset) override;
  HostOutcome Munmap(uintptr_t address, size_t length) override;
  HostOutcome Mprotect(uintptr_t address, size_t length, int protection) override;

 private:
  bool FailsNow();

  int socket_ = -1;  // what MAP_FIXED is given so that it tears: a file that can't be mapped
  uint64_t calls_ = 0;
  uint64_t first_ = 0;
  uint64_t times_ = 0;
  uint64_t fired_ = 0;
  FaultMode mode_ = FaultMode::kBefore;
  int error_ = 0;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_TEST_PLATFORM_FAULTY_HOST_H_
