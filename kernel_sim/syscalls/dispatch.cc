#include "kernel_sim/syscalls/dispatch.h"

#include <iterator>
#include <type_traits>
#include <utility>

namespace zirconia::kernel {
namespace {

// An argument word as the handler's type: pointers become UserPtr, integers are cut to their width (as the ABI leaves
// upper bits open).
template <typename T>
T FromWord(uint64_t word) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(word);
  } else {
    return T(word);
  }
}

template <auto* kHandler, typename Result, typename... Args, size_t... I>
uint64_t Call(Result (*)(const Caller&, Args...), const Caller& caller, const SyscallWords& words,
              std::index_sequence<I...>) {
  if constexpr (std::is_void_v<Result>) {
    kHandler(caller, FromWord<Args>(words[I])...);
    return 0;
  } else {
    return static_cast<uint64_t>(static_cast<int64_t>(kHandler(caller, FromWord<Args>(words[I])...)));
  }
}

template <typename Result, typename... Args>
constexpr size_t Arity(Result (*)(const Caller&, Args...)) {
  return sizeof...(Args);
}

template <auto* kHandler>
uint64_t Thunk(const Caller& caller, const SyscallWords& words) {
  return Call<kHandler>(kHandler, caller, words, std::make_index_sequence<Arity(kHandler)>());
}

struct Entry {
  const char* name;
  uint64_t (*thunk)(const Caller&, const SyscallWords&);
};

constexpr Entry kTable[] = {
#define ZX_SYSCALL(number, result, name, count, arguments) {"zx_" #name, &Thunk<&sys::name>},
#include "kernel_sim/syscalls.def"
#undef ZX_SYSCALL
};

constexpr uint64_t kNumbers[] = {
#define ZX_SYSCALL(number, result, name, count, arguments) number,
#include "kernel_sim/syscalls.def"
#undef ZX_SYSCALL
};

constexpr bool NumbersAreIndices() {
  for (uint64_t i = 0; i < std::size(kNumbers); ++i) {
    if (kNumbers[i] != i) return false;
  }
  return true;
}
static_assert(NumbersAreIndices(), "the numbers in syscalls.def must run from 0 without gaps");

}  // namespace

size_t SyscallCount() { return std::size(kTable); }

const char* SyscallName(uint64_t number) { return kTable[number].name; }

uint64_t DispatchSyscall(const Caller& caller, uint64_t number, const SyscallWords& words) {
  return kTable[number].thunk(caller, words);
}

}  // namespace zirconia::kernel
