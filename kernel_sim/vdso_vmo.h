// The vDSO of one kernel: the image as a VMO, ready to be mapped into processes.
#ifndef ZIRCONIA_KERNEL_SIM_VDSO_VMO_H_
#define ZIRCONIA_KERNEL_SIM_VDSO_VMO_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "kernel_sim/loader/elf_image.h"
#include "kernel_sim/vmo.h"
#include "mm/frame_allocator.h"

namespace zirconia::kernel {

class ProcessDispatcher;

// Made once per kernel. Every process maps the same frames; the constants in it (where a system call enters the kernel,
// the size of the machine) are this kernel's.
class VdsoVmo {
 public:
  struct Constants {
    uint64_t syscall_entry = 0;
    uint64_t physmem_bytes = 0;
  };

  absl::Status Init(KoidAllocator& koids, mm::FrameAllocator& frames, const Constants& constants);

  // The VMO, to be given out with rights that don't permit writing.
  const std::shared_ptr<VmoDispatcher>& vmo() const { return vmo_; }
  static constexpr zx_rights_t kRights =
      ZX_RIGHTS_BASIC | ZX_RIGHT_READ | ZX_RIGHT_EXECUTE | ZX_RIGHT_MAP | ZX_RIGHT_GET_PROPERTY;

  // Whether it shows the vDSO's pages: it is the VMO, or a slice of it.
  bool Is(const mm::VmObject& vmo) const { return vmo_ != nullptr && &vmo_->vmo()->pages() == &vmo.pages(); }

  // The part that holds code; the only part that may be mapped executable, and only as a whole.
  uint64_t code_offset() const { return code_offset_; }
  uint64_t code_size() const { return code_size_; }
  uint64_t size() const { return size_; }
  const ElfImage& image() const { return *image_; }

  // Maps the whole vDSO into a process, anywhere in its root VMAR; returns its base. ALREADY_EXISTS: it has one.
  absl::StatusOr<uint64_t> MapInto(ProcessDispatcher& process) const;

 private:
  std::shared_ptr<VmoDispatcher> vmo_;
  std::unique_ptr<ElfImage> image_;
  uint64_t code_offset_ = 0;
  uint64_t code_size_ = 0;
  uint64_t size_ = 0;
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_VDSO_VMO_H_
