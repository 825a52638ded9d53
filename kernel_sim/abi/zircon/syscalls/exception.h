// Exceptions: their types and reports.
#ifndef ZIRCONIA_ABI_ZIRCON_SYSCALLS_EXCEPTION_H_
#define ZIRCONIA_ABI_ZIRCON_SYSCALLS_EXCEPTION_H_

#include <zircon/compiler.h>
#include <zircon/types.h>

__BEGIN_CDECLS

typedef uint32_t zx_excp_type_t;

// The processor's.
#define ZX_EXCP_GENERAL ((uint32_t)0x008u)
#define ZX_EXCP_FATAL_PAGE_FAULT ((uint32_t)0x108u)  // synth_code: the zx_status_t that says why
#define ZX_EXCP_UNDEFINED_INSTRUCTION ((uint32_t)0x208u)
#define ZX_EXCP_SW_BREAKPOINT ((uint32_t)0x308u)
#define ZX_EXCP_HW_BREAKPOINT ((uint32_t)0x408u)
#define ZX_EXCP_UNALIGNED_ACCESS ((uint32_t)0x508u)

// The kernel's.
#define ZX_EXCP_SYNTH ((uint32_t)0x8000u)
#define ZX_EXCP_THREAD_STARTING ((uint32_t)0x008u | ZX_EXCP_SYNTH)
#define ZX_EXCP_THREAD_EXITING ((uint32_t)0x108u | ZX_EXCP_SYNTH)
#define ZX_EXCP_POLICY_ERROR ((uint32_t)0x208u | ZX_EXCP_SYNTH)  // synth_code: one of ZX_EXCP_POLICY_CODE_*
#define ZX_EXCP_PROCESS_STARTING ((uint32_t)0x308u | ZX_EXCP_SYNTH)
#define ZX_EXCP_USER ((uint32_t)0x408u | ZX_EXCP_SYNTH)

#define ZX_EXCP_IS_ARCH(excp) (((excp)&ZX_EXCP_SYNTH) == 0)

#define ZX_EXCP_POLICY_CODE_BAD_HANDLE ((uint32_t)0u)
#define ZX_EXCP_POLICY_CODE_WRONG_OBJECT ((uint32_t)1u)
#define ZX_EXCP_POLICY_CODE_VMAR_WX ((uint32_t)2u)
#define ZX_EXCP_POLICY_CODE_NEW_ANY ((uint32_t)3u)
#define ZX_EXCP_POLICY_CODE_NEW_VMO ((uint32_t)4u)
#define ZX_EXCP_POLICY_CODE_NEW_CHANNEL ((uint32_t)5u)
#define ZX_EXCP_POLICY_CODE_NEW_EVENT ((uint32_t)6u)
#define ZX_EXCP_POLICY_CODE_NEW_EVENTPAIR ((uint32_t)7u)
#define ZX_EXCP_POLICY_CODE_NEW_PORT ((uint32_t)8u)
#define ZX_EXCP_POLICY_CODE_NEW_SOCKET ((uint32_t)9u)
#define ZX_EXCP_POLICY_CODE_NEW_FIFO ((uint32_t)10u)
#define ZX_EXCP_POLICY_CODE_NEW_TIMER ((uint32_t)11u)
#define ZX_EXCP_POLICY_CODE_NEW_PROCESS ((uint32_t)12u)
#define ZX_EXCP_POLICY_CODE_NEW_PROFILE ((uint32_t)13u)
#define ZX_EXCP_POLICY_CODE_NEW_PAGER ((uint32_t)14u)
#define ZX_EXCP_POLICY_CODE_AMBIENT_MARK_VMO_EXEC ((uint32_t)15u)
#define ZX_EXCP_POLICY_CODE_CHANNEL_FULL_WRITE ((uint32_t)16u)
#define ZX_EXCP_POLICY_CODE_PORT_TOO_MANY_PACKETS ((uint32_t)17u)
#define ZX_EXCP_POLICY_CODE_BAD_SYSCALL ((uint32_t)18u)  // synth_data: the number
#define ZX_EXCP_POLICY_CODE_PORT_TOO_MANY_OBSERVERS ((uint32_t)19u)

typedef struct zx_x86_64_exc_data {
  uint64_t vector;
  uint64_t err_code;
  uint64_t cr2;
} zx_x86_64_exc_data_t;

typedef struct zx_arm64_exc_data {
  uint32_t esr;
  uint8_t padding1[4];
  uint64_t far;
  uint8_t padding2[8];
} zx_arm64_exc_data_t;

typedef struct zx_exception_header {
  uint32_t size;  // of the whole report
  zx_excp_type_t type;
} zx_exception_header_t;

typedef struct zx_exception_context {
  struct {
    union {
      zx_x86_64_exc_data_t x86_64;
      zx_arm64_exc_data_t arm_64;
    } u;
  } arch;
  uint32_t synth_code;
  uint32_t synth_data;
} zx_exception_context_t;

typedef struct zx_exception_report {
  zx_exception_header_t header;
  zx_exception_context_t context;
} zx_exception_report_t;

// What an exception channel's message holds, next to the exception's handle.
typedef struct zx_exception_info {
  zx_koid_t pid;
  zx_koid_t tid;
  zx_excp_type_t type;
  uint8_t padding1[4];
} zx_exception_info_t;

#define ZX_EXCEPTION_CHANNEL_DEBUGGER ((uint32_t)1)

#define ZX_EXCEPTION_CHANNEL_TYPE_NONE ((uint32_t)0u)
#define ZX_EXCEPTION_CHANNEL_TYPE_DEBUGGER ((uint32_t)1u)
#define ZX_EXCEPTION_CHANNEL_TYPE_THREAD ((uint32_t)2u)
#define ZX_EXCEPTION_CHANNEL_TYPE_PROCESS ((uint32_t)3u)
#define ZX_EXCEPTION_CHANNEL_TYPE_JOB ((uint32_t)4u)
#define ZX_EXCEPTION_CHANNEL_TYPE_JOB_DEBUGGER ((uint32_t)5u)

__END_CDECLS

#endif  // ZIRCONIA_ABI_ZIRCON_SYSCALLS_EXCEPTION_H_
