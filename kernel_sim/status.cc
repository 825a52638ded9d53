#include "kernel_sim/status.h"

#include <zircon/status.h>

namespace zirconia::kernel {

const char* StatusName(zx_status_t status) {
#define STATUS(name) \
  case name:         \
    return #name;
  switch (status) {
    STATUS(ZX_OK)
    STATUS(ZX_ERR_INTERNAL)
    STATUS(ZX_ERR_NOT_SUPPORTED)
    STATUS(ZX_ERR_NO_RESOURCES)
    STATUS(ZX_ERR_NO_MEMORY)
    STATUS(ZX_ERR_INVALID_ARGS)
    STATUS(ZX_ERR_BAD_HANDLE)
    STATUS(ZX_ERR_WRONG_TYPE)
    STATUS(ZX_ERR_BAD_SYSCALL)
    STATUS(ZX_ERR_OUT_OF_RANGE)
    STATUS(ZX_ERR_BUFFER_TOO_SMALL)
    STATUS(ZX_ERR_BAD_STATE)
    STATUS(ZX_ERR_TIMED_OUT)
    STATUS(ZX_ERR_SHOULD_WAIT)
    STATUS(ZX_ERR_CANCELED)
    STATUS(ZX_ERR_PEER_CLOSED)
    STATUS(ZX_ERR_NOT_FOUND)
    STATUS(ZX_ERR_ALREADY_EXISTS)
    STATUS(ZX_ERR_ALREADY_BOUND)
    STATUS(ZX_ERR_UNAVAILABLE)
    STATUS(ZX_ERR_ACCESS_DENIED)
    STATUS(ZX_ERR_IO)
    STATUS(ZX_ERR_IO_DATA_INTEGRITY)
    STATUS(ZX_ERR_FILE_BIG)
    STATUS(ZX_ERR_NO_SPACE)
    default:
      return "ZX_ERR_?";
  }
#undef STATUS
}

}  // namespace zirconia::kernel
