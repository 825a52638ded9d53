// Offsets from the thread pointer that compilers for Zircon know. Usable from assembly.
#ifndef ZIRCONIA_ABI_ZIRCON_TLS_H_
#define ZIRCONIA_ABI_ZIRCON_TLS_H_

#define ZX_TLS_STACK_GUARD_OFFSET 0x10
#define ZX_TLS_UNSAFE_SP_OFFSET 0x18

#endif  // ZIRCONIA_ABI_ZIRCON_TLS_H_
