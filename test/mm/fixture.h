// A machine for tests: frames on the heap, and address spaces over software page tables.
#ifndef ZIRCONIA_TEST_MM_FIXTURE_H_
#define ZIRCONIA_TEST_MM_FIXTURE_H_

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "mm/address_space.h"
#include "mm/frame_allocator.h"
#include "mm/heap_physical_memory.h"
#include "mm/software_page_table.h"
#include "mm/verify.h"
#include "mm/vm_address_region.h"
#include "mm/vm_object.h"

namespace zirconia::mm {

inline constexpr Protection kNone = Protection::None();
inline constexpr Protection kR = Protection::Read();
inline constexpr Protection kRW = Protection::ReadWrite();
inline constexpr Protection kRX = Protection::ReadExecute();

constexpr ByteSize Pages(uint64_t n) { return PageCount(n).bytes(); }

// Where the address spaces of tests begin: not at 0, so that offsets and addresses can't be taken for one another.
inline constexpr VirtAddr kBase{0x10000000};
constexpr VirtAddr At(uint64_t page) { return kBase + Pages(page); }
constexpr VirtRange AtPages(uint64_t first, uint64_t count) { return {At(first), Pages(count)}; }

struct Space {
  Space(PhysicalMemory& memory, uint64_t pages, AddressSpace::Options options = {})
      : table({kBase, Pages(pages)}, memory),
        space(AddressSpace::Create({kBase, Pages(pages)}, table, options)),
        root(space->root()) {}

  absl::Status Fault(VirtAddr address, Access access) { return space->HandleFault(address, access); }
  absl::Status Store(VirtAddr address, const std::vector<uint8_t>& bytes) {
    return table.Store(address, {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()},
                       [this](VirtAddr a, Access x) { return Fault(a, x); });
  }
  absl::StatusOr<std::vector<uint8_t>> Load(VirtAddr address, size_t size) {
    std::vector<uint8_t> bytes(size);
    absl::Status status = table.Load(address, {reinterpret_cast<std::byte*>(bytes.data()), size},
                                     [this](VirtAddr a, Access x) { return Fault(a, x); });
    if (!status.ok()) return status;
    return bytes;
  }
  // One byte; -1 where it can't be loaded.
  int Peek(VirtAddr address) {
    const auto bytes = Load(address, 1);
    return bytes.ok() ? (*bytes)[0] : -1;
  }
  bool Poke(VirtAddr address, uint8_t value) { return Store(address, {value}).ok(); }
  absl::Status Verify() {
    if (absl::Status status = table.Verify(); !status.ok()) return status;
    if (table.reserved() != 0) return absl::InternalError("a reservation is lost");
    return space->Verify();
  }

  SoftwarePageTable table;
  std::shared_ptr<AddressSpace> space;
  std::shared_ptr<VmAddressRegion> root;
};

inline VmAddressRegion::MapRequest MapAt(uint64_t page, std::shared_ptr<VmObject> vmo, uint64_t vmo_page,
                                         uint64_t pages, Protection protection = kRW) {
  VmAddressRegion::MapRequest request;
  request.placement.kind = Placement::Kind::kAt;
  request.placement.offset = Pages(page);
  request.vmo = std::move(vmo);
  request.vmo_offset = Pages(vmo_page);
  request.size = Pages(pages);
  request.protection = protection;
  request.max_protection = Protection::All();
  return request;
}

inline VmAddressRegion::MapRequest Replacing(VmAddressRegion::MapRequest request) {
  request.placement.kind = Placement::Kind::kAtReplacing;
  return request;
}

inline VmAddressRegion::AllocateRequest RegionAt(uint64_t page, uint64_t pages) {
  VmAddressRegion::AllocateRequest request;
  request.placement.kind = Placement::Kind::kAt;
  request.placement.offset = Pages(page);
  request.size = Pages(pages);
  request.caps = {Protection::All(), true};
  return request;
}

inline std::vector<std::byte> Bytes(size_t n, uint8_t value) { return std::vector<std::byte>(n, std::byte{value}); }

}  // namespace zirconia::mm

namespace Catch {
template <>
struct StringMaker<absl::Status> {
  static std::string convert(const absl::Status& status) { return status.ToString(); }
};
template <>
struct StringMaker<absl::StatusCode> {
  static std::string convert(absl::StatusCode code) { return absl::StatusCodeToString(code); }
};
}  // namespace Catch

#endif  // ZIRCONIA_TEST_MM_FIXTURE_H_
