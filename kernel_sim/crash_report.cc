#include "kernel_sim/crash_report.h"

#include <zircon/syscalls/exception.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernel_sim/process.h"
#include "kernel_sim/status.h"

namespace zirconia::kernel {
namespace {

std::string Letters(mm::Protection p) { return {p.read() ? 'r' : '-', p.write() ? 'w' : '-', p.execute() ? 'x' : '-'}; }

const char* Verb(mm::Access access) {
  return access == mm::Access::kRead ? "reading" : access == mm::Access::kWrite ? "writing" : "executing";
}

std::string WhatIsMapped(const ProcessDispatcher& process, mm::VirtAddr address) {
  for (const mm::RegionInfo& r : process.aspace().Regions()) {
    if (!r.is_mapping || !r.range.Contains(address)) continue;
    return absl::StrFormat("in a %s mapping [0x%x, 0x%x)%s%s", Letters(r.protection), r.range.base.value(),
                           r.range.end().value(), r.name.empty() ? "" : " of ", r.name);
  }
  return process.aspace().range().Contains(address) ? "nothing is mapped there"
                                                    : "outside of the guest's address space";
}

void AppendFrame(std::string* text, const Symbolizer& symbolize, int number, uint64_t pc) {
  const std::string where = symbolize ? symbolize(number == 0 ? pc : pc - 1) : "";
  absl::StrAppendFormat(text, "    #%-2d 0x%016x%s%s\n", number, pc, where.empty() ? "" : " ", where);
}

}  // namespace

const char* ExceptionName(uint32_t type) {
  switch (type) {
    case ZX_EXCP_GENERAL:
      return "ZX_EXCP_GENERAL";
    case ZX_EXCP_FATAL_PAGE_FAULT:
      return "ZX_EXCP_FATAL_PAGE_FAULT";
    case ZX_EXCP_UNDEFINED_INSTRUCTION:
      return "ZX_EXCP_UNDEFINED_INSTRUCTION";
    case ZX_EXCP_SW_BREAKPOINT:
      return "ZX_EXCP_SW_BREAKPOINT";
    case ZX_EXCP_HW_BREAKPOINT:
      return "ZX_EXCP_HW_BREAKPOINT";
    case ZX_EXCP_UNALIGNED_ACCESS:
      return "ZX_EXCP_UNALIGNED_ACCESS";
    case ZX_EXCP_POLICY_ERROR:
      return "ZX_EXCP_POLICY_ERROR";
    default:
      return "ZX_EXCP_?";
  }
}

std::string FormatCrashReport(const CrashReport& report, const Symbolizer& symbolize) {
  const platform::GuestRegisters& r = report.registers;
  std::string text =
      absl::StrFormat("guest process '%s' (koid %d), thread '%s' (koid %d): %s", report.process, report.process_koid,
                      report.thread, report.thread_koid, ExceptionName(report.type));
  if (report.type == ZX_EXCP_POLICY_ERROR && report.policy_code == ZX_EXCP_POLICY_CODE_BAD_SYSCALL) {
    absl::StrAppend(&text, " (ZX_EXCP_POLICY_CODE_BAD_SYSCALL: a system call instruction outside of the vDSO)");
  }
  if (report.type == ZX_EXCP_GENERAL) absl::StrAppendFormat(&text, " (processor exception %d)", report.vector);
  absl::StrAppend(&text, "\n");
  if (report.address.has_value()) {
    absl::StrAppendFormat(&text, "  %s address 0x%x: %s (%s)\n", Verb(report.access), report.address->value(),
                          WhatIsMapped(*report.guest, *report.address), StatusName(report.status));
  }
  absl::StrAppendFormat(&text, "  pc: 0x%x, %s\n", r.rip, WhatIsMapped(*report.guest, mm::VirtAddr(r.rip)));
  const std::array<std::pair<const char*, uint64_t>, 20> registers{
      {{"rax", r.rax}, {"rbx", r.rbx}, {"rcx", r.rcx},      {"rdx", r.rdx},    {"rsi", r.rsi},
       {"rdi", r.rdi}, {"rbp", r.rbp}, {"rsp", r.rsp},      {"r8", r.r8},      {"r9", r.r9},
       {"r10", r.r10}, {"r11", r.r11}, {"r12", r.r12},      {"r13", r.r13},    {"r14", r.r14},
       {"r15", r.r15}, {"rip", r.rip}, {"flags", r.rflags}, {"fs", r.fs_base}, {"gs", r.gs_base}}};
  for (size_t i = 0; i < registers.size(); ++i) {
    absl::StrAppendFormat(&text, "%s%5s 0x%016x%s", "  ", registers[i].first, registers[i].second,
                          i % 4 == 3 ? "\n" : "");
  }
  absl::StrAppend(&text, "  backtrace:\n");
  AppendFrame(&text, symbolize, 0, r.rip);
  // Frame pointers: [rbp] is the caller's rbp, [rbp + 8] the return address. They must go up, or it ends.
  uint64_t frame = r.rbp;
  constexpr int kMaxFrames = 32;
  for (int i = 1; i < kMaxFrames; ++i) {
    std::array<uint64_t, 2> saved{};
    if (report.guest->memory().Peek(saved.data(), frame, sizeof(saved)) != sizeof(saved) || saved[1] == 0) break;
    AppendFrame(&text, symbolize, i, saved[1]);
    if (saved[0] <= frame) break;
    frame = saved[0];
  }
  return text;
}

std::string FormatMaps(const ProcessDispatcher& process) {
  std::string text;
  for (const mm::RegionInfo& r : process.aspace().Regions()) {
    absl::StrAppendFormat(&text, "%*s[0x%012x, 0x%012x) ", r.depth * 2, "", r.range.base.value(),
                          r.range.end().value());
    if (r.is_mapping) {
      absl::StrAppendFormat(&text, "%s %d KiB, %d pages committed, vmo %d +0x%x%s%s\n", Letters(r.protection),
                            r.range.size.value() >> 10, r.committed.value(), r.vmo->user_id(), r.vmo_offset.value(),
                            r.name.empty() ? "" : " ", r.name);
    } else {
      absl::StrAppendFormat(&text, "vmar %s\n", r.name.empty() ? (r.depth == 0 ? "root" : "") : r.name);
    }
  }
  return text;
}

}  // namespace zirconia::kernel
