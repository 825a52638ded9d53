// Calls handlers of system calls as a process of a kernel would, without a guest: arguments are C++ values, pointers
// are the test's own.
#ifndef ZIRCONIA_TEST_KERNEL_SIM_SYSCALL_FIXTURE_H_
#define ZIRCONIA_TEST_KERNEL_SIM_SYSCALL_FIXTURE_H_

#include <zircon/syscalls/object.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "kernel_sim/kernel.h"
#include "kernel_sim/status.h"
#include "kernel_sim/syscalls/caller.h"
#include "kernel_sim/thread.h"

namespace zirconia::kernel {

// Memory whose addresses are the test's own; the first page, as null, is bad.
class TestMemory : public UserMemory {
 public:
  zx_status_t CopyIn(void* to, uint64_t from, size_t size) override {
    if (from < mm::kPageSize) return ZX_ERR_INVALID_ARGS;
    std::memcpy(to, reinterpret_cast<const void*>(from), size);
    return ZX_OK;
  }
  zx_status_t CopyOut(uint64_t to, const void* from, size_t size) override {
    if (to < mm::kPageSize) return ZX_ERR_INVALID_ARGS;
    std::memcpy(reinterpret_cast<void*>(to), from, size);
    return ZX_OK;
  }
  zx_status_t FillZero(uint64_t to, size_t size) override {
    if (to < mm::kPageSize) return ZX_ERR_INVALID_ARGS;
    std::memset(reinterpret_cast<void*>(to), 0, size);
    return ZX_OK;
  }
  zx_status_t StoreRelease(uint64_t to, uint32_t word) override { return CopyOut(to, &word, sizeof(word)); }
};

// A bad pointer argument.
template <typename T>
T* BadPointer() {
  return reinterpret_cast<T*>(uint64_t{8});
}

// A process with a thread that calls.
class Program {
 public:
  explicit Program(Kernel& kernel) : kernel_(kernel) {
    REQUIRE(kernel.CreateProcess(kernel.root_job(), "program", std::nullopt, &process, &root_vmar) == ZX_OK);
    REQUIRE(process->CreateThread("main", &thread) == ZX_OK);
    vmar = Give(root_vmar, root_vmar->default_rights());
  }

  // Calls a handler: program(sys::vmo_create, 4096, 0, &handle).
  template <typename Result, typename... Parameters, typename... Arguments>
  Result operator()(Result (*handler)(const Caller&, Parameters...), Arguments... arguments) {
    const Caller caller{kernel_, *process, *thread, memory};
    return handler(caller, Convert<Parameters>(arguments)...);
  }

  zx_handle_t Give(std::shared_ptr<Dispatcher> object, zx_rights_t rights) {
    return process->handles().Add(Handle(std::move(object), rights));
  }
  // Another handle to the same object, with other rights.
  zx_handle_t With(zx_handle_t handle, zx_rights_t rights) {
    std::shared_ptr<Dispatcher> object;
    zx_rights_t have = 0;
    REQUIRE(process->handles().Get(handle, &object, &have) == ZX_OK);
    return Give(std::move(object), rights);
  }
  zx_handle_t Without(zx_handle_t handle, zx_rights_t rights) { return With(handle, RightsOf(handle) & ~rights); }
  zx_rights_t RightsOf(zx_handle_t handle) { return Basic(handle).rights; }
  zx_info_handle_basic_t Basic(zx_handle_t handle) {
    zx_info_handle_basic_t info{};
    const zx_status_t s = (*this)(sys::object_get_info, handle, ZX_INFO_HANDLE_BASIC, static_cast<void*>(&info),
                                  sizeof(info), nullptr, nullptr);
    REQUIRE(s == ZX_OK);
    return info;
  }
  void Close(zx_handle_t handle) { REQUIRE((*this)(sys::handle_close, handle) == ZX_OK); }

  zx_handle_t MakeVmo(uint64_t size, uint32_t options = 0) {
    zx_handle_t handle = ZX_HANDLE_INVALID;
    REQUIRE((*this)(sys::vmo_create, size, options, &handle) == ZX_OK);
    return handle;
  }
  zx_handle_t MakeEvent() {
    zx_handle_t handle = ZX_HANDLE_INVALID;
    REQUIRE((*this)(sys::event_create, 0u, &handle) == ZX_OK);
    return handle;
  }
  zx_handle_t MakePort() {
    zx_handle_t handle = ZX_HANDLE_INVALID;
    REQUIRE((*this)(sys::port_create, 0u, &handle) == ZX_OK);
    return handle;
  }

  TestMemory memory;
  std::shared_ptr<ProcessDispatcher> process;
  std::shared_ptr<VmarDispatcher> root_vmar;
  std::shared_ptr<ThreadDispatcher> thread;
  zx_handle_t vmar = ZX_HANDLE_INVALID;  // the root VMAR

 private:
  template <typename Parameter, typename Argument>
  static Parameter Convert(Argument argument) {
    if constexpr (std::is_same_v<Argument, std::nullptr_t>) {
      return Parameter(0);
    } else if constexpr (std::is_pointer_v<Argument>) {
      return Parameter(reinterpret_cast<uint64_t>(argument));
    } else {
      return static_cast<Parameter>(argument);
    }
  }

  Kernel& kernel_;
};

inline std::unique_ptr<Kernel> MakeTestKernel(uint64_t memory = uint64_t{64} << 20) {
  Kernel::Options options;
  options.machine.memory = mm::ByteSize(memory);
  auto kernel = Kernel::Create(std::move(options));
  REQUIRE(kernel.ok());
  return *std::move(kernel);
}

// A kernel with one program.
struct SyscallTest {
  std::unique_ptr<Kernel> kernel = MakeTestKernel();
  Program program{*kernel};
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_TEST_KERNEL_SIM_SYSCALL_FIXTURE_H_
