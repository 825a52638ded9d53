// What the C start-up code knows of its own process. Handles returned here stay the runtime's: don't close them, except
// those from zx_take_startup_handle.
#ifndef ZIRCONIA_ABI_ZIRCON_PROCESS_H_
#define ZIRCONIA_ABI_ZIRCON_PROCESS_H_

#include <stdint.h>
#include <zircon/compiler.h>
#include <zircon/types.h>

__BEGIN_CDECLS

// Takes the handle that the bootstrap message labelled `hnd_info` (see PA_HND in processargs.h): the first call gets
// it, later calls get ZX_HANDLE_INVALID. Safe to call from any thread.
zx_handle_t zx_take_startup_handle(uint32_t hnd_info);

zx_handle_t zx_thread_self(void);
zx_handle_t zx_process_self(void);
zx_handle_t zx_vmar_root_self(void);
zx_handle_t zx_job_default(void);

zx_handle_t _zx_thread_self(void);
zx_handle_t _zx_process_self(void);
zx_handle_t _zx_vmar_root_self(void);
zx_handle_t _zx_job_default(void);

__END_CDECLS

#endif  // ZIRCONIA_ABI_ZIRCON_PROCESS_H_
