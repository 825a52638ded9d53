#include "kernel_sim/user_memory.h"

#include <algorithm>
#include <cstring>

#include "kernel_sim/status.h"

namespace zirconia::kernel {
namespace {

zx_status_t UserFault(const absl::Status& status) {
  return absl::IsResourceExhausted(status) ? ZX_ERR_NO_MEMORY : ZX_ERR_INVALID_ARGS;
}

// Calls `step(bytes or null for zeros, size)` for each piece of [address, address + size) until all is done; returns
// what was done.
template <typename Pin, typename Step>
size_t ForEachPiece(uint64_t address, size_t size, absl::Status* why, Pin pin, Step step) {
  size_t done = 0;
  if (address + size < address) {
    *why = absl::OutOfRangeError("");
    return 0;
  }
  while (done < size) {
    absl::StatusOr<mm::PinnedBytes> piece = pin(mm::VirtAddr(address + done), mm::ByteSize(size - done));
    if (!piece.ok()) {
      *why = piece.status();
      break;
    }
    const size_t n = std::min<size_t>(piece->size.value(), size - done);
    step(piece->data, done, n);
    done += n;
  }
  return done;
}

}  // namespace

// Short copies, which most arguments of system calls are, are made under the locks; long ones pin and don't hold any.

zx_status_t GuestMemory::CopyIn(void* to, uint64_t from, size_t size) {
  auto* const out = static_cast<std::byte*>(to);
  absl::Status why;
  const bool is_short = mm::ByteSize(size) <= mm::AddressSpace::kMostCopied && from + size >= from;
  for (size_t done = 0; is_short;) {
    if (done == size) return ZX_OK;
    const auto n = aspace_->CopyIn(mm::VirtAddr(from + done), absl::MakeSpan(out + done, size - done));
    if (!n.ok()) return UserFault(n.status());
    done += n->value();
  }
  const size_t done = ForEachPiece(
      from, size, &why, [&](mm::VirtAddr a, mm::ByteSize n) { return aspace_->Pin(a, n, mm::Access::kRead); },
      [&](const std::byte* data, size_t at, size_t n) {
        data != nullptr ? std::memcpy(out + at, data, n) : std::memset(out + at, 0, n);
      });
  return done == size ? ZX_OK : UserFault(why);
}

zx_status_t GuestMemory::CopyOut(uint64_t to, const void* from, size_t size) {
  const auto* const in = static_cast<const std::byte*>(from);
  absl::Status why;
  const bool is_short = mm::ByteSize(size) <= mm::AddressSpace::kMostCopied && to + size >= to;
  for (size_t done = 0; is_short;) {
    if (done == size) return ZX_OK;
    const auto n = aspace_->CopyOut(mm::VirtAddr(to + done), absl::MakeSpan(in + done, size - done));
    if (!n.ok()) return UserFault(n.status());
    done += n->value();
  }
  const size_t done = ForEachPiece(
      to, size, &why, [&](mm::VirtAddr a, mm::ByteSize n) { return aspace_->Pin(a, n, mm::Access::kWrite); },
      [&](std::byte* data, size_t at, size_t n) { std::memcpy(data, in + at, n); });
  return done == size ? ZX_OK : UserFault(why);
}

zx_status_t GuestMemory::FillZero(uint64_t to, size_t size) {
  absl::Status why;
  const size_t done = ForEachPiece(
      to, size, &why, [&](mm::VirtAddr a, mm::ByteSize n) { return aspace_->Pin(a, n, mm::Access::kWrite); },
      [](std::byte* data, size_t, size_t n) { std::memset(data, 0, n); });
  return done == size ? ZX_OK : UserFault(why);
}

size_t GuestMemory::Peek(void* to, uint64_t from, size_t size) {
  absl::Status why;
  return ForEachPiece(
      from, size, &why,
      [&](mm::VirtAddr a, mm::ByteSize n) { return aspace_->PinIgnoringProtection(a, n, mm::Access::kRead); },
      [&](const std::byte* data, size_t at, size_t n) {
        auto* out = static_cast<std::byte*>(to) + at;
        data != nullptr ? std::memcpy(out, data, n) : std::memset(out, 0, n);
      });
}

size_t GuestMemory::Poke(uint64_t to, const void* from, size_t size, zx_status_t* why) {
  absl::Status status;
  const size_t done = ForEachPiece(
      to, size, &status,
      [&](mm::VirtAddr a, mm::ByteSize n) { return aspace_->PinIgnoringProtection(a, n, mm::Access::kWrite); },
      [&](std::byte* data, size_t at, size_t n) { std::memcpy(data, static_cast<const std::byte*>(from) + at, n); });
  if (why != nullptr) *why = absl::IsPermissionDenied(status) ? ZX_ERR_ACCESS_DENIED : ZX_ERR_NO_MEMORY;
  return done;
}

zx_status_t ReadUserString(UserMemory& memory, UserPtr<const char> from, size_t size, size_t limit, std::string* to) {
  to->assign(std::min(size, limit), '\0');
  if (const zx_status_t s = from.ReadArray(memory, to->data(), to->size()); s != ZX_OK) return s;
  to->resize(std::min(to->size(), to->find('\0')));
  return ZX_OK;
}

}  // namespace zirconia::kernel
