// Thread-local storage: the executable's TLS block lies right below the control block (variant II).
#include <string.h>

#include "internal.h"

struct guest_tls_template guest_tls = {.alignment = 1};

static size_t round_up(size_t n, size_t alignment) { return (n + alignment - 1) & ~(alignment - 1); }

// The linker places the block's end, rounded up to the segment's alignment, at the control block.
static size_t size_below(void) { return round_up(guest_tls.memory_size, guest_tls.alignment); }

static size_t block_alignment(void) {
  return guest_tls.alignment > _Alignof(max_align_t) ? guest_tls.alignment : _Alignof(max_align_t);
}

size_t guest_tls_block_size(void) {
  // The alignment once more, because the memory itself may be aligned to less.
  return size_below() + block_alignment() + sizeof(struct guest_thread);
}

struct guest_thread* guest_tls_place(void* memory) {
  const size_t below = size_below();
  struct guest_thread* self = (struct guest_thread*)round_up((uintptr_t)memory + below, block_alignment());
  memcpy((char*)self - below, guest_tls.image, guest_tls.file_size);
  self->self = self;
  return self;
}
