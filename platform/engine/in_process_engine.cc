#include "platform/engine/in_process_engine.h"

#include <sys/auxv.h>

#include <algorithm>

#include "platform/engine/context.h"
#include "platform/engine/in_process_thread.h"
#include "platform/engine/signals.h"
#include "platform/engine/slots.h"

namespace zirconia::platform {
namespace engine {
namespace {

constexpr unsigned long kHwcap2FsGsBase = 2;

}  // namespace

absl::StatusOr<std::unique_ptr<InProcessEngine>> InProcessEngine::Create(SyscallDispatchMode best_mode) {
  const SyscallDispatchMode mode = std::min(ProbeSyscallDispatch(), best_mode);
  if (mode == SyscallDispatchMode::kNone) {
    return absl::UnimplementedError("this host has no syscall user dispatch (Linux 5.11 has)");
  }
  if ((getauxval(AT_HWCAP2) & kHwcap2FsGsBase) == 0) {
    return absl::UnimplementedError(
        "this host doesn't let programs use the FSGSBASE instructions (Linux 5.9 and a processor of 2012 do)");
  }
  if (absl::Status status = SlotArray::Get().Reserve(); !status.ok()) return status;
  InstallSignalHandlers();
  return std::unique_ptr<InProcessEngine>(new InProcessEngine(mode));
}

absl::StatusOr<std::unique_ptr<GuestThread>> InProcessEngine::CreateThread(GuestEvents& events, mm::VirtRange window,
                                                                           void* owner) {
  if (window.empty() || !window.IsValid()) return absl::InvalidArgumentError("a guest thread needs a window");
  if (absl::Status status = CheckSyscallDispatch(mode_, window); !status.ok()) return status;
  absl::StatusOr<GuestContext*> context = SlotArray::Get().Acquire();
  if (!context.ok()) return context.status();
  return std::make_unique<InProcessThread>(events, **context, mode_, window, owner);
}

uint64_t InProcessEngine::syscall_entry() const { return reinterpret_cast<uint64_t>(zirconia_engine_syscall_entry); }

}  // namespace engine

absl::StatusOr<std::unique_ptr<GuestEngine>> CreateInProcessEngine() { return engine::InProcessEngine::Create(); }

}  // namespace zirconia::platform
