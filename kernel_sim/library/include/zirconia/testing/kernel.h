// A simulated kernel for one test: fresh, cheap, with failures and time under the test's control.
//
//   zirconia::testing::Kernel kernel;
//   zx_handle_t vmo = ZX_HANDLE_INVALID;
//   REQUIRE(zx_vmo_create(4096, 0, &vmo) == ZX_OK);
//
// While it lives, the zx_* calls of the thread that made it are calls of a process of this kernel. Kernels in one
// program don't know of each other. Nothing here depends on a test framework; catch2.h has helpers for Catch2.
#ifndef ZIRCONIA_TESTING_KERNEL_H_
#define ZIRCONIA_TESTING_KERNEL_H_

#include <zircon/types.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace zirconia::kernel {
class Kernel;
}

namespace zirconia::testing {

// Thrown on a thread of a test whose call ended the thread (zx_thread_exit) ...
class ThreadExited : public std::exception {
 public:
  const char* what() const noexcept override { return "zx_thread_exit was called"; }
};
// ... or whose process has ended (zx_process_exit, zx_task_kill, also by another thread).
class ProcessExited : public std::exception {
 public:
  explicit ProcessExited(int64_t return_code) : return_code_(return_code) {}
  int64_t return_code() const { return return_code_; }
  const char* what() const noexcept override { return "the simulated process has ended"; }

 private:
  int64_t return_code_;
};

// What addresses are.
enum class PageTable : uint8_t {
  kHost,      // real addresses of this program, which may be dereferenced
  kSoftware,  // numbers: loads and stores go through Kernel::Load and Store. No host call is made, and no thread of a
              // simulated process can be started: zx_thread_start and zx_process_start are ZX_ERR_NOT_SUPPORTED
};

struct KernelOptions {
  PageTable page_table = PageTable::kHost;
  uint64_t memory = uint64_t{64} << 20;  // bytes of the simulated machine: what all VMOs together can commit
  uint64_t layout_seed = 0;              // places of mappings at random by this seed; 0: lowest addresses first
  // Gets what is written with zx_debug_write and to debuglogs; empty: it is dropped.
  std::function<void(std::string_view)> console;
};

class Kernel {
 public:
  Kernel() : Kernel(KernelOptions()) {}
  // Throws std::runtime_error, which names the cause, where the host doesn't give what it needs.
  explicit Kernel(KernelOptions options);
  // On the thread that made it, after every other thread has let go of it (Use).
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // Lets the zx_* calls of another thread go to this kernel (to the same process, as a thread of its own) while it
  // lives; or those of this thread, where another kernel was made since.
  class Use {
   public:
    explicit Use(Kernel& kernel);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    void* attachment_;
  };

  // Accesses memory by an address of the process, as its program would: through the page table, with faults, on either
  // kind of machine. Nullopt and false: the access faulted, and the kernel had no answer.
  template <typename T>
  std::optional<T> Load(zx_vaddr_t address) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (!LoadBytes(address, &value, sizeof(value))) return std::nullopt;
    return value;
  }
  template <typename T>
  bool Store(zx_vaddr_t address, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return StoreBytes(address, &value, sizeof(value));
  }
  bool LoadBytes(zx_vaddr_t address, void* to, size_t size) const;
  bool StoreBytes(zx_vaddr_t address, const void* from, size_t size);

  // Makes the n-th allocation of frames from now fail, once; 1 is the next.
  void FailAllocation(uint64_t n);
  // Pages of the machine's memory that are in use.
  uint64_t pages_used() const;

  // Checks VMARs, VMOs, page table and frames, and on the host what is really mapped. Empty: all is well; else the
  // first thing that is wrong. Nothing may happen in the kernel meanwhile.
  std::string Verify() const;

  // The kernel itself, for tests within Zirconia.
  kernel::Kernel& object() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace zirconia::testing

#endif  // ZIRCONIA_TESTING_KERNEL_H_
