// Checks that reach over several objects. For tests, fuzzing and debugging: nothing may change meanwhile.
#ifndef ZIRCONIA_MM_VERIFY_H_
#define ZIRCONIA_MM_VERIFY_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "mm/frame_allocator.h"
#include "mm/vm_object.h"

namespace zirconia::mm {

// Checks each VMO and the allocator, that every frame of a VMO is handed out, and that none is in two places. `vmos`
// are all that there are, and nobody else holds frames: then it is also checked that none is lost.
absl::Status VerifyFrames(const FrameAllocator& frames, absl::Span<const std::shared_ptr<VmObject>> vmos);

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_VERIFY_H_
