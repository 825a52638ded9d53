// As many mappings of one page as its argument says, none of which can be one with its neighbour: pages of a VMO in
// random order, writable and not by turns. All are touched, in order and at random, and every one shows its page.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>

enum { PAGE = 4096, PAGES = 16384 };

static uint32_t seed = 12345;
static uint32_t dice(void) { return seed = seed * 1664525 + 1013904223; }

static int fail(const char* what, uint64_t at) {
  printf("%s: mapping %lu\n", what, (unsigned long)at);
  return 1;
}

int main(int argc, char** argv) {
  const uint64_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
  zx_handle_t vmo = ZX_HANDLE_INVALID, vmar = ZX_HANDLE_INVALID;
  zx_vaddr_t base = 0;
  if (zx_vmo_create((uint64_t)PAGES * PAGE, 0, &vmo) != ZX_OK) return fail("no VMO", 0);
  if (zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 0, (uint64_t)PAGES * PAGE, NULL, 0) != ZX_OK) return fail("no memory", 0);
  for (uint64_t page = 0; page < PAGES; ++page) zx_vmo_write(vmo, &page, page * PAGE, sizeof(page));
  if (zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_SPECIFIC, 0,
                       count * PAGE, &vmar, &base) != ZX_OK) {
    return fail("no room", 0);
  }
  uint32_t* const shows = malloc(count * sizeof(uint32_t));
  for (uint64_t i = 0; i < count; ++i) {
    do {
      shows[i] = (dice() >> 8) % PAGES;
    } while (i > 0 && shows[i] == shows[i - 1] + 1);
    const zx_vm_option_t write = i % 2 == 0 ? ZX_VM_PERM_WRITE : 0;
    zx_vaddr_t at = 0;
    if (zx_vmar_map(vmar, ZX_VM_PERM_READ | ZX_VM_SPECIFIC | write, i * PAGE, vmo, (uint64_t)shows[i] * PAGE, PAGE,
                    &at) != ZX_OK ||
        at != base + i * PAGE) {
      return fail("not mapped", i);
    }
  }
  // In order; what can be written gets the number of its page once more, further on.
  for (uint64_t i = 0; i < count; ++i) {
    volatile uint64_t* const at = (volatile uint64_t*)(base + i * PAGE);
    if (at[0] != shows[i]) return fail("wrong content", i);
    if (i % 2 == 0) at[1] = ~(uint64_t)shows[i];
  }
  for (uint64_t n = 0; n < count / 4; ++n) {
    const uint64_t i = ((uint64_t)dice() << 16 ^ dice()) % count;
    volatile uint64_t* const at = (volatile uint64_t*)(base + i * PAGE);
    if (at[0] != shows[i]) return fail("wrong content", i);
    if (i % 2 == 0 && at[1] != ~(uint64_t)shows[i]) return fail("a write was lost", i);
  }
  return 0;
}
