// What AddressSanitizer is told of memory that is handed out here: that of pieces that nobody has must not be touched.
// Nothing, in a build without it, whose headers needn't be there then.
#ifndef ZIRCONIA_MM_POISON_H_
#define ZIRCONIA_MM_POISON_H_

#include <cstddef>

#include "absl/base/config.h"

#ifdef ABSL_HAVE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace zirconia::mm {

inline void Poison([[maybe_unused]] const void* begin, [[maybe_unused]] size_t size) {
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
  __asan_poison_memory_region(begin, size);
#endif
}

inline void Unpoison([[maybe_unused]] const void* begin, [[maybe_unused]] size_t size) {
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
  __asan_unpoison_memory_region(begin, size);
#endif
}

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_POISON_H_
