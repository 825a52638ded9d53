// The bootstrap message: what a new process reads from the channel it was started with.
#ifndef ZIRCONIA_ABI_ZIRCON_PROCESSARGS_H_
#define ZIRCONIA_ABI_ZIRCON_PROCESSARGS_H_

#include <stdint.h>
#include <zircon/compiler.h>
#include <zircon/types.h>

__BEGIN_CDECLS

#define ZX_PROCARGS_PROTOCOL ((uint32_t)0x4150585du)
#define ZX_PROCARGS_VERSION ((uint32_t)0x0001000u)

// The head of the message. Offsets count from its first byte. Strings are UTF-8, each ended by a zero byte, one after
// another.
typedef struct zx_proc_args {
  uint32_t protocol;
  uint32_t version;
  uint32_t handle_info_off;  // one uint32_t per handle of the message, made by PA_HND
  uint32_t args_off;
  uint32_t args_num;
  uint32_t environ_off;  // "NAME=VALUE" by convention
  uint32_t environ_num;
  uint32_t names_off;  // for PA_NS_DIR: the argument is an index into these
  uint32_t names_num;
} zx_proc_args_t;

// A handle's info: what it is for, and which one.
#define PA_HND(type, arg) (((type)&0xFF) | (((arg)&0xFFFF) << 16))
#define PA_HND_TYPE(n) ((n)&0xFF)
#define PA_HND_SUBTYPE(n) (((n) >> 8) & 0xFF)
#define PA_HND_ARG(n) (((n) >> 16) & 0xFFFF)

// For the C library.
#define PA_PROC_SELF 0x01u
#define PA_THREAD_SELF 0x02u
#define PA_JOB_DEFAULT 0x03u
#define PA_VMAR_ROOT 0x04u
#define PA_VMAR_LOADED 0x05u  // the VMAR that holds the program's image

// Loading.
#define PA_LDSVC_LOADER 0x10u
#define PA_VMO_VDSO 0x11u
#define PA_VMO_STACK 0x13u  // the first thread's stack
#define PA_VMO_EXECUTABLE 0x14u
#define PA_VMO_BOOTDATA 0x1Au
#define PA_VMO_BOOTFS 0x1Bu
#define PA_VMO_KERNEL_FILE 0x1Cu

// Namespace and files.
#define PA_NS_DIR 0x20u
#define PA_FD 0x30u
#define PA_LIFECYCLE 0x3Au
#define PA_DIRECTORY_REQUEST 0x3Bu
#define PA_RESOURCE 0x3Fu
#define PA_CLOCK_UTC 0x40u
#define PA_MMIO_RESOURCE 0x50u
#define PA_IRQ_RESOURCE 0x51u
#define PA_IOPORT_RESOURCE 0x52u
#define PA_SMC_RESOURCE 0x53u
#define PA_SYSTEM_RESOURCE 0x54u

// For a program and whoever starts it.
#define PA_USER0 0xF0u
#define PA_USER1 0xF1u
#define PA_USER2 0xF2u

__END_CDECLS

#endif  // ZIRCONIA_ABI_ZIRCON_PROCESSARGS_H_
