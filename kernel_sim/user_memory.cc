#include "kernel_sim/user_memory.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernel_sim/pager_source.h"
#include "kernel_sim/thread.h"

namespace zirconia::kernel {
namespace {

thread_local PostponedWait* t_postponed = nullptr;

}  // namespace

PostponedWait::PostponedWait() { t_postponed = this; }
PostponedWait::~PostponedWait() { t_postponed = nullptr; }

// Waits, or leaves it to who holds pins.
zx_status_t WaitForUserPages(mm::PageWait& wait) {
  if (t_postponed == nullptr) return WaitForPages(*wait.request);
  t_postponed->wait_ = std::move(wait);
  return ZX_ERR_SHOULD_WAIT;
}

namespace {

zx_status_t UserFault(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) return ZX_ERR_NO_MEMORY;
  if (absl::IsFailedPrecondition(status)) return ZX_ERR_BAD_STATE;
  return absl::IsUnavailable(status) ? ZX_ERR_SHOULD_WAIT : ZX_ERR_INVALID_ARGS;
}

// What a debugger is told.
zx_status_t ForeignFault(const absl::Status& status) {
  if (absl::IsPermissionDenied(status)) return ZX_ERR_ACCESS_DENIED;
  return absl::IsFailedPrecondition(status) ? ZX_ERR_BAD_STATE : ZX_ERR_NO_MEMORY;
}

// Bytes are moved, since both sides may be the same memory.

// Calls `step(bytes or null for zeros, size)` for each piece of [address, address + size) until all is done; returns
// what was done. `why`: OK, what `fault` makes of an error, or why a wait for pages failed.
template <typename Fault, typename Pin, typename Step>
size_t ForEachPiece(uint64_t address, size_t size, zx_status_t* why, Fault fault, Pin pin, Step step) {
  size_t done = 0;
  *why = ZX_OK;
  if (address + size < address) {
    *why = fault(absl::OutOfRangeError(""));
    return 0;
  }
  while (done < size) {
    if (ThreadDispatcher::CurrentIsKilled()) {
      *why = ZX_ERR_CANCELED;
      break;
    }
    mm::PageWait wait;
    absl::StatusOr<mm::PinnedBytes> piece = pin(mm::VirtAddr(address + done), mm::ByteSize(size - done), &wait);
    if (absl::IsAborted(piece.status())) {
      *why = WaitForUserPages(wait);
    } else if (!piece.ok()) {
      *why = fault(piece.status());
    } else {
      const size_t n = std::min<size_t>(piece->size.value(), size - done);
      step(piece->data, done, n);
      done += n;
    }
    if (*why != ZX_OK) break;
  }
  return done;
}

// Short copies, which most arguments of system calls are, are made under the locks; long ones pin and don't hold any.
// Calls `copy(done, wait)`, which copies a part and returns how much, until `size` is done. `may_wait`: for pages.
template <typename Copy>
zx_status_t CopyShort(size_t size, bool may_wait, Copy copy) {
  for (size_t done = 0; done < size;) {
    mm::PageWait wait;
    const absl::StatusOr<mm::ByteSize> n = copy(done, may_wait ? &wait : nullptr);
    if (n.ok()) {
      done += n->value();
    } else if (!absl::IsAborted(n.status())) {
      return UserFault(n.status());
    } else if (const zx_status_t s = WaitForUserPages(wait); s != ZX_OK) {
      return s;
    }
  }
  return ZX_OK;
}

bool IsShort(uint64_t address, size_t size) {
  return mm::ByteSize(size) <= mm::AddressSpace::kMostCopied && address + size >= address;
}

}  // namespace

size_t UserMemory::Transfer(mm::VmObject& /*vmo*/, uint64_t /*offset*/, uint64_t /*address*/, size_t /*size*/,
                            bool /*to_vmo*/) {
  return 0;
}

size_t GuestMemory::Transfer(mm::VmObject& vmo, uint64_t offset, uint64_t address, size_t size, bool to_vmo) {
  return aspace_->Transfer(vmo, mm::ByteSize(offset), mm::VirtAddr(address), mm::ByteSize(size), to_vmo).value();
}

