#include "kernel_sim/tracer.h"

#include <zircon/syscalls/object.h>

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernel_sim/status.h"

namespace zirconia::kernel {
namespace {

// Named for the words of syscalls.def.
enum class Kind : uint8_t {
  k_handle,
  k_size,
  k_address,
  k_hex,
  k_number,
  k_signed,
  k_status,
  k_signals,
  k_rights,
  k_deadline,
  k_topic,
  k_property,
  k_in_bytes,
  k_in_string,
  k_in_handles,
  k_in_pointer,
  k_out_handle,
  k_out_u32,
  k_out_u64,
  k_out_size,
  k_out_address,
  k_out_pointer,
};

struct Argument {
  Kind kind;
  const char* name;
};
struct Call {
  enum class Result : uint8_t { kStatus, kTime, kVoid } result;
  std::vector<Argument> arguments;
};

constexpr Call::Result ResultOf(const char* type) {
  return type[3] == 's' ? Call::Result::kStatus : type[3] == 't' ? Call::Result::kTime : Call::Result::kVoid;
}

const std::vector<Call>& Calls() {
#define ZX_SYSCALL(number, result, name, count, arguments) {ResultOf(#result), {arguments}},
#define A(kind, name) {Kind::k_##kind, #name},
  static const std::vector<Call> calls = {
#include "kernel_sim/syscalls.def"
  };
#undef A
#undef ZX_SYSCALL
  return calls;
}

std::string Text(UserMemory& memory, uint64_t address, uint64_t size) {
  constexpr size_t kShown = 32;
  std::string text(std::min<uint64_t>(size, kShown), '\0');
  if (memory.CopyIn(text.data(), address, text.size()) != ZX_OK) return absl::StrFormat("0x%x", address);
  std::string shown;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '\n') {
      shown += "\\n";
    } else if (std::isprint(u) != 0 && c != '"' && c != '\\') {
      shown += c;
    } else {
      absl::StrAppendFormat(&shown, "\\x%02x", u);
    }
  }
  return absl::StrCat("\"", shown, "\"", size > kShown ? "..." : "");
}

std::string Handles(UserMemory& memory, uint64_t address, uint64_t count) {
  constexpr size_t kShown = 8;
  std::vector<zx_handle_t> values(std::min<uint64_t>(count, kShown));
  if (!values.empty() && memory.CopyIn(values.data(), address, values.size() * sizeof(zx_handle_t)) != ZX_OK) {
    return absl::StrFormat("0x%x", address);
  }
  std::string text = "[";
  for (const zx_handle_t v : values) absl::StrAppendFormat(&text, "%s0x%x", text.size() > 1 ? ", " : "", v);
  return absl::StrCat(text, count > kShown ? ", ...]" : "]");
}

std::string ShowArgument(UserMemory& memory, const Call& call, size_t i, const SyscallWords& words) {
  const uint64_t w = words[i];
  const uint64_t next = i + 1 < words.size() ? words[i + 1] : 0;
  switch (call.arguments[i].kind) {
    case Kind::k_size:
    case Kind::k_number:
      return absl::StrCat(w);
    case Kind::k_signed:
      return absl::StrCat(static_cast<int64_t>(w));
    case Kind::k_status:
      return StatusName(static_cast<zx_status_t>(w));
    case Kind::k_deadline:
      return static_cast<zx_time_t>(w) == ZX_TIME_INFINITE ? "ZX_TIME_INFINITE"
                                                           : absl::StrCat(static_cast<zx_time_t>(w));
    case Kind::k_topic:
    case Kind::k_property:
      return absl::StrCat(static_cast<uint32_t>(w));
    case Kind::k_handle:
    case Kind::k_signals:
    case Kind::k_rights:
      return absl::StrFormat("0x%x", static_cast<uint32_t>(w));
    case Kind::k_in_bytes:
    case Kind::k_in_string:
      return w == 0 ? "null" : Text(memory, w, next);
    case Kind::k_in_handles:
      return w == 0 ? "null" : Handles(memory, w, next);
    default:
      return w == 0 && call.arguments[i].kind >= Kind::k_in_pointer ? "null" : absl::StrFormat("0x%x", w);
  }
}

// What the call left behind an out pointer; empty where that can't be said.
std::string ShowOutput(UserMemory& memory, Kind kind, uint64_t address) {
  if (address == 0) return "";
  const bool narrow = kind == Kind::k_out_handle || kind == Kind::k_out_u32;
  if (!narrow && kind != Kind::k_out_u64 && kind != Kind::k_out_size && kind != Kind::k_out_address) return "";
  uint64_t value = 0;
  if (memory.CopyIn(&value, address, narrow ? 4 : 8) != ZX_OK) return "";
  return kind == Kind::k_out_size ? absl::StrCat(value) : absl::StrFormat("0x%x", value);
}

std::string Head(const Caller& caller, uint64_t number, const SyscallWords& words) {
  const Call& call = Calls()[number];
  std::string line = absl::StrFormat("[%d] %s(", caller.thread.koid(), SyscallName(number));
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    absl::StrAppend(&line, i > 0 ? ", " : "", call.arguments[i].name, "=", ShowArgument(caller.memory, call, i, words));
  }
  return line + ")";
}

}  // namespace

void Tracer::Enter(const Caller& caller, uint64_t number, const SyscallWords& words) {
  if (Calls()[number].result == Call::Result::kVoid) sink_(Head(caller, number, words));
}

void Tracer::Leave(const Caller& caller, uint64_t number, const SyscallWords& words, uint64_t result) {
  const Call& call = Calls()[number];
  if (call.result == Call::Result::kVoid) return;
  std::string line = Head(caller, number, words);
  if (call.result == Call::Result::kTime) {
    absl::StrAppend(&line, " = ", static_cast<int64_t>(result));
  } else {
    const auto status = static_cast<zx_status_t>(result);
    absl::StrAppend(&line, " = ", StatusName(status));
    std::string outputs;
    for (size_t i = 0; i < call.arguments.size() && status == ZX_OK; ++i) {
      const std::string shown = ShowOutput(caller.memory, call.arguments[i].kind, words[i]);
      if (!shown.empty()) absl::StrAppend(&outputs, outputs.empty() ? "" : ", ", call.arguments[i].name, ": ", shown);
    }
    if (!outputs.empty()) absl::StrAppend(&line, " {", outputs, "}");
  }
  sink_(line);
}

}  // namespace zirconia::kernel
