// Status codes that print their names: for tests, whatever the framework.
//
//   CHECK(Status(zx_vmo_set_size(vmo, 0)) == ZX_ERR_UNAVAILABLE);   // fails as: ZX_ERR_BAD_HANDLE ==
//   ZX_ERR_UNAVAILABLE
//
// zx_status_t itself is an int, which frameworks print as a number; so a status is wrapped. CHECK_STATUS and
// REQUIRE_STATUS do that on both sides; they need Catch2's CHECK and REQUIRE.
#ifndef ZIRCONIA_TESTING_STATUS_H_
#define ZIRCONIA_TESTING_STATUS_H_

#include <zircon/status.h>
#include <zircon/types.h>

#include <ostream>

namespace zirconia::testing {

class Status {
 public:
  constexpr Status(zx_status_t value) : value_(value) {}
  constexpr zx_status_t value() const { return value_; }
  constexpr bool ok() const { return value_ == ZX_OK; }
  friend constexpr bool operator==(Status a, Status b) { return a.value_ == b.value_; }

  friend std::ostream& operator<<(std::ostream& out, Status status) {
    const char* const name = zx_status_get_string(status.value_);
    if (name[0] != '(') return out << name;
    return out << "zx_status_t " << status.value_;
  }

 private:
  zx_status_t value_;
};

}  // namespace zirconia::testing

#define CHECK_STATUS(call, expected) CHECK(::zirconia::testing::Status(call) == ::zirconia::testing::Status(expected))
#define REQUIRE_STATUS(call, expected) \
  REQUIRE(::zirconia::testing::Status(call) == ::zirconia::testing::Status(expected))
#define CHECK_OK(call) CHECK_STATUS(call, ZX_OK)
#define REQUIRE_OK(call) REQUIRE_STATUS(call, ZX_OK)

#endif  // ZIRCONIA_TESTING_STATUS_H_
