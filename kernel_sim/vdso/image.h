// The vDSO's ELF image, embedded in the program: two loadable segments, the first read-only, the second exactly the
// code.
#ifndef ZIRCONIA_KERNEL_SIM_VDSO_IMAGE_H_
#define ZIRCONIA_KERNEL_SIM_VDSO_IMAGE_H_

#include <cstdint>

#include "kernel_sim/vdso/constants.h"

extern "C" {
// Page-aligned, a whole number of pages. File offsets and addresses in the image are equal. A copy's constants are at
// ZIRCONIA_VDSO_CONSTANTS_OFFSET; here they are zero.
extern const uint8_t zirconia_vdso_image[];
extern const uint64_t zirconia_vdso_image_size;
}

#endif  // ZIRCONIA_KERNEL_SIM_VDSO_IMAGE_H_
