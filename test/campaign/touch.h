// Touching guest addresses as a guest would, without dying of it.
#ifndef ZIRCONIA_TEST_CAMPAIGN_TOUCH_H_
#define ZIRCONIA_TEST_CAMPAIGN_TOUCH_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "mm/address_space.h"
#include "mm/units.h"

namespace zirconia::campaign {

// Installs what catches the signals of failing touches, where it isn't the one that is installed. Before any touch, and
// again after somebody else may have installed handlers (a test framework does for each test case). Not thread-safe.
void CatchTouches();

// How a touch ended.
struct Touched {
  bool bus = false;  // the host couldn't give the page (SIGBUS)
  absl::Status
      status;          // not OK: the fault was answered so; INTERNAL: it was answered with OK, again and again, in vain
  uint64_t value = 0;  // what was loaded
  bool ok() const { return !bus && status.ok(); }
};

// Answers a fault.
using FaultAnswer = absl::FunctionRef<absl::Status(mm::VirtAddr, mm::Access)>;

// Each makes the access at a guest address of this process; a fault is answered, by `space` where that is
// given, and the access repeated.
// From any thread. Word accesses must be aligned. `Execute` calls the address: a `ret` must stand there.
Touched Load(FaultAnswer answer, mm::VirtAddr address);
Touched Load(mm::AddressSpace& space, mm::VirtAddr address);
Touched Store(FaultAnswer answer, mm::VirtAddr address, uint64_t value);
Touched Store(mm::AddressSpace& space, mm::VirtAddr address, uint64_t value);
// Writes nothing, but needs the right to.
Touched StoreNothing(FaultAnswer answer, mm::VirtAddr address);
Touched Execute(FaultAnswer answer, mm::VirtAddr address);

// Whether the host can forbid execution of what can be read, found once by trying: user-mode Linux can't.
bool HostForbidsExecution();

}  // namespace zirconia::campaign

#endif  // ZIRCONIA_TEST_CAMPAIGN_TOUCH_H_
