// Thread-local storage: the executable's TLS block lies right below the control block (variant II).
#include <string.h>

#include "internal.h"

struct guest_tls_template guest_tls;

static size_t round_up(size_t n, size_t alignment) { return (n + alignment - 1) & ~(alignment - 1); }

size_t guest_tls_block_size(void) {
  // The alignment once more, because the memory itself may be aligned to less.
  return round_up(guest_tls.memory_size, guest_tls.alignment) + guest_tls.alignment + sizeof(struct guest_thread);
}

struct guest_thread* guest_tls_place(void* memory) {
  const size_t below = round_up(guest_tls.memory_size, guest_tls.alignment);
  struct guest_thread* self = (struct guest_thread*)round_up((uintptr_t)memory + below, guest_tls.alignment);
  memcpy((char*)self - below, guest_tls.image, guest_tls.file_size);
  self->self = self;
  return self;
}
