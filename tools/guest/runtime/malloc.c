// The heap. Blocks of up to 128 KiB come from size classes: each class has a list of free blocks, and new blocks are
// cut from segments, VMOs that are mapped when the last one is used up. Larger blocks are a VMO each, unmapped when
// they are freed.
//
// A block's size stands in the 16 bytes before it. Memory that was never handed out is known to be zero: calloc doesn't
// clear it.
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zircon/process.h>
#include <zircon/syscalls/object.h>

#include "internal.h"

#define LARGEST_CLASSED ((size_t)128 * 1024)
#define FINE_CLASSES 64              // multiples of 16, up to 1024
#define CLASSES (FINE_CLASSES + 28)  // then four per doubling

struct header {
  size_t size;  // of the block without its header; for a large block, of its mapping
  uint32_t kind;
  uint32_t offset;  // kAligned: the distance back to the real block
};
enum { kClassed = 0x434c4153, kLarge = 0x4c415247, kAligned = 0x414c4947, kFree = 0x46524545 };

struct free_block {
  struct free_block* next;
};

static guest_lock_t heap_lock;
static struct free_block* free_blocks[CLASSES];
static char *segment, *segment_end;
static size_t segment_size = (size_t)1 << 20;

static struct header* header_of(void* block) { return (struct header*)block - 1; }

// The class whose blocks hold `size` bytes, 1 to LARGEST_CLASSED.
static unsigned class_of(size_t size) {
  if (size <= 1024) return (unsigned)((size - 1) / 16);
  const unsigned doubling = 63 - (unsigned)__builtin_clzl(size - 1);  // 2^doubling < size <= 2^(doubling + 1)
  return FINE_CLASSES + (doubling - 10) * 4 + (unsigned)((size - 1) >> (doubling - 2) & 3);
}

static size_t class_size(unsigned c) {
  if (c < FINE_CLASSES) return (c + 1) * 16;
  const unsigned coarse = c - FINE_CLASSES;
  return (size_t)(5 + coarse % 4) << (coarse / 4 + 8);
}

static void* map_new_vmo(size_t size) {
  static const char name[] = "heap";
  zx_handle_t vmo;
  if (zx_vmo_create(size, 0, &vmo) != ZX_OK) return NULL;
  zx_object_set_property(vmo, ZX_PROP_NAME, name, sizeof(name));
  zx_vaddr_t address = 0;
  const zx_status_t status =
      zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, size, &address);
  zx_handle_close(vmo);
  return status == ZX_OK ? (void*)address : NULL;
}

static void put_on_list(unsigned c, void* block) {
  header_of(block)->kind = kFree;
  ((struct free_block*)block)->next = free_blocks[c];
  free_blocks[c] = block;
}

// What is left of the current segment goes to the free lists, the largest blocks first.
static void retire_segment(void) {
  while (segment_end - segment >= (ptrdiff_t)(sizeof(struct header) + 16)) {
    const size_t room = (size_t)(segment_end - segment) - sizeof(struct header);
    unsigned c = room >= LARGEST_CLASSED ? CLASSES - 1 : class_of(room);
    if (class_size(c) > room) --c;
    struct header* header = (struct header*)segment;
    header->size = class_size(c);
    segment += sizeof(struct header) + header->size;
    put_on_list(c, header + 1);
  }
}

static void* cut_from_segment(unsigned c) {
  const size_t needed = sizeof(struct header) + class_size(c);
  if ((size_t)(segment_end - segment) < needed) {
    char* fresh = map_new_vmo(segment_size);
    if (fresh == NULL) return NULL;
    retire_segment();
    segment = fresh;
    segment_end = fresh + segment_size;
    if (segment_size < (size_t)32 << 20) segment_size *= 2;
  }
  struct header* header = (struct header*)segment;
  segment += needed;
  header->size = class_size(c);
  return header + 1;
}

