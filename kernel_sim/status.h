// The one conversion between the lower layers' errors and Zircon's.
#ifndef ZIRCONIA_KERNEL_SIM_STATUS_H_
#define ZIRCONIA_KERNEL_SIM_STATUS_H_

#include <zircon/errors.h>
#include <zircon/types.h>

#include "absl/status/status.h"

namespace zirconia::kernel {

// What mm and platform mean, in Zircon's terms.
constexpr zx_status_t ToZxStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return ZX_OK;
    case absl::StatusCode::kInvalidArgument:
      return ZX_ERR_INVALID_ARGS;
    case absl::StatusCode::kOutOfRange:
      return ZX_ERR_OUT_OF_RANGE;
    case absl::StatusCode::kResourceExhausted:
      return ZX_ERR_NO_MEMORY;
    case absl::StatusCode::kPermissionDenied:
      return ZX_ERR_ACCESS_DENIED;
    case absl::StatusCode::kFailedPrecondition:
      return ZX_ERR_BAD_STATE;
    case absl::StatusCode::kNotFound:
      return ZX_ERR_NOT_FOUND;
    case absl::StatusCode::kUnimplemented:
      return ZX_ERR_NOT_SUPPORTED;
    case absl::StatusCode::kUnavailable:
      return ZX_ERR_UNAVAILABLE;
    case absl::StatusCode::kAlreadyExists:
      return ZX_ERR_ALREADY_EXISTS;
    default:
      return ZX_ERR_INTERNAL;
  }
}

inline zx_status_t ToZxStatus(const absl::Status& status) { return ToZxStatus(status.code()); }

// "ZX_ERR_NO_MEMORY" and so on; "ZX_ERR_?" for numbers that Zircon doesn't have.
const char* StatusName(zx_status_t status);

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_STATUS_H_
