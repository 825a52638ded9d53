// Threads touch pages while another replaces what is mapped there: each page is always one or the other, and never
// gone.
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>

enum { PAGE = 4096, PAGES = 64, TOUCHERS = 3 };

static zx_vaddr_t base;
static atomic_bool done;
static atomic_int wrong;
static atomic_ulong touches;

static zx_handle_t make_vmo(uint64_t mark) {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  if (zx_vmo_create((uint64_t)PAGES * PAGE, 0, &vmo) != ZX_OK) exit(1);
  for (uint64_t page = 0; page < PAGES; ++page) {
    const uint64_t number = mark << 32 | page;
    if (zx_vmo_write(vmo, &number, page * PAGE, sizeof(number)) != ZX_OK) exit(1);
  }
  return vmo;
}

static int touch(void* argument) {
  uint64_t at = (uintptr_t)argument;
  while (!atomic_load(&done)) {
    at = (at * 13 + 7) % PAGES;
    volatile uint64_t* const page = (volatile uint64_t*)(base + at * PAGE);
    const uint64_t number = *page;
    if ((uint32_t)number != at || (number >> 32 != 1 && number >> 32 != 2)) atomic_fetch_add(&wrong, 1);
    page[1] = number;
    atomic_fetch_add(&touches, 1);
  }
  return 0;
}

int main(int argc, char** argv) {
  const uint64_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
  const zx_handle_t vmos[2] = {make_vmo(1), make_vmo(2)};
  const zx_handle_t root = zx_vmar_root_self();
  zx_handle_t vmar = ZX_HANDLE_INVALID;
  const zx_vm_option_t how = ZX_VM_SPECIFIC_OVERWRITE | ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;
  zx_vaddr_t at = 0;
  if (zx_vmar_allocate(root, ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_SPECIFIC, 0,
                       (uint64_t)PAGES * PAGE, &vmar, &base) != ZX_OK ||
      zx_vmar_map(vmar, how, 0, vmos[0], 0, (uint64_t)PAGES * PAGE, &at) != ZX_OK) {
    return 2;
  }
  thrd_t threads[TOUCHERS];
  for (uintptr_t i = 0; i < TOUCHERS; ++i) {
    if (thrd_create(&threads[i], touch, (void*)(i + 1)) != thrd_success) return 3;
  }
  uint32_t dice = 1;
  for (uint64_t i = 0; i < rounds; ++i) {
    dice = dice * 1664525 + 1013904223;
    const uint64_t first = (dice >> 8) % PAGES, count = 1 + (dice >> 16) % (PAGES - first);
    // A part at one time, so that mappings are split and join again; the protection changes too, and is given back.
    if (zx_vmar_map(vmar, how, first * PAGE, vmos[i % 2], first * PAGE, count * PAGE, &at) != ZX_OK) return 4;
    if (i % 5 == 0 &&
        zx_vmar_protect(vmar, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, base, (uint64_t)PAGES * PAGE) != ZX_OK) {
      return 5;
    }
  }
  while (atomic_load(&touches) < 1000) zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
  atomic_store(&done, true);
  for (int i = 0; i < TOUCHERS; ++i) thrd_join(threads[i], NULL);
  return atomic_load(&wrong) == 0 ? 0 : 6;
}
