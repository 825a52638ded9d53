// Records of the debug log.
#ifndef ZIRCONIA_ABI_ZIRCON_SYSCALLS_LOG_H_
#define ZIRCONIA_ABI_ZIRCON_SYSCALLS_LOG_H_

#include <zircon/types.h>

__BEGIN_CDECLS

// A record's head; `datalen` bytes of text follow it. Sequence numbers count up by one and wrap around.
typedef struct zx_log_record {
  uint32_t sequence;
  uint16_t datalen;
  uint8_t severity;
  uint8_t flags;
  zx_time_t timestamp;
  uint64_t pid;
  uint64_t tid;
  char data[];
} zx_log_record_t;

#define ZX_LOG_RECORD_MAX ((size_t)256)  // of the whole record
#define ZX_LOG_RECORD_DATA_MAX (ZX_LOG_RECORD_MAX - sizeof(zx_log_record_t))

#define ZX_LOG_TRACE (0x10)
#define ZX_LOG_DEBUG (0x20)
#define ZX_LOG_INFO (0x30)
#define ZX_LOG_WARNING (0x40)
#define ZX_LOG_ERROR (0x50)
#define ZX_LOG_FATAL (0x60)

#define ZX_LOG_LOCAL (0x10)
#define ZX_LOG_FLAGS_MASK (0x10)

#define ZX_LOG_FLAG_READABLE 0x40000000

__END_CDECLS

#endif  // ZIRCONIA_ABI_ZIRCON_SYSCALLS_LOG_H_
