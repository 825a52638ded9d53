// Forward declarations of structures that only some system calls use.
#ifndef ZIRCONIA_ABI_ZIRCON_SYSCALLS_TYPES_H_
#define ZIRCONIA_ABI_ZIRCON_SYSCALLS_TYPES_H_

#include <zircon/compiler.h>

__BEGIN_CDECLS

typedef struct zx_port_packet zx_port_packet_t;
typedef struct zx_profile_info zx_profile_info_t;
typedef struct zx_system_powerctl_arg zx_system_powerctl_arg_t;

__END_CDECLS

#endif  // ZIRCONIA_ABI_ZIRCON_SYSCALLS_TYPES_H_
