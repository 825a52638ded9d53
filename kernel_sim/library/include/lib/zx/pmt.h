// Pinned memory tokens.
#ifndef LIB_ZX_PMT_H_
#define LIB_ZX_PMT_H_

#include <lib/zx/object.h>

namespace zx {

class pmt : public object<pmt> {
 public:
  using object<pmt>::object;

  // zx_pmt_unpin: this is empty afterwards in any case.
  zx_status_t unpin() { return zx_pmt_unpin(release()); }
};
using unowned_pmt = unowned<pmt>;

}  // namespace zx

#endif  // LIB_ZX_PMT_H_