zx_status_t GuestMemory::CopyIn(void* to, uint64_t from, size_t size) {
  auto* const out = static_cast<std::byte*>(to);
  if (IsShort(from, size)) {
    return CopyShort(size, /*may_wait=*/true, [&](size_t done, mm::PageWait* wait) {
      return aspace_->CopyIn(mm::VirtAddr(from + done), absl::MakeSpan(out + done, size - done), wait);
    });
  }
  zx_status_t why = ZX_OK;
  ForEachPiece(
      from, size, &why, UserFault,
      [&](mm::VirtAddr a, mm::ByteSize n, mm::PageWait* wait) { return aspace_->Pin(a, n, mm::Access::kRead, wait); },
      [&](const std::byte* data, size_t at, size_t n) {
        data != nullptr ? std::memmove(out + at, data, n) : std::memset(out + at, 0, n);
      });
  return why;
}

zx_status_t GuestMemory::CopyInNow(void* to, uint64_t from, size_t size) {
  auto* const out = static_cast<std::byte*>(to);
  if (!IsShort(from, size)) return ZX_ERR_INVALID_ARGS;
  return CopyShort(size, /*may_wait=*/false, [&](size_t done, mm::PageWait* wait) {
    return aspace_->CopyIn(mm::VirtAddr(from + done), absl::MakeSpan(out + done, size - done), wait);
  });
}

zx_status_t GuestMemory::CopyOut(uint64_t to, const void* from, size_t size) {
  const auto* const in = static_cast<const std::byte*>(from);
  if (IsShort(to, size)) {
    return CopyShort(size, /*may_wait=*/true, [&](size_t done, mm::PageWait* wait) {
      return aspace_->CopyOut(mm::VirtAddr(to + done), absl::MakeSpan(in + done, size - done), wait);
    });
  }
  zx_status_t why = ZX_OK;
  ForEachPiece(
      to, size, &why, UserFault,
      [&](mm::VirtAddr a, mm::ByteSize n, mm::PageWait* wait) { return aspace_->Pin(a, n, mm::Access::kWrite, wait); },
      [&](std::byte* data, size_t at, size_t n) { std::memmove(data, in + at, n); });
  return why;
}

zx_status_t GuestMemory::FillZero(uint64_t to, size_t size) {
  zx_status_t why = ZX_OK;
  ForEachPiece(
      to, size, &why, UserFault,
      [&](mm::VirtAddr a, mm::ByteSize n, mm::PageWait* wait) { return aspace_->Pin(a, n, mm::Access::kWrite, wait); },
      [](std::byte* data, size_t, size_t n) { std::memset(data, 0, n); });
  return why;
}

zx_status_t GuestMemory::StoreRelease(uint64_t to, uint32_t word) {
  zx_status_t why = ZX_OK;
  ForEachPiece(
      to, sizeof(word), &why, UserFault,
      [&](mm::VirtAddr a, mm::ByteSize n, mm::PageWait* wait) { return aspace_->Pin(a, n, mm::Access::kWrite, wait); },
      [&](std::byte* data, size_t, size_t) {
        std::atomic_ref(*reinterpret_cast<uint32_t*>(data)).store(word, std::memory_order_release);
      });
  return why;
}

size_t GuestMemory::Peek(void* to, uint64_t from, size_t size, zx_status_t* why) {
  zx_status_t status = ZX_OK;
  return ForEachPiece(
      from, size, why != nullptr ? why : &status, ForeignFault,
      [&](mm::VirtAddr a, mm::ByteSize n, mm::PageWait* wait) {
        return aspace_->PinIgnoringProtection(a, n, mm::Access::kRead, wait);
      },
      [&](const std::byte* data, size_t at, size_t n) {
        auto* out = static_cast<std::byte*>(to) + at;
        data != nullptr ? std::memmove(out, data, n) : std::memset(out, 0, n);
      });
}

size_t GuestMemory::Poke(uint64_t to, const void* from, size_t size, zx_status_t* why) {
  zx_status_t status = ZX_OK;
  return ForEachPiece(
      to, size, why != nullptr ? why : &status, ForeignFault,
      [&](mm::VirtAddr a, mm::ByteSize n, mm::PageWait* wait) {
        return aspace_->PinIgnoringProtection(a, n, mm::Access::kWrite, wait);
      },
      [&](std::byte* data, size_t at, size_t n) { std::memmove(data, static_cast<const std::byte*>(from) + at, n); });
}

zx_status_t ReadUserString(UserMemory& memory, UserPtr<const char> from, size_t size, size_t limit, std::string* to) {
  to->assign(std::min(size, limit), '\0');
  if (const zx_status_t s = from.ReadArray(memory, to->data(), to->size()); s != ZX_OK) return s;
  to->resize(std::min(to->size(), to->find('\0')));
  return ZX_OK;
}

}  // namespace zirconia::kernel
