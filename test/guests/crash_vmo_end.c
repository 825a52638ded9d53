// Touches a mapping beyond the end of its VMO: a fatal page fault (out of range).
#include <stdio.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>

int main(void) {
  zx_handle_t vmo;
  zx_vaddr_t address;
  if (zx_vmo_create(4096, 0, &vmo) != ZX_OK) return 1;
  const zx_vm_option_t options = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_ALLOW_FAULTS;
  if (zx_vmar_map(zx_vmar_root_self(), options, 0, vmo, 0, 8192, &address) != ZX_OK) return 1;
  *(volatile char*)address = 1;
  puts("about to touch the second page of a one-page VMO");
  *(volatile char*)(address + 4096) = 1;
  puts("it came back");
  return 0;
}
