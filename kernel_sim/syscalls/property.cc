// zx_object_get_property and zx_object_set_property.
#include <zircon/syscalls/object.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernel_sim/syscalls/caller.h"
#include "kernel_sim/vmar.h"

namespace zirconia::kernel::sys {
namespace {

template <typename T>
zx_status_t Give(const Caller& caller, UserPtr<void> value, size_t size, const T& property) {
  if (size < sizeof(T)) return ZX_ERR_BUFFER_TOO_SMALL;
  return value.as<T>().Write(caller.memory, property);
}

template <typename T>
zx_status_t Take(const Caller& caller, UserPtr<const void> value, size_t size, T* property) {
  if (size < sizeof(T)) return ZX_ERR_BUFFER_TOO_SMALL;
  return value.as<const T>().Read(caller.memory, property);
}

zx_status_t GetWith(const Caller& caller, zx_handle_t handle, zx_rights_t needed, std::shared_ptr<Dispatcher>* object) {
  zx_rights_t rights = 0;
  if (const zx_status_t s = caller.handles().Get(handle, object, &rights); s != ZX_OK) return s;
  return (rights & needed) != needed ? ZX_ERR_ACCESS_DENIED : ZX_OK;
}

}  // namespace

zx_status_t object_get_property(const Caller& caller, zx_handle_t handle, uint32_t property, UserPtr<void> value,
                                size_t size) {
  std::shared_ptr<Dispatcher> object;
  if (const zx_status_t s = GetWith(caller, handle, ZX_RIGHT_GET_PROPERTY, &object); s != ZX_OK) return s;
  const auto process = As<ProcessDispatcher>(object);
  switch (property) {
    case ZX_PROP_NAME: {
      std::array<char, ZX_MAX_NAME_LEN> name{};
      const std::string have = object->name();
      std::copy(have.begin(), have.end(), name.begin());
      return Give(caller, value, size, name);
    }
    case ZX_PROP_PROCESS_DEBUG_ADDR:
      return process == nullptr ? ZX_ERR_WRONG_TYPE : Give(caller, value, size, process->debug_addr.load());
    case ZX_PROP_PROCESS_BREAK_ON_LOAD:
      return process == nullptr ? ZX_ERR_WRONG_TYPE : Give(caller, value, size, process->break_on_load.load());
    case ZX_PROP_PROCESS_VDSO_BASE_ADDRESS:
      return process == nullptr ? ZX_ERR_WRONG_TYPE : Give(caller, value, size, process->vdso_base());
    case ZX_PROP_VMO_CONTENT_SIZE: {
      const auto vmo = As<VmoDispatcher>(object);
      return vmo == nullptr ? ZX_ERR_WRONG_TYPE : Give(caller, value, size, vmo->content_size());
    }
    case ZX_PROP_SOCKET_RX_THRESHOLD:
    case ZX_PROP_SOCKET_TX_THRESHOLD:
    case ZX_PROP_EXCEPTION_STATE:
    case ZX_PROP_EXCEPTION_STRATEGY:
      return ZX_ERR_WRONG_TYPE;  // of objects that don't exist here
    default:
      return ZX_ERR_NOT_SUPPORTED;
  }
}

zx_status_t object_set_property(const Caller& caller, zx_handle_t handle, uint32_t property, UserPtr<const void> value,
                                size_t size) {
  std::shared_ptr<Dispatcher> object;
  if (const zx_status_t s = GetWith(caller, handle, ZX_RIGHT_SET_PROPERTY, &object); s != ZX_OK) return s;
  const auto process = As<ProcessDispatcher>(object);
  uint64_t word = 0;
  switch (property) {
    case ZX_PROP_NAME: {
      std::array<char, ZX_MAX_NAME_LEN> name{};
      const size_t n = std::min(size, name.size() - 1);
      if (const zx_status_t s = value.as<const char>().ReadArray(caller.memory, name.data(), n); s != ZX_OK) return s;
      if (const auto vmo = As<VmoDispatcher>(object)) {
        vmo->SetName(name.data());
      } else {
        object->set_name(name.data());
      }
      return ZX_OK;
    }
    case ZX_PROP_REGISTER_FS:
    case ZX_PROP_REGISTER_GS: {
      const auto thread = As<ThreadDispatcher>(object);
      if (thread == nullptr) return ZX_ERR_WRONG_TYPE;
      if (const zx_status_t s = Take(caller, value, size, &word); s != ZX_OK) return s;
      constexpr uint64_t kUserEnd = uint64_t{1} << 47;
      if (word >= kUserEnd) return ZX_ERR_INVALID_ARGS;
      // The register belongs to the running thread; no other can be reached while it runs.
      if (thread.get() != &caller.thread) return ZX_ERR_ACCESS_DENIED;
      return thread->SetSegmentBase(property == ZX_PROP_REGISTER_GS, word);
    }
    case ZX_PROP_PROCESS_DEBUG_ADDR:
    case ZX_PROP_PROCESS_BREAK_ON_LOAD: {
      if (process == nullptr) return ZX_ERR_WRONG_TYPE;
      if (const zx_status_t s = Take(caller, value, size, &word); s != ZX_OK) return s;
      (property == ZX_PROP_PROCESS_DEBUG_ADDR ? process->debug_addr : process->break_on_load) = word;
      return ZX_OK;
    }
    case ZX_PROP_VMO_CONTENT_SIZE: {
      const auto vmo = As<VmoDispatcher>(object);
      if (vmo == nullptr) return ZX_ERR_WRONG_TYPE;
      if (const zx_status_t s = Take(caller, value, size, &word); s != ZX_OK) return s;
      return vmo->set_content_size(word);
    }
    case ZX_PROP_JOB_KILL_ON_OOM: {
      const auto job = As<JobDispatcher>(object);
      if (job == nullptr) return ZX_ERR_WRONG_TYPE;
      if (const zx_status_t s = Take(caller, value, size, &word); s != ZX_OK) return s;
      if (word > 1) return ZX_ERR_INVALID_ARGS;
      job->kill_on_oom = word == 1;
      return ZX_OK;
    }
    case ZX_PROP_SOCKET_RX_THRESHOLD:
    case ZX_PROP_SOCKET_TX_THRESHOLD:
    case ZX_PROP_EXCEPTION_STATE:
    case ZX_PROP_EXCEPTION_STRATEGY:
      return ZX_ERR_WRONG_TYPE;  // of objects that don't exist here
    default:
      return ZX_ERR_NOT_SUPPORTED;
  }
}

}  // namespace zirconia::kernel::sys
