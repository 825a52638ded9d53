// Shows system calls as they happen.
#ifndef ZIRCONIA_KERNEL_SIM_TRACER_H_
#define ZIRCONIA_KERNEL_SIM_TRACER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "kernel_sim/syscalls/dispatch.h"

namespace zirconia::kernel {

// One line for each system call, written when it is over, with its arguments by kind (see syscalls.def), its result by
// name, and what it gave back: `[1045] zx_vmo_create(size=4096, options=0x0, out=0x2000000ff8) = ZX_OK {out:
// 0x400007}`. A call that returns nothing (zx_thread_exit, zx_process_exit) is written before. The number in brackets
// is the thread's koid. Thread-safe as far as its sink is.
class Tracer {
 public:
  using Sink = std::function<void(absl::string_view line)>;
  explicit Tracer(Sink sink) : sink_(std::move(sink)) {}

  void Enter(const Caller& caller, uint64_t number, const SyscallWords& words);
  void Leave(const Caller& caller, uint64_t number, const SyscallWords& words, uint64_t result);

 private:
  const Sink sink_;
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_TRACER_H_
