// What is said of a guest that died of an exception.
#ifndef ZIRCONIA_KERNEL_SIM_CRASH_REPORT_H_
#define ZIRCONIA_KERNEL_SIM_CRASH_REPORT_H_

#include <zircon/types.h>

#include <functional>
#include <optional>
#include <string>

#include "mm/units.h"
#include "platform/guest_events.h"

namespace zirconia::kernel {

class ProcessDispatcher;

struct CrashReport {
  uint32_t type = 0;  // ZX_EXCP_*
  std::string process;
  std::string thread;
  zx_koid_t process_koid = 0;
  zx_koid_t thread_koid = 0;
  platform::GuestRegisters registers;
  // What was touched, if it is about an address.
  std::optional<mm::VirtAddr> address;
  mm::Access access = mm::Access::kRead;
  // Why the access couldn't be had (ZX_ERR_NOT_FOUND: nothing is mapped there, ...).
  zx_status_t status = ZX_OK;
  uint64_t vector = 0;                 // ZX_EXCP_GENERAL: the processor's exception number
  uint32_t policy_code = 0;            // ZX_EXCP_POLICY_ERROR
  ProcessDispatcher* guest = nullptr;  // valid during the callback
};

// "ZX_EXCP_FATAL_PAGE_FAULT" and so on.
const char* ExceptionName(uint32_t type);

// Says where an address lies: "main+0x12 (hello)". Empty: unknown.
using Symbolizer = std::function<std::string(uint64_t address)>;

// Several lines for a person: the reason by its Zircon name, the address and what is mapped there, registers, a
// backtrace by frame pointers. Only while `report.guest` is valid.
std::string FormatCrashReport(const CrashReport& report, const Symbolizer& symbolize);

// The address space as an indented tree, a line for each region.
std::string FormatMaps(const ProcessDispatcher& process);

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_CRASH_REPORT_H_
