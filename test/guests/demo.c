// A short demonstration: one frame at two addresses with different permissions, faults that are healed, and what the
// address space looks like (zirconia run --maps).
#include <stdio.h>
#include <string.h>
#include <zircon/process.h>
#include <zircon/status.h>
#include <zircon/syscalls.h>
#include <zircon/syscalls/object.h>

#define PAGE ((size_t)4096)

static void must(zx_status_t status, const char* what) {
  if (status == ZX_OK) return;
  printf("%s: %s\n", what, zx_status_get_string(status));
  zx_process_exit(1);
}

static char* map(zx_handle_t vmo, zx_vm_option_t options, size_t size) {
  zx_vaddr_t address;
  must(zx_vmar_map(zx_vmar_root_self(), options, 0, vmo, 0, size, &address), "zx_vmar_map");
  return (char*)address;
}

static uint64_t committed_pages(zx_handle_t vmo) {
  zx_info_vmo_t info;
  must(zx_object_get_info(vmo, ZX_INFO_VMO, &info, sizeof(info), NULL, NULL), "zx_object_get_info");
  return info.committed_bytes / PAGE;
}

int main(void) {
  printf("1. One frame at two addresses\n");
  zx_handle_t shared;
  must(zx_vmo_create(PAGE, 0, &shared), "zx_vmo_create");
  must(zx_object_set_property(shared, ZX_PROP_NAME, "demo-shared", 12), "zx_object_set_property");
  char* writable = map(shared, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, PAGE);
  const char* read_only = map(shared, ZX_VM_PERM_READ, PAGE);
  strcpy(writable, "written through the first address");
  printf("   %p (read, write)  stores  \"%s\"\n", (void*)writable, writable);
  printf("   %p (read)         loads   \"%s\"\n", (const void*)read_only, read_only);
  const zx_status_t refused = zx_vmo_read(shared, (void*)read_only, 0, 1);
  printf("   the kernel is asked to write through the second: %s\n\n", zx_status_get_string(refused));

  printf("2. Faults that are healed\n");
  zx_handle_t sparse;
  const size_t size = (size_t)64 << 20;
  must(zx_vmo_create(size, 0, &sparse), "zx_vmo_create");
  must(zx_object_set_property(sparse, ZX_PROP_NAME, "demo-sparse", 12), "zx_object_set_property");
  char* p = map(sparse, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, size);
  printf("   64 MiB mapped at %p: %lu pages have memory\n", (void*)p, committed_pages(sparse));
  for (size_t at = 0; at < size; at += size / 8) p[at] = 1;
  printf("   eight pages touched:          %lu pages have memory\n", committed_pages(sparse));
  must(zx_vmo_op_range(sparse, ZX_VMO_OP_DECOMMIT, 0, size / 2, NULL, 0), "zx_vmo_op_range");
  printf("   half of it decommitted:       %lu pages have memory, the first byte reads %d again\n\n",
         committed_pages(sparse), p[0]);

  printf("3. The address space, as the kernel prints it with --maps\n");
  return 0;
}
