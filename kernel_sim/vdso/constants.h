/* What the kernel tells the vDSO, and with it every guest. The kernel fills it in, in its copy of the image, before it
   maps it. Plain C, because the vDSO, the kernel and guests read it. */
#ifndef ZIRCONIA_KERNEL_SIM_VDSO_CONSTANTS_H_
#define ZIRCONIA_KERNEL_SIM_VDSO_CONSTANTS_H_

/* Where the structure begins in the image file, and from the vDSO's base in memory: the linker script puts it there.
   The dynamic symbol zirconia_vdso_constants says the same. */
#define ZIRCONIA_VDSO_CONSTANTS_OFFSET 0x1000
#define ZIRCONIA_VDSO_CONSTANTS_SIZE 104

#ifndef __ASSEMBLER__

#include <stdint.h>

#define ZIRCONIA_VERSION_STRING "zirconia 0.1.0"
#define ZIRCONIA_DCACHE_LINE_SIZE 64

struct zirconia_vdso_constants {
  /* Where system calls jump to (platform/guest_engine.h); 0: they use the syscall instruction. */
  uint64_t syscall_entry;
  uint64_t page_size;
  uint64_t physmem; /* bytes of the simulated machine's memory */
  uint64_t ticks_per_second;
  uint32_t num_cpus;
  uint32_t dcache_line_size;
  char version[64]; /* ended by a zero byte */
};

#ifdef __cplusplus
static_assert(sizeof(zirconia_vdso_constants) == ZIRCONIA_VDSO_CONSTANTS_SIZE, "layout shared with assembly");
#else
_Static_assert(sizeof(struct zirconia_vdso_constants) == ZIRCONIA_VDSO_CONSTANTS_SIZE, "layout shared with assembly");
#endif

#endif /* __ASSEMBLER__ */

#endif /* ZIRCONIA_KERNEL_SIM_VDSO_CONSTANTS_H_ */
