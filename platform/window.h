// Reserved ranges of host addresses.
#ifndef ZIRCONIA_PLATFORM_WINDOW_H_
#define ZIRCONIA_PLATFORM_WINDOW_H_

#include <memory>

#include "absl/status/statusor.h"
#include "mm/units.h"
#include "platform/host.h"

namespace zirconia::platform {

// A range of host addresses that belongs to one guest address space: inaccessible at first, registered with the host as
// a reservation, and given back as a whole when this object dies. It never lies on top of anything that stood there
// before. What is mapped within it is `HostPageTable`'s business.
class Window {
 public:
  // A window of `largest` bytes, but at most 1 TiB (16 GiB under ThreadSanitizer, which leaves little room), or where
  // only that fits of a quarter of it, and so on down to 4 GiB; at the first free place of a list that suits the
  // sanitizer this is built with. Several stand side by side.
  static constexpr mm::ByteSize kDefaultSize{uint64_t{1} << 40};
  static absl::StatusOr<std::unique_ptr<Window>> Create(Host& host, mm::ByteSize largest = kDefaultSize);

  // Exactly `range`. ALREADY_EXISTS: something stands there, and is named.
  static absl::StatusOr<std::unique_ptr<Window>> CreateAt(Host& host, mm::VirtRange range);

  // For programs linked at a fixed low address: [0x200000, 0x7f000000), or the largest part of it that is free and
  // holds `needed`. There is room for one such guest at a time. ALREADY_EXISTS: what stands in the way is named.
  // OUT_OF_RANGE: `needed` lies outside, or below vm.mmap_min_addr.
  static constexpr mm::VirtRange kLow{mm::VirtAddr(0x200000), mm::ByteSize(0x7f000000 - 0x200000)};
  static absl::StatusOr<std::unique_ptr<Window>> CreateLow(Host& host, mm::VirtRange needed);

  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  mm::VirtRange range() const { return range_; }
  Host& host() const { return host_; }

 private:
  Window(Host& host, mm::VirtRange range) : host_(host), range_(range) {}

  Host& host_;
  const mm::VirtRange range_;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_WINDOW_H_
