// The example of the README: a unit test of a kernel object, without a host call.
#include <catch2/catch.hpp>

#include "mm/heap_physical_memory.h"
#include "mm/software_page_table.h"
#include "mm/vm_address_region.h"

namespace zirconia::mm {

TEST_CASE("what is decommitted reads as zeros through a live mapping, at once") {
  HeapPhysicalMemory memory(PageCount(64));
  FrameAllocator frames(memory);
  SoftwarePageTable table({VirtAddr(0x100000000), ByteSize(1 << 20)}, memory);
  const auto space = AddressSpace::Create(table.range(), table, {});
  const auto fault = [&](VirtAddr a, Access access) { return space->HandleFault(a, access); };

  const auto vmo = VmObject::Create(frames, ByteSize(2 * kPageSize), /*resizable=*/false).value();
  VmAddressRegion::MapRequest map;
  map.vmo = vmo;
  map.size = vmo->size();
  map.protection = map.max_protection = Protection::ReadWrite();
  const VirtAddr address = space->root()->Map(map).value();

  std::byte byte{42};
  REQUIRE(table.Store(address, {&byte, 1}, fault).ok());  // a fault commits the page
  CHECK(vmo->committed_pages() == PageCount(1));
  REQUIRE(vmo->Decommit(ByteSize(0), ByteSize(kPageSize)).ok());
  REQUIRE(table.Load(address, {&byte, 1}, fault).ok());
  CHECK(byte == std::byte{0});
  CHECK(vmo->committed_pages() == PageCount(0));
}

}  // namespace zirconia::mm
