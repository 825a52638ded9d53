// Where zx_object_get_info puts its records.
#ifndef ZIRCONIA_KERNEL_SIM_SYSCALLS_INFO_OUT_H_
#define ZIRCONIA_KERNEL_SIM_SYSCALLS_INFO_OUT_H_

#include <zircon/syscalls/object.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel {

// Where records go, and how many were asked for.
struct InfoOut {
  const Caller& caller;
  UserPtr<void> buffer;
  size_t buffer_size;
  UserPtr<size_t> actual;
  UserPtr<size_t> avail;

  zx_status_t Counts(size_t written, size_t there) const {
    if (actual.WriteIfWanted(caller.memory, written) != ZX_OK) return ZX_ERR_INVALID_ARGS;
    if (avail.WriteIfWanted(caller.memory, there) != ZX_OK) return ZX_ERR_INVALID_ARGS;
    return ZX_OK;
  }
  // Exactly one record. BUFFER_TOO_SMALL.
  template <typename Record>
  zx_status_t One(const Record& record) const {
    if (buffer_size < sizeof(Record)) {
      const zx_status_t s = Counts(0, 1);
      return s != ZX_OK ? s : ZX_ERR_BUFFER_TOO_SMALL;
    }
    if (buffer.as<Record>().Write(caller.memory, record) != ZX_OK) return ZX_ERR_INVALID_ARGS;
    return Counts(1, 1);
  }
  // As many records as fit.
  template <typename Record>
  zx_status_t Many(const std::vector<Record>& records) const {
    const size_t n = std::min(records.size(), buffer_size / sizeof(Record));
    if (buffer.as<Record>().WriteArray(caller.memory, records.data(), n) != ZX_OK) return ZX_ERR_INVALID_ARGS;
    return Counts(n, records.size());
  }
};

inline void CopyName(const std::string& name, char (&to)[ZX_MAX_NAME_LEN]) {
  std::memset(to, 0, sizeof(to));
  std::memcpy(to, name.data(), std::min(name.size(), sizeof(to) - 1));
}

// The topics about devices, streams and the machine: those that need nothing of processes and VMOs.
zx_status_t DeviceInfo(const InfoOut& out, zx_handle_t handle, uint32_t topic);

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_SYSCALLS_INFO_OUT_H_
