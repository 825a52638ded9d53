#include "mm/check.h"

#include <cstdio>
#include <cstdlib>

namespace zirconia::mm {

void CheckFailed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: internal invariant broken: %s\n", file, line, what);
  std::abort();
}

}  // namespace zirconia::mm
