// Runs guest code.
#ifndef ZIRCONIA_PLATFORM_GUEST_ENGINE_H_
#define ZIRCONIA_PLATFORM_GUEST_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mm/units.h"
#include "platform/guest_events.h"

namespace zirconia::platform {

// The first state of a guest thread; everything else is zero.
struct GuestStart {
  mm::VirtAddr pc;
  mm::VirtAddr sp;  // as given: the caller applies the ABI's alignment
  uint64_t arg1 = 0;
  uint64_t arg2 = 0;
};

// A guest thread: made by an engine, owned by whoever made it, who destroys it after OnThreadEnd (the destructor waits
// for the host thread; it must not run on that thread itself).
class GuestThread {
 public:
  virtual ~GuestThread() = default;

  // Starts it. RESOURCE_EXHAUSTED: the host gives no thread. Once only.
  virtual absl::Status Start(const GuestStart& start) = 0;

  // Makes the thread leave guest code soon and call OnInterrupt; if it is in the kernel, on its way back. Callable from
  // any thread, also before Start and after the end (then without effect). Doesn't wait.
  virtual void Interrupt() = 0;

  // Guest segment bases, as seen by guest code from its next instruction on. Only from a GuestEvents call of this
  // thread, or before Start. A GS base of 0 stands for one that was never set: accesses through it fault as if it were
  // 0, but reading the base may show another.
  virtual void set_fs_base(uint64_t base) = 0;
  virtual void set_gs_base(uint64_t base) = 0;
  virtual uint64_t fs_base() const = 0;
  virtual uint64_t gs_base() const = 0;

  // Processor time that it took so far, in nanoseconds: in guest code and in the kernel on its behalf. Between Start
  // and its OnThreadEnd (that included).
  virtual int64_t processor_time() const = 0;

  // What the maker attached: the kernel's thread object.
  void* owner() const { return owner_; }

 protected:
  explicit GuestThread(void* owner) : owner_(owner) {}

 private:
  void* const owner_;
};

class GuestEngine {
 public:
  virtual ~GuestEngine() = default;

  // A thread that will run code within `window` (system call instructions there are caught; see OnException).
  virtual absl::StatusOr<std::unique_ptr<GuestThread>> CreateThread(GuestEvents& events, mm::VirtRange window,
                                                                    void* owner) = 0;

  // Where the vDSO jumps to for a system call: number in eax, arguments in rdi, rsi, rdx, r10, r8, r9, r12, r13, the
  // address to return to in rcx; returns the result in rax and clobbers rcx, r11 and what the psABI calls caller-saved.
  // 0: the engine wants a syscall instruction.
  virtual uint64_t syscall_entry() const = 0;
};

// Guest threads are threads of this process. INTERNAL or UNIMPLEMENTED, naming the cause, where the host lacks what it
// needs.
absl::StatusOr<std::unique_ptr<GuestEngine>> CreateInProcessEngine();

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_GUEST_ENGINE_H_
