#pragma once
#include <guest_linkage.h>
__GUEST_BEGIN
int sched_yield(void) __GUEST_NOEXCEPT;
__GUEST_END
