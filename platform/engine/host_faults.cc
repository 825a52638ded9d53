#include "platform/engine/host_faults.h"

#include <signal.h>
#include <ucontext.h>

#include <cerrno>

#include "platform/engine/signals.h"

namespace zirconia::platform {

// The list of ranges. Entries are only ever added at its head, and used again, never freed: a signal handler may be
// reading any of them.
struct HostFaults {
  struct Entry {
    std::atomic<HostFaultRange*> object{nullptr};  // null: free, or being filled in
    std::atomic<bool> taken{true};
    std::atomic<uint64_t> base{0};
    std::atomic<uint64_t> size{0};
    Entry* next = nullptr;  // written before the entry can be found
  };

  static std::atomic<Entry*> head;

  static Entry* Take() {
    for (Entry* e = head.load(std::memory_order_acquire); e != nullptr; e = e->next) {
      bool free = false;
      if (e->taken.compare_exchange_strong(free, true, std::memory_order_acquire)) return e;
    }
    auto* const e = new Entry;
    e->next = head.load(std::memory_order_relaxed);
    while (!head.compare_exchange_weak(e->next, e, std::memory_order_release)) {
    }
    return e;
  }

  static bool Answer(mm::VirtAddr address, mm::Access access) {
    for (Entry* e = head.load(std::memory_order_acquire); e != nullptr; e = e->next) {
      HostFaultRange* const object = e->object.load(std::memory_order_acquire);
      if (object == nullptr) continue;
      const uint64_t base = e->base.load(std::memory_order_relaxed);
      if (address.value() - base >= e->size.load(std::memory_order_relaxed)) continue;
      return !object->belongs_to_parent() && object->OnHostFault(address, access);
    }
    return false;
  }
};

std::atomic<HostFaults::Entry*> HostFaults::head{nullptr};

HostFaultRange::HostFaultRange(mm::VirtRange range) : range_(range) {
  InstallFaultHandlers();
  auto* const entry = HostFaults::Take();
  entry->base.store(range.base.value(), std::memory_order_relaxed);
  entry->size.store(range.size.value(), std::memory_order_relaxed);
  entry->object.store(this, std::memory_order_release);
  entry_ = entry;
}

void HostFaultRange::Withdraw() {
  auto* const entry = static_cast<HostFaults::Entry*>(entry_);
  if (entry == nullptr) return;
  entry_ = nullptr;
  entry->object.store(nullptr, std::memory_order_release);
  entry->taken.store(false, std::memory_order_release);
}

namespace engine {

bool AnswerHostFault(int signal, const siginfo_t& info, const ucontext_t& context) {
  if (signal != SIGSEGV || (info.si_code != SEGV_MAPERR && info.si_code != SEGV_ACCERR)) return false;
  // The processor's page-fault error code.
  constexpr greg_t kWrite = 2, kFetch = 16;
  const greg_t code = context.uc_mcontext.gregs[REG_ERR];
  const mm::Access access = (code & kFetch) != 0   ? mm::Access::kExecute
                            : (code & kWrite) != 0 ? mm::Access::kWrite
                                                   : mm::Access::kRead;
  const int kept_errno = errno;
  const bool answered = HostFaults::Answer(mm::VirtAddr(reinterpret_cast<uint64_t>(info.si_addr)), access);
  errno = kept_errno;
  return answered;
}

}  // namespace engine
}  // namespace zirconia::platform
