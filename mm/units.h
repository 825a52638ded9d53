// Units of the memory system. Addresses, frame numbers, byte sizes and page counts are distinct types: none converts
// into another silently, and mixing them up does not compile. All arithmetic is unchecked unless the name says
// otherwise (`CheckedEnd`); callers validate what comes from a guest before they do arithmetic on it.
#ifndef ZIRCONIA_MM_UNITS_H_
#define ZIRCONIA_MM_UNITS_H_

#include <compare>
#include <cstdint>
#include <optional>

namespace zirconia::mm {

inline constexpr uint64_t kPageShift = 12;
inline constexpr uint64_t kPageSize = uint64_t{1} << kPageShift;

class PageCount;

// A length or an offset in bytes.
class ByteSize {
 public:
  constexpr ByteSize() = default;
  constexpr explicit ByteSize(uint64_t bytes) : value_(bytes) {}
  constexpr uint64_t value() const { return value_; }
  constexpr bool IsPageAligned() const { return (value_ & (kPageSize - 1)) == 0; }
  // The value rounded up to whole pages; nullopt where that passes 2^64.
  constexpr std::optional<ByteSize> RoundUpToPage() const {
    const uint64_t up = (value_ + kPageSize - 1) & ~(kPageSize - 1);
    if (up < value_) return std::nullopt;
    return ByteSize(up);
  }
  constexpr ByteSize RoundDownToPage() const { return ByteSize(value_ & ~(kPageSize - 1)); }
  friend constexpr auto operator<=>(ByteSize, ByteSize) = default;
  friend constexpr ByteSize operator+(ByteSize a, ByteSize b) { return ByteSize(a.value_ + b.value_); }
  friend constexpr ByteSize operator-(ByteSize a, ByteSize b) { return ByteSize(a.value_ - b.value_); }
  constexpr ByteSize& operator+=(ByteSize b) { return value_ += b.value_, *this; }
  constexpr ByteSize& operator-=(ByteSize b) { return value_ -= b.value_, *this; }

 private:
  uint64_t value_ = 0;
};

// A number of pages (or frames), or a difference of two page indices.
class PageCount {
 public:
  constexpr PageCount() = default;
  constexpr explicit PageCount(uint64_t pages) : value_(pages) {}
  // The pages of a page-aligned size.
  static constexpr PageCount Of(ByteSize size) { return PageCount(size.value() >> kPageShift); }
  constexpr uint64_t value() const { return value_; }
  constexpr ByteSize bytes() const { return ByteSize(value_ << kPageShift); }
  friend constexpr auto operator<=>(PageCount, PageCount) = default;
  friend constexpr PageCount operator+(PageCount a, PageCount b) { return PageCount(a.value_ + b.value_); }
  friend constexpr PageCount operator-(PageCount a, PageCount b) { return PageCount(a.value_ - b.value_); }
  constexpr PageCount& operator+=(PageCount b) { return value_ += b.value_, *this; }
  constexpr PageCount& operator-=(PageCount b) { return value_ -= b.value_, *this; }

 private:
  uint64_t value_ = 0;
};

// The index of a page in a VMO.
class PageIndex {
 public:
  constexpr PageIndex() = default;
  constexpr explicit PageIndex(uint64_t index) : value_(index) {}
  // The page that holds the byte at `offset`.
  static constexpr PageIndex Of(ByteSize offset) { return PageIndex(offset.value() >> kPageShift); }
  constexpr uint64_t value() const { return value_; }
  constexpr ByteSize offset() const { return ByteSize(value_ << kPageShift); }
  friend constexpr auto operator<=>(PageIndex, PageIndex) = default;
  friend constexpr PageIndex operator+(PageIndex a, PageCount n) { return PageIndex(a.value_ + n.value()); }
  friend constexpr PageIndex operator-(PageIndex a, PageCount n) { return PageIndex(a.value_ - n.value()); }
  friend constexpr PageCount operator-(PageIndex a, PageIndex b) { return PageCount(a.value_ - b.value_); }

 private:
  uint64_t value_ = 0;
};

// The number of a frame of physical memory: its offset in the backing file, in pages.
class FrameNumber {
 public:
  constexpr FrameNumber() = default;
  constexpr explicit FrameNumber(uint64_t number) : value_(number) {}
  constexpr uint64_t value() const { return value_; }
  // Where the frame begins in physical memory.
  constexpr ByteSize offset() const { return ByteSize(value_ << kPageShift); }
  friend constexpr auto operator<=>(FrameNumber, FrameNumber) = default;
  friend constexpr FrameNumber operator+(FrameNumber a, PageCount n) { return FrameNumber(a.value_ + n.value()); }
  friend constexpr FrameNumber operator-(FrameNumber a, PageCount n) { return FrameNumber(a.value_ - n.value()); }
  friend constexpr PageCount operator-(FrameNumber a, FrameNumber b) { return PageCount(a.value_ - b.value_); }

