// Fills a VMO, says where it is mapped, and stays for as many seconds as it is told, a thread at work all the time.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>

static int keep_busy(void* argument) {
  atomic_uint* const counter = argument;
  for (;;) {
    atomic_fetch_add(counter, 1);
    // Mappings come and go too.
    zx_handle_t vmo = ZX_HANDLE_INVALID;
    zx_vaddr_t at = 0;
    if (zx_vmo_create(4096, 0, &vmo) != ZX_OK) return 1;
    if (zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, 4096, &at) != ZX_OK) return 1;
    *(volatile char*)at = 1;
    zx_vmar_unmap(zx_vmar_root_self(), at, 4096);
    zx_handle_close(vmo);
  }
}

int main(int argc, char** argv) {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  zx_vaddr_t at = 0;
  const uint64_t size = 4 * 4096;
  if (zx_vmo_create(size, 0, &vmo) != ZX_OK) return 1;
  zx_object_set_property(vmo, ZX_PROP_NAME, "inspected", 9);
  if (zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, size, &at) != ZX_OK) return 1;
  // The third page stays uncommitted.
  for (unsigned i = 0; i < 2 * 4096; ++i) ((volatile unsigned char*)at)[i] = (unsigned char)(i / 4096 + i % 16);
  zx_info_handle_basic_t info;
  zx_object_get_info(vmo, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL);
  static atomic_uint counter;
  thrd_t thread;
  thrd_create(&thread, keep_busy, &counter);
  zx_handle_t process = ZX_HANDLE_INVALID, vmar = ZX_HANDLE_INVALID;
  if (argc > 2) zx_process_create(zx_job_default(), "second\033[2J", 10, 0, &process, &vmar);
  printf("%#lx %lu\n", (unsigned long)at, (unsigned long)info.koid);
  fflush(stdout);
  zx_nanosleep(zx_deadline_after(ZX_SEC(argc > 1 ? atoi(argv[1]) : 1)));
  return 7;
}
