// Jobs.
#ifndef LIB_ZX_JOB_H_
#define LIB_ZX_JOB_H_

#include <lib/zx/task.h>
#include <zircon/process.h>

namespace zx {

class job : public task<job> {
 public:
  using task<job>::task;

  // The job that this process puts new ones in.
  static unowned<job> default_job() { return unowned<job>(zx_job_default()); }
};
using unowned_job = unowned<job>;

}  // namespace zx

#endif  // LIB_ZX_JOB_H_
