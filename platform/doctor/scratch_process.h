// A process to try things in that may crash or hang.
#ifndef ZIRCONIA_PLATFORM_DOCTOR_SCRATCH_PROCESS_H_
#define ZIRCONIA_PLATFORM_DOCTOR_SCRATCH_PROCESS_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace zirconia::platform::doctor {

// What `probe` returned, run in a copy (fork) of this process; what it changes stays there. A status says what became
// of it otherwise: ABORTED, it died of a signal, which is named, or exited; DEADLINE_EXCEEDED, it still ran after
// `limit` and was killed with all that it started; the error of fork or pipe. The calling process should have no other
// thread: `probe` may allocate.
absl::StatusOr<std::string> RunInScratchProcess(const std::function<std::string()>& probe, absl::Duration limit);

}  // namespace zirconia::platform::doctor

#endif  // ZIRCONIA_PLATFORM_DOCTOR_SCRATCH_PROCESS_H_
