// A constant string that the vDSO provides: UTF-8, terminated by a zero byte, alive as long as the process.
#ifndef ZIRCONIA_ABI_ZIRCON_STRING_VIEW_H_
#define ZIRCONIA_ABI_ZIRCON_STRING_VIEW_H_

#include <stddef.h>

typedef struct zx_string_view {
  const char* c_str;
  size_t length;  // without the terminator

#ifdef __cplusplus
  using value_type = char;
  using const_pointer = const char*;
  using size_type = size_t;
  const char* data() const { return c_str; }
  size_t size() const { return length; }

  // To std::string_view and whatever else is made from a pointer and a length of bytes.
  template <typename T, size_t = 1 / size_t{sizeof(typename T::value_type) == 1}>
  operator T() const {
    return {reinterpret_cast<typename T::const_pointer>(c_str), length};
  }
#endif
} zx_string_view_t;

#endif  // ZIRCONIA_ABI_ZIRCON_STRING_VIEW_H_