static void* allocate_large(size_t size) {
  size_t total;
  if (__builtin_add_overflow(size, sizeof(struct header) + ZX_PAGE_SIZE - 1, &total)) return NULL;
  total &= ~(size_t)(ZX_PAGE_SIZE - 1);
  struct header* header = map_new_vmo(total);
  if (header == NULL) return NULL;
  header->size = total;
  header->kind = kLarge;
  return header + 1;
}

// `zero` says whether the block is known to be zero.
static void* allocate(size_t size, bool* zero) {
  *zero = true;
  void* block;
  if (size > LARGEST_CLASSED) {
    block = allocate_large(size);
  } else {
    const unsigned c = class_of(size == 0 ? 1 : size);
    guest_lock(&heap_lock);
    block = free_blocks[c];
    if (block != NULL) {
      free_blocks[c] = ((struct free_block*)block)->next;
      *zero = false;
    } else {
      block = cut_from_segment(c);
    }
    if (block != NULL) header_of(block)->kind = kClassed;
    guest_unlock(&heap_lock);
  }
  if (block == NULL) errno = ENOMEM;
  return block;
}

void* malloc(size_t size) {
  bool zero;
  return allocate(size, &zero);
}

void* calloc(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) {
    errno = ENOMEM;
    return NULL;
  }
  bool zero;
  void* block = allocate(total, &zero);
  if (block != NULL && !zero) memset(block, 0, total);
  return block;
}

void free(void* block) {
  if (block == NULL) return;
  struct header* header = header_of(block);
  if (header->kind == kAligned) {
    block = (char*)block - header->offset;
    header = header_of(block);
  }
  if (header->kind == kLarge) {
    zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)header, header->size);
    return;
  }
  guest_lock(&heap_lock);
  const bool good = header->kind == kClassed;
  if (good) put_on_list(class_of(header->size), block);
  guest_unlock(&heap_lock);
  if (!good) {
    guest_console_write("free: not an allocated block\n", 29);
    abort();
  }
}

size_t malloc_usable_size(void* block) {
  if (block == NULL) return 0;
  const struct header* header = header_of(block);
  size_t before = 0;
  if (header->kind == kAligned) {
    before = header->offset;
    header = header_of((char*)block - before);
  }
  return header->size - before - (header->kind == kLarge ? sizeof(struct header) : 0);
}

void* realloc(void* block, size_t size) {
  if (block == NULL) return malloc(size);
  const size_t old_size = malloc_usable_size(block);
  if (size <= old_size && size >= old_size / 2) return block;
  void* moved = malloc(size);
  if (moved == NULL) return NULL;
  memcpy(moved, block, size < old_size ? size : old_size);
  free(block);
  return moved;
}

void* reallocarray(void* block, size_t count, size_t size) {
  size_t total;
  if (!__builtin_mul_overflow(count, size, &total)) return realloc(block, total);
  errno = ENOMEM;
  return NULL;
}

void* aligned_alloc(size_t alignment, size_t size) {
  if ((alignment & (alignment - 1)) != 0 || alignment > (size_t)1 << 31) {
    errno = EINVAL;
    return NULL;
  }
  if (alignment <= 16) return malloc(size);
  size_t total;
  if (__builtin_add_overflow(size, alignment + sizeof(struct header), &total)) {
    errno = ENOMEM;
    return NULL;
  }
  char* block = malloc(total);
  if (block == NULL || ((uintptr_t)block & (alignment - 1)) == 0) return block;
  char* aligned = (char*)(((uintptr_t)block + sizeof(struct header) + alignment - 1) & ~(uintptr_t)(alignment - 1));
  header_of(aligned)->kind = kAligned;
  header_of(aligned)->offset = (uint32_t)(aligned - block);
  return aligned;
}
void* memalign(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }
int posix_memalign(void** block, size_t alignment, size_t size) {
  if (alignment < sizeof(void*) || (alignment & (alignment - 1)) != 0) return EINVAL;
  void* p = aligned_alloc(alignment, size);
  if (p == NULL) return ENOMEM;
  *block = p;
  return 0;
}
