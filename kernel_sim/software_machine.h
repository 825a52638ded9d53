// A machine without a host: memory on the heap, page tables in software, no threads of guests.
#ifndef ZIRCONIA_KERNEL_SIM_SOFTWARE_MACHINE_H_
#define ZIRCONIA_KERNEL_SIM_SOFTWARE_MACHINE_H_

#include <memory>
#include <utility>

#include "kernel_sim/machine.h"
#include "platform/guest_engine.h"

namespace zirconia::kernel {

// An engine that can't run anything, for one reason.
class NoEngine final : public platform::GuestEngine {
 public:
  explicit NoEngine(absl::Status why) : why_(std::move(why)) {}
  absl::StatusOr<std::unique_ptr<platform::GuestThread>> CreateThread(platform::GuestEvents&, mm::VirtRange,
                                                                      void*) override {
    return why_;
  }
  uint64_t syscall_entry() const override { return 0; }

 private:
  const absl::Status why_;
};

// Of the options, `memory` and `layout_seed` count. Its address spaces' page tables are mm::SoftwarePageTable, which
// makes loads and stores too. Starting a thread in one is UNIMPLEMENTED (ZX_ERR_NOT_SUPPORTED).
absl::StatusOr<std::unique_ptr<Machine>> CreateSoftwareMachine(const Machine::Options& options);

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_SOFTWARE_MACHINE_H_
