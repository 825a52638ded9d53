// Linkage of the C library's functions.
#pragma once
#ifdef __cplusplus
#define __GUEST_BEGIN extern "C" {
#define __GUEST_END }
#define __GUEST_NOEXCEPT noexcept
#else
#define __GUEST_BEGIN
#define __GUEST_END
#define __GUEST_NOEXCEPT
#endif
