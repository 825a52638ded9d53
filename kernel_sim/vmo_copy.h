// Bytes between a VMO and a program.
#ifndef ZIRCONIA_KERNEL_SIM_VMO_COPY_H_
#define ZIRCONIA_KERNEL_SIM_VMO_COPY_H_

#include <zircon/types.h>

#include <cstddef>
#include <cstdint>

#include "kernel_sim/user_memory.h"
#include "mm/vm_object.h"

namespace zirconia::kernel {

// Copies [offset, offset + size) of `vmo` out to, or in from, `address`; how many bytes were copied before the first
// that couldn't be is in `done`. What is long is pinned, piece by piece, and no lock is held while its bytes move.
// OUT_OF_RANGE: the VMO ends before; INVALID_ARGS: a bad address; what VmObject::Pin, or a pager, says otherwise.
zx_status_t CopyVmoOut(mm::VmObject& vmo, uint64_t offset, size_t size, UserMemory& memory, uint64_t address,
                       size_t* done);
zx_status_t CopyVmoIn(mm::VmObject& vmo, uint64_t offset, size_t size, UserMemory& memory, uint64_t address,
                      size_t* done);

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_VMO_COPY_H_
