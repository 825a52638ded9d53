// A simulated kernel for one test: fresh, cheap, with failures and time under the test's control.
//
//   zirconia::testing::Kernel kernel;
//   zx_handle_t vmo = ZX_HANDLE_INVALID;
//   REQUIRE(zx_vmo_create(4096, 0, &vmo) == ZX_OK);
//
// While it lives, the zx_* calls of the thread that made it are calls of a process of this kernel. Kernels in one
// program don't know of each other. Nothing here depends on a test framework; status.h has helpers for Catch2.
#ifndef ZIRCONIA_TESTING_KERNEL_H_
#define ZIRCONIA_TESTING_KERNEL_H_

#include <zircon/types.h>

#include <cerrno>
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
// ... or whose process has ended (zx_process_exit, zx_task_kill, also by another thread). Either is thrown once; what
// the thread calls after that, and zx_handle_close at any time, is ZX_ERR_BAD_STATE, so that destructors can run.
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
  std::function<void(std::string_view)> console = {};
  // Monotonic time stands still while a thread of the kernel can do something, and jumps to the next deadline when all
  // of them wait: sleeping takes no time. Kernel::Advance lets it pass.
  bool virtual_time = false;
  // Called on a thread that waits for a pager, with no lock held, each time that it has waited for 20 seconds (in
  // virtual time: when nobody has anything else to do). It may make calls as another thread (Kernel::Away, then
  // Kernel::Use). After 300 seconds a thread waits no longer: ZX_ERR_TIMED_OUT, or the fault isn't answered.
  std::function<void()> while_waiting_for_pager = {};
  // How many host mappings simulated memory may take; 0: as many as the host permits. Only with PageTable::kHost.
  uint64_t host_mappings = 0;
  // Host calls can be made to fail (Kernel::FailHostCalls). Only with PageTable::kHost.
  bool faulty_host = false;
};

// Which of the host calls that change what is mapped (mmap, munmap, mprotect, mremap) fail.
struct HostFailures {
  uint64_t first = 1;  // the n-th from now on
  uint64_t times = 1;  // that one and the following ones
  int error = ENOMEM;
  bool tears = false;  // a MAP_FIXED that fails has torn down what stood there
};

class Process;

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

  // While it lives, this thread of the test counts as waiting in virtual time: it waits for other threads by the host's
  // means (std::thread::join).
  class Away {
   public:
    explicit Away(Kernel& kernel);
    ~Away();
    Away(const Away&) = delete;
    Away& operator=(const Away&) = delete;

   private:
    Kernel& kernel_;
  };

  // Accesses memory by an address of the process that this thread's calls go to, as its program would: through the page
  // table, with faults, on either kind of machine. Nullopt and false: the access faulted, and the kernel had no answer.
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
  // Makes host calls fail, until as many have failed or StopFailing is called; that returns how many did. Without
  // effect unless KernelOptions::faulty_host. What takes access away, or puts back what a failed call has torn down, is
  // tried some ten times; a host that refuses it every time ends the program with a line on stderr, since going on
  // would lose memory. So let no more than ten calls in a row fail, and at random one in three at most.
  void FailHostCalls(const HostFailures& failures);
  void FailHostCallsAtRandom(uint64_t seed, uint64_t one_in);
  uint64_t StopFailing();

  // The time that zx_clock_get_monotonic tells. Advance: only in virtual time.
  zx_time_t Now() const;
  void Advance(zx_duration_t duration);

  // A handle to the root resource, in the process that this thread's calls go to: for calls that want one.
  zx_handle_t root_resource();

  // Pages of the machine's memory that are in use.
  uint64_t pages_used() const;

  // Checks VMARs, VMOs, page table and frames, and on the host what is really mapped. Empty: all is well; else the
  // first thing that is wrong. Nothing may happen in the kernel meanwhile.
  std::string Verify() const;

  // The kernel itself, for tests within Zirconia.
  kernel::Kernel& object() const;

 private:
  friend class Process;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Another process of a kernel, with an address space and handles of its own.
class Process {
 public:
  explicit Process(Kernel& kernel, std::string_view name = "process");
  // Ends it. No thread may be in it any more (Enter).
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // While it lives, the zx_* calls of this thread (and Kernel::Load and Store) are of that process, made by a thread of
  // it.
  class Enter {
   public:
    explicit Enter(Process& process);
    ~Enter();
    Enter(const Enter&) = delete;
    Enter& operator=(const Enter&) = delete;

   private:
    void* attachment_;
  };

  // Gives it a duplicate of one of this thread's handles; the value that it has there, ZX_HANDLE_INVALID where
  // `handle` is none.
  zx_handle_t Give(zx_handle_t handle);
  // A new handle to the process itself, among those of this thread's process.
  zx_handle_t MakeHandle();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace zirconia::testing

#endif  // ZIRCONIA_TESTING_KERNEL_H_
