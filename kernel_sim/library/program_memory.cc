#include "kernel_sim/library/program_memory.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "platform/engine/safe_copy.h"

namespace zirconia::kernel {
namespace {

zx_status_t Copied(bool ok) { return ok ? ZX_OK : ZX_ERR_INVALID_ARGS; }

std::byte* Pointer(uint64_t address) { return reinterpret_cast<std::byte*>(address); }

}  // namespace

template <typename Mapped, typename Own>
zx_status_t ProgramMemory::ForEachPart(uint64_t address, size_t size, Mapped mapped, Own own) {
  if (address + size < address) return ZX_ERR_INVALID_ARGS;
  const mm::VirtRange buffer{mm::VirtAddr(address), mm::ByteSize(size)};
  if (!buffer.Overlaps(simulated_)) [[likely]]
    return own(address, 0, size);
  const mm::VirtRange inside = buffer.Intersect(simulated_);
  const size_t before = (inside.base - buffer.base).value();
  const size_t after = (buffer.end() - inside.end()).value();
  zx_status_t status = own(address, 0, before);
  if (status == ZX_OK) status = mapped(inside.base.value(), before, inside.size.value());
  if (status == ZX_OK) status = own(inside.end().value(), size - after, after);
  return status;
}

zx_status_t ProgramMemory::CopyIn(void* to, uint64_t from, size_t size) {
  auto* const out = static_cast<std::byte*>(to);
  return ForEachPart(
      from, size, [&](uint64_t a, size_t at, size_t n) { return mapped_.CopyIn(out + at, a, n); },
      [&](uint64_t a, size_t at, size_t n) { return Copied(n == 0 || platform::SafeCopy(out + at, Pointer(a), n)); });
}

zx_status_t ProgramMemory::CopyInNow(void* to, uint64_t from, size_t size) {
  auto* const out = static_cast<std::byte*>(to);
  return ForEachPart(
      from, size, [&](uint64_t a, size_t at, size_t n) { return mapped_.CopyInNow(out + at, a, n); },
      [&](uint64_t a, size_t at, size_t n) { return Copied(n == 0 || platform::SafeCopy(out + at, Pointer(a), n)); });
}

zx_status_t ProgramMemory::CopyOut(uint64_t to, const void* from, size_t size) {
  const auto* const in = static_cast<const std::byte*>(from);
  return ForEachPart(
      to, size, [&](uint64_t a, size_t at, size_t n) { return mapped_.CopyOut(a, in + at, n); },
      [&](uint64_t a, size_t at, size_t n) { return Copied(n == 0 || platform::SafeCopy(Pointer(a), in + at, n)); });
}

size_t ProgramMemory::Transfer(mm::VmObject& vmo, uint64_t offset, uint64_t address, size_t size, bool to_vmo) {
  if (!simulated_.Contains(mm::VirtAddr(address))) return 0;
  return mapped_.Transfer(vmo, offset, address, size, to_vmo);
}

zx_status_t ProgramMemory::FillZero(uint64_t to, size_t size) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  return ForEachPart(
      to, size, [&](uint64_t a, size_t, size_t n) { return mapped_.FillZero(a, n); },
      [&](uint64_t a, size_t, size_t n) {
        for (size_t done = 0; done < n; done += kZeros.size()) {
          if (!platform::SafeCopy(Pointer(a + done), kZeros.data(), std::min(kZeros.size(), n - done))) {
            return ZX_ERR_INVALID_ARGS;
          }
        }
        return ZX_OK;
      });
}

zx_status_t ProgramMemory::StoreRelease(uint64_t to, uint32_t word) {
  if (simulated_.Contains(mm::VirtAddr(to))) return mapped_.StoreRelease(to, word);
  // A copy isn't one store. What isn't there is found by a look; what may only be read faults, as any store there.
  uint32_t before = 0;
  if (!platform::SafeCopy(&before, Pointer(to), sizeof(before))) return ZX_ERR_INVALID_ARGS;
  std::atomic_ref(*reinterpret_cast<uint32_t*>(Pointer(to))).store(word, std::memory_order_release);
  return ZX_OK;
}

}  // namespace zirconia::kernel
