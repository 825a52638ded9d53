// For internal invariants only: nothing that a guest can reach may be checked like this.
#ifndef ZIRCONIA_MM_CHECK_H_
#define ZIRCONIA_MM_CHECK_H_

namespace zirconia::mm {

// Says what is broken and where, and stops the process.
[[noreturn]] void CheckFailed(const char* what, const char* file, int line);

}  // namespace zirconia::mm

#define ZIRCONIA_CHECK(condition, what) \
  ((condition) ? static_cast<void>(0) : ::zirconia::mm::CheckFailed(what, __FILE__, __LINE__))

#endif  // ZIRCONIA_MM_CHECK_H_
