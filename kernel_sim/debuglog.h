// Debug logs: lines for the machine's console.
#ifndef ZIRCONIA_KERNEL_SIM_DEBUGLOG_H_
#define ZIRCONIA_KERNEL_SIM_DEBUGLOG_H_

#include "kernel_sim/dispatcher.h"

namespace zirconia::kernel {

// A right to write records to the console. Nothing keeps them, so nothing can be read back.
class DebuglogDispatcher : public Dispatcher {
 public:
  static constexpr zx_obj_type_t kType = ZX_OBJ_TYPE_LOG;
  explicit DebuglogDispatcher(KoidAllocator& koids) : Dispatcher(koids, ZX_LOG_WRITABLE) {}
  zx_obj_type_t type() const override { return kType; }
  zx_rights_t default_rights() const override { return ZX_DEFAULT_LOG_RIGHTS & ~ZX_RIGHT_READ; }
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_DEBUGLOG_H_
