// Faults of ordinary threads of this process at addresses that a kernel gave to it.
#ifndef ZIRCONIA_PLATFORM_ENGINE_HOST_FAULTS_H_
#define ZIRCONIA_PLATFORM_ENGINE_HOST_FAULTS_H_

#include <atomic>
#include <cstdint>

#include "mm/units.h"
#include "platform/forks.h"

namespace zirconia::platform {

// Answers page faults of threads that are no guests': those of a program that has mapped memory of a simulated kernel
// into itself (the host library). While an object of this class lives, a page fault at an address in its range, by
// whatever thread of the process, comes to `OnHostFault`; all other faults go where they went before.
//
// Whether a fault is in the range is found out without a lock. Nothing may touch the range any more when the object is
// destroyed.
class HostFaultRange {
 public:
  // Puts the handlers of SIGSEGV and SIGBUS in place, too.
  explicit HostFaultRange(mm::VirtRange range);
  HostFaultRange(const HostFaultRange&) = delete;
  HostFaultRange& operator=(const HostFaultRange&) = delete;

  mm::VirtRange range() const { return range_; }

 protected:
  // Whether a fork lies between: the range is the parent's then, and no fault of this process is answered.
  bool belongs_to_parent() const { return forks_ != ForkCount(); }
  // Stops the faults: to be called first by the destructor of each class that implements `OnHostFault`.
  void Withdraw();
  virtual ~HostFaultRange() { Withdraw(); }

 private:
  friend struct HostFaults;

  // True: the access can be repeated. False: it is the program's own fault, and is treated as if this range didn't
  // exist. Called in the signal handler, on the stack that the program provided, with all asynchronous signals blocked:
  // what was interrupted may hold any lock of the C library, so this must not allocate, log or print.
  virtual bool OnHostFault(mm::VirtAddr address, mm::Access access) = 0;

  const mm::VirtRange range_;
  const uint32_t forks_ = ForkCount();
  void* entry_;
};

// Puts the handlers of SIGSEGV and SIGBUS in place where somebody else has exchanged them since; what is found there is
// called for faults that aren't ours. One host call for each signal. Thread-safe.
void InstallFaultHandlers();

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_ENGINE_HOST_FAULTS_H_
