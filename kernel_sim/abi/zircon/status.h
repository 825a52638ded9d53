// Names of status codes.
#ifndef ZIRCONIA_ABI_ZIRCON_STATUS_H_
#define ZIRCONIA_ABI_ZIRCON_STATUS_H_

#include <zircon/compiler.h>
#include <zircon/types.h>

__BEGIN_CDECLS

// "ZX_ERR_NO_MEMORY" for ZX_ERR_NO_MEMORY, and so on; "(UNKNOWN)" for what isn't a status code.
const char* zx_status_get_string(zx_status_t status);

__END_CDECLS

#endif  // ZIRCONIA_ABI_ZIRCON_STATUS_H_
