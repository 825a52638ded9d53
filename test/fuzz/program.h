// A program that the bytes of an input write: system calls on objects of its own, loads and stores.
#ifndef ZIRCONIA_TEST_FUZZ_PROGRAM_H_
#define ZIRCONIA_TEST_FUZZ_PROGRAM_H_

#include <zircon/syscalls.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "test/fuzz/input.h"
#include "zirconia/testing/kernel.h"

namespace zirconia::fuzz {

inline constexpr uint64_t kPage = 4096;

// What a call does to the handles of its process, and whether an error leaves everything as it was.
struct Effect {
  int handles = 0;
  bool error_changes_nothing = true;
  bool counted = true;  // whether `handles` is known
};
inline constexpr Effect kPlain{};
inline constexpr Effect kMakesOne{1};
inline constexpr Effect kMakesTwo{2};
inline constexpr Effect kClosesOne{-1};
inline constexpr Effect kCopies{0, false};           // a part may have been copied
inline constexpr Effect kConsumes{0, false, false};  // takes a handle, whatever it answers

// The state of one run. What it picks (handles, addresses, sizes, pointers) is mostly valid, and nearly valid
// otherwise; the input decides. Whatever is found wrong is kept in `wrong`, the first time.
class Program {
 public:
  struct Options {
    bool check_state = true;     // compare the state before and after calls that fail
    bool check_content = false;  // with what VMOs hold
    bool verify_always = false;  // after every call
    bool trace = false;          // write calls to stderr
  };
  Program(testing::Kernel& kernel, Input& input, Options options);

  // Carries operations out until the input has ended.
  void Run();
  // The same, a few, by another thread, while this one waits for a pager.
  void WhileWaiting();

  const std::string& wrong() const { return wrong_; }
  void Wrong(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }

  // ---- For operations

  Input& input() { return input_; }
  testing::Kernel& kernel() { return kernel_; }

  // A handle: mostly to an object of this type, which is made if there is none yet.
  zx_handle_t Pick(zx_obj_type_t type);
  // A handle to any object.
  zx_handle_t PickAny();
  void Keep(zx_handle_t handle);
  void Forget(zx_handle_t handle);

  uint64_t Offset();   // into a VMO, mostly page-aligned
  uint64_t Size();     // of a range, mostly whole pages
  size_t ShortSize();  // of a buffer
  uint64_t Address();  // where something was mapped, or near it
  void AddAddress(zx_vaddr_t address);
  // Options: mostly those of `likely`.
  uint32_t Bits(uint32_t likely);
  zx_rights_t Rights();

  // A buffer of this many bytes: of the program's own, simulated memory, or a bad pointer.
  void* Buffer(size_t size);
  // What kOwnBytes at most hold, of the program's own.
  void* OwnBuffer(size_t size);
  static constexpr size_t kOwnBytes = 4 * kPage;

  // Where a call puts a result.
  template <typename T>
  class Out {
   public:
    explicit Out(Program& program) : program_(program) {
      const uint8_t choice = program.input().Byte();
      pointer_ = choice < 0xf4 ? &own_ : static_cast<T*>(program.OddPointer(choice, sizeof(T)));
    }
    T* pointer() { return pointer_; }
    // After a call that succeeded.
    T value() const {
      if (pointer_ == &own_) return own_;
      return program_.kernel().template Load<T>(reinterpret_cast<zx_vaddr_t>(pointer_)).value_or(T{});
    }

   private:
    Program& program_;
    T own_{};
    T* pointer_ = nullptr;
  };

  // Makes a call, and checks what is true of every call.
  template <typename... Parameters, typename... Arguments>
  zx_status_t Call(const char* name, Effect effect, zx_status_t (*function)(Parameters...), Arguments... arguments) {
    const Before before = Begin(effect);
    TraceCall(name, {AsWord(static_cast<Parameters>(arguments))...});
    const zx_status_t status = function(static_cast<Parameters>(arguments)...);
    TraceResult(status);
    End(name, before, effect, status);
    return status;
  }
  // A call that makes handles: keeps them where it succeeds.
  void Made(zx_status_t status, const Out<zx_handle_t>& out) {
    if (status == ZX_OK) Keep(out.value());
  }
  // What follows changes memory by other means than calls.
  void Touched() { state_.reset(); }
  // Lines of the trace, if there is one. What is about to be done is shown before it may crash.
  void TraceCall(const char* name, std::initializer_list<uint64_t> arguments) const;
  void TraceResult(zx_status_t status) const;
  // How many calls were made: what has changed between two of them, this program's other threads may have done.
  uint64_t calls() const { return calls_; }

 private:
  struct Slot {
    zx_handle_t handle;
    zx_obj_type_t type;
  };
  struct Before {
    uint64_t calls;
    size_t handles;
    bool check_state;
  };
  // The program's own memory, one for each depth of waiting: a call must leave what follows `bytes` alone.
  struct Scratch {
    std::array<std::byte, kOwnBytes> bytes{};
    std::array<std::byte, 64> guard{};
  };
  static constexpr size_t kMostHandles = 48;
  static constexpr size_t kMostAddresses = 16;
  static constexpr size_t kDepths = 3;
  static constexpr uint64_t kMostCalls = 1000;

  template <typename T>
  static uint64_t AsWord(T value) {
    if constexpr (std::is_pointer_v<T>)
      return reinterpret_cast<uint64_t>(value);
    else
      return static_cast<uint64_t>(value);
  }
  void* OddPointer(uint8_t choice, size_t size);
  Scratch& scratch();
  void Step();
  Before Begin(Effect effect);
  void End(const char* name, const Before& before, Effect effect, zx_status_t status);
  // One object of a type, as a program would usually make it; invalid where that isn't possible.
  zx_handle_t Make(zx_obj_type_t type);
  size_t HandleCount() const;

  testing::Kernel& kernel_;
  Input& input_;
  const Options options_;
  std::string wrong_;
  std::vector<Slot> slots_;
  zx_handle_t stale_ = ZX_HANDLE_INVALID;  // closed
  std::vector<zx_vaddr_t> addresses_;
  zx_info_vmar_t root_{};
  std::array<std::unique_ptr<Scratch>, kDepths> scratch_;
  size_t depth_ = 0;
  uint64_t calls_ = 0;
  bool simulated_ = false;         // the next call has a pointer to simulated memory
  std::optional<uint64_t> state_;  // as the last call left it
};

// Something that an input can ask for. Its number, in all tables together, is what inputs say: new ones go to the end
// of the last one, which is that of pagers.
struct Operation {
  const char* name;
  void (*run)(Program&);
};
std::span<const Operation> VmoOperations();
std::span<const Operation> VmarOperations();
std::span<const Operation> ObjectOperations();
std::span<const Operation> MemoryOperations();
std::span<const Operation> DeviceOperations();
std::span<const Operation> PagerOperations();

}  // namespace zirconia::fuzz

// zx_name(arguments) as a call of the program `p`.
#define ZX_CALL(effect, name, ...) p.Call("zx_" #name, effect, zx_##name, __VA_ARGS__)

#endif  // ZIRCONIA_TEST_FUZZ_PROGRAM_H_
