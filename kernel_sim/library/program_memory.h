// Memory of a program that uses the host library.
#ifndef ZIRCONIA_KERNEL_SIM_LIBRARY_PROGRAM_MEMORY_H_
#define ZIRCONIA_KERNEL_SIM_LIBRARY_PROGRAM_MEMORY_H_

#include <memory>

#include "kernel_sim/user_memory.h"
#include "mm/address_space.h"

namespace zirconia::kernel {

// The buffers of such a program are its own stack and heap, which are copied with fault recovery; or lie in its
// simulated address space, where they go the way of a guest's (translated, pinned, every lock dropped, copied): so a
// buffer may be a mapping of the very VMO that is read. One buffer may be both.
class ProgramMemory final : public UserMemory {
 public:
  explicit ProgramMemory(std::shared_ptr<mm::AddressSpace> aspace)
      : simulated_(aspace->range()), mapped_(std::move(aspace)) {}
  zx_status_t CopyIn(void* to, uint64_t from, size_t size) override;
  zx_status_t CopyInNow(void* to, uint64_t from, size_t size) override;
  zx_status_t CopyOut(uint64_t to, const void* from, size_t size) override;
  zx_status_t FillZero(uint64_t to, size_t size) override;
  zx_status_t StoreRelease(uint64_t to, uint32_t word) override;
  size_t Transfer(mm::VmObject& vmo, uint64_t offset, uint64_t address, size_t size, bool to_vmo) override;

 private:
  // Calls `mapped` or `own` (address, offset in the buffer, size) for the parts of a buffer.
  template <typename Mapped, typename Own>
  zx_status_t ForEachPart(uint64_t address, size_t size, Mapped mapped, Own own);

  const mm::VirtRange simulated_;
  GuestMemory mapped_;
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_LIBRARY_PROGRAM_MEMORY_H_