 private:
  uint64_t value_ = 0;
};

// A guest virtual address. Never a host pointer: nothing above the platform layer may dereference it.
class VirtAddr {
 public:
  constexpr VirtAddr() = default;
  constexpr explicit VirtAddr(uint64_t address) : value_(address) {}
  constexpr uint64_t value() const { return value_; }
  constexpr bool IsPageAligned() const { return (value_ & (kPageSize - 1)) == 0; }
  constexpr VirtAddr RoundDownToPage() const { return VirtAddr(value_ & ~(kPageSize - 1)); }
  friend constexpr auto operator<=>(VirtAddr, VirtAddr) = default;
  friend constexpr VirtAddr operator+(VirtAddr a, ByteSize n) { return VirtAddr(a.value_ + n.value()); }
  friend constexpr VirtAddr operator-(VirtAddr a, ByteSize n) { return VirtAddr(a.value_ - n.value()); }
  friend constexpr ByteSize operator-(VirtAddr a, VirtAddr b) { return ByteSize(a.value_ - b.value_); }

 private:
  uint64_t value_ = 0;
};

// A half-open range of guest addresses, [base, base + size). Immutable in spirit: changes are new values.
struct VirtRange {
  VirtAddr base;
  ByteSize size;

  // The range [begin, end); requires begin <= end.
  static constexpr VirtRange FromTo(VirtAddr begin, VirtAddr end) { return {begin, end - begin}; }
  constexpr VirtAddr end() const { return base + size; }
  constexpr bool empty() const { return size.value() == 0; }
  constexpr bool Contains(VirtAddr a) const { return a >= base && a - base < size; }
  constexpr bool Contains(VirtRange r) const { return r.base >= base && r.end() <= end() && r.base <= r.end(); }
  constexpr bool Overlaps(VirtRange r) const { return base < r.end() && r.base < end(); }
  // The common part; empty (at some base) where there is none.
  constexpr VirtRange Intersect(VirtRange r) const {
    const VirtAddr b = base > r.base ? base : r.base;
    const VirtAddr e = end() < r.end() ? end() : r.end();
    return b < e ? FromTo(b, e) : VirtRange{b, ByteSize(0)};
  }
  // False where base + size passes 2^64.
  constexpr bool IsValid() const { return base.value() + size.value() >= base.value(); }
  friend constexpr bool operator==(VirtRange, VirtRange) = default;
};

// Consecutive frames, [first, first + count).
struct FrameRun {
  FrameNumber first;
  PageCount count;

  constexpr FrameNumber end() const { return first + count; }
  constexpr bool empty() const { return count.value() == 0; }
  friend constexpr bool operator==(FrameRun, FrameRun) = default;
};

// What may be done with memory through a mapping. Write implies read, and so does execute (Zircon's rule; callers check
// it).
class Protection {
 public:
  constexpr Protection() = default;
  constexpr Protection(bool read, bool write, bool execute)
      : bits_(static_cast<uint8_t>((read ? 1 : 0) | (write ? 2 : 0) | (execute ? 4 : 0))) {}
  static constexpr Protection None() { return {}; }
  static constexpr Protection Read() { return {true, false, false}; }
  static constexpr Protection ReadWrite() { return {true, true, false}; }
  static constexpr Protection ReadExecute() { return {true, false, true}; }
  static constexpr Protection All() { return {true, true, true}; }
  constexpr bool read() const { return (bits_ & 1) != 0; }
  constexpr bool write() const { return (bits_ & 2) != 0; }
  constexpr bool execute() const { return (bits_ & 4) != 0; }
  constexpr bool none() const { return bits_ == 0; }
  constexpr Protection WithoutWrite() const { return {read(), false, execute()}; }
  // What both permit.
  constexpr Protection Intersect(Protection p) const {
    return {read() && p.read(), write() && p.write(), execute() && p.execute()};
  }
  // Whether everything that `p` permits is permitted here too.
  constexpr bool Covers(Protection p) const { return (p.bits_ & ~bits_) == 0; }
  friend constexpr bool operator==(Protection, Protection) = default;

 private:
  uint8_t bits_ = 0;
};

// One kind of access, as a processor makes it.
enum class Access : uint8_t { kRead, kWrite, kExecute };

constexpr bool Permits(Protection p, Access a) {
  return a == Access::kRead ? p.read() : a == Access::kWrite ? p.write() : p.execute();
}

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_UNITS_H_
