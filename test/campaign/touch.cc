#include "test/campaign/touch.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstdlib>

// Each access is one instruction with a label; a signal there becomes the function's result. (Nothing here is seen by
// sanitizers.)
asm(R"(
  .text
  .globl zirconia_campaign_load, zirconia_campaign_store, zirconia_campaign_or, zirconia_campaign_execute
  .globl zirconia_campaign_load_at, zirconia_campaign_store_at, zirconia_campaign_or_at
  .globl zirconia_campaign_execute_back, zirconia_campaign_failed
zirconia_campaign_load:             # (address, uint64_t* value)
zirconia_campaign_load_at:
  movq (%rdi), %rax
  movq %rax, (%rsi)
  xorl %eax, %eax
  ret
zirconia_campaign_store:            # (address, uint64_t value)
zirconia_campaign_store_at:
  movq %rsi, (%rdi)
  xorl %eax, %eax
  ret
zirconia_campaign_or:               # (address)
zirconia_campaign_or_at:
  lock orb $0, (%rdi)
  xorl %eax, %eax
  ret
zirconia_campaign_execute:          # (address)
  call *%rdi
zirconia_campaign_execute_back:
  xorl %eax, %eax
  ret
zirconia_campaign_failed:           # the handler has put the signal into eax
  ret
)");

extern "C" {
int zirconia_campaign_load(uint64_t address, uint64_t* value);
int zirconia_campaign_store(uint64_t address, uint64_t value);
int zirconia_campaign_or(uint64_t address);
int zirconia_campaign_execute(uint64_t address);
extern const char zirconia_campaign_load_at[];
extern const char zirconia_campaign_store_at[];
extern const char zirconia_campaign_or_at[];
extern const char zirconia_campaign_execute_back[];
extern const char zirconia_campaign_failed[];
}

namespace zirconia::campaign {
namespace {

using mm::Access;
using mm::AddressSpace;
using mm::VirtAddr;

// A touch that is healed this often and still faults isn't healed.
constexpr int kAttempts = 64;

struct sigaction g_previous_segv;
struct sigaction g_previous_bus;

greg_t AddressOf(const char* label) { return static_cast<greg_t>(reinterpret_cast<uintptr_t>(label)); }

__attribute__((no_sanitize("address", "thread", "undefined"))) void OnSignal(int signal, siginfo_t* info,
                                                                             void* context) {
  greg_t* const registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  greg_t& rip = registers[REG_RIP];
  if (rip == AddressOf(zirconia_campaign_load_at) || rip == AddressOf(zirconia_campaign_store_at) ||
      rip == AddressOf(zirconia_campaign_or_at)) {
    registers[REG_RAX] = signal;
    rip = AddressOf(zirconia_campaign_failed);
    return;
  }
  const greg_t rsp = registers[REG_RSP];
  if (rip == static_cast<greg_t>(reinterpret_cast<uintptr_t>(info->si_addr)) && rsp % 8 == 0 &&
      *reinterpret_cast<const greg_t*>(rsp) == AddressOf(zirconia_campaign_execute_back)) {
    registers[REG_RAX] = signal;
    registers[REG_RSP] += 8;
    rip = AddressOf(zirconia_campaign_failed);
    return;
  }
  // Not ours: as if we weren't there. The instruction is repeated, and meets who was there before.
  sigaction(signal, signal == SIGSEGV ? &g_previous_segv : &g_previous_bus, nullptr);
}

template <typename F>
Touched Repeat(FaultAnswer answer, VirtAddr address, Access access, F attempt) {
  Touched touched;
  for (int i = 0; i < kAttempts; ++i) {
    const int signal = attempt(touched.value);
    if (signal == 0) return touched;
    if (signal == SIGBUS) {
      touched.bus = true;
      return touched;
    }
    touched.status = answer(address, access);
    if (!touched.status.ok()) return touched;
  }
  touched.status = absl::InternalError("the fault was answered, again and again, and the page still isn't there");
  return touched;
}

void Install(int signal, struct sigaction& previous) {
  struct sigaction current {};
  sigaction(signal, nullptr, &current);
  if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == OnSignal) return;
  previous = current;
  struct sigaction action {};
  action.sa_sigaction = OnSignal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void CatchTouches() {
  Install(SIGSEGV, g_previous_segv);
  Install(SIGBUS, g_previous_bus);
}

Touched Load(FaultAnswer answer, VirtAddr address) {
  return Repeat(answer, address, Access::kRead,
                [address](uint64_t& value) { return zirconia_campaign_load(address.value(), &value); });
}

Touched Store(FaultAnswer answer, VirtAddr address, uint64_t value) {
  return Repeat(answer, address, Access::kWrite,
                [address, value](uint64_t&) { return zirconia_campaign_store(address.value(), value); });
}

Touched StoreNothing(FaultAnswer answer, VirtAddr address) {
  return Repeat(answer, address, Access::kWrite,
                [address](uint64_t&) { return zirconia_campaign_or(address.value()); });
}

Touched Execute(FaultAnswer answer, VirtAddr address) {
  return Repeat(answer, address, Access::kExecute,
                [address](uint64_t&) { return zirconia_campaign_execute(address.value()); });
}

Touched Load(AddressSpace& space, VirtAddr address) {
  return Load([&space](VirtAddr at, Access access) { return space.HandleFault(at, access); }, address);
}

Touched Store(AddressSpace& space, VirtAddr address, uint64_t value) {
  return Store([&space](VirtAddr at, Access access) { return space.HandleFault(at, access); }, address, value);
}

bool HostForbidsExecution() {
  static const bool forbids = [] {
    void* const page = mmap(nullptr, mm::kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return true;
    *static_cast<unsigned char*>(page) = 0xc3;  // ret
    const int signal = zirconia_campaign_execute(reinterpret_cast<uintptr_t>(page));
    munmap(page, mm::kPageSize);
    return signal != 0;
  }();
  return forbids;
}

}  // namespace zirconia::campaign
