// What touching an address does, found out without dying of it.
#ifndef ZIRCONIA_TEST_PLATFORM_TOUCH_H_
#define ZIRCONIA_TEST_PLATFORM_TOUCH_H_

#include "mm/units.h"

namespace zirconia::platform {

// Whether a byte at `address` can be read, or written, or executed as code, right now in this process. A write writes
// back what it read; an execution expects that a `ret` instruction stands there.
bool CanAccess(mm::VirtAddr address, mm::Access access);

}  // namespace zirconia::platform

#endif  // ZIRCONIA_TEST_PLATFORM_TOUCH_H_
