// What threads, processes and jobs have in common.
#ifndef LIB_ZX_TASK_H_
#define LIB_ZX_TASK_H_

#include <lib/zx/object.h>

namespace zx {

template <typename T>
class task : public object<T> {
 public:
  using object<T>::object;

  // zx_task_kill
  zx_status_t kill() const { return zx_task_kill(this->get()); }
};

}  // namespace zx

#endif  // LIB_ZX_TASK_H_
