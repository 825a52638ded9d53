#include "platform/window.h"

#include <sys/mman.h>

#include <catch2/catch.hpp>
#include <vector>

#include "platform/host_files.h"
#include "platform/host_linux.h"
#include "test/platform/touch.h"

namespace zirconia::platform {
namespace {

using mm::Access;
using mm::ByteSize;
using mm::kPageSize;
using mm::VirtAddr;
using mm::VirtRange;

TEST_CASE("A window is reserved, inaccessible, and gone with its object") {
  LinuxHost host;
  VirtRange range;
  {
    auto window = Window::Create(host);
    REQUIRE(window.ok());
    range = (*window)->range();
    CHECK(range.size >= ByteSize(uint64_t{4} << 30));
    CHECK_FALSE(CanAccess(range.base, Access::kRead));
    CHECK_FALSE(CanAccess(range.end() - ByteSize(1), Access::kRead));
    const auto vmas = ReadHostVmas(host, range);
    REQUIRE(vmas.ok());
    REQUIRE(vmas->size() == 1);
    CHECK(vmas->front().range == range);
    CHECK(vmas->front().protection.none());
    CHECK(host.Mmap(range.base.value(), kPageSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0).ok());
  }
  CHECK(ReadHostVmas(host, range)->empty());
  CHECK_FALSE(host.Mmap(range.base.value(), kPageSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0).ok());
}

TEST_CASE("Several windows stand side by side") {
  LinuxHost host;
  std::vector<std::unique_ptr<Window>> windows;
  for (int i = 0; i < 12; ++i) {
    auto window = Window::Create(host);
    REQUIRE(window.ok());
    for (const auto& other : windows) CHECK_FALSE(other->range().Overlaps((*window)->range()));
    windows.push_back(*std::move(window));
  }
}

TEST_CASE("A small window is as large as asked for") {
  LinuxHost host;
  auto window = Window::Create(host, ByteSize(16 * kPageSize));
  REQUIRE(window.ok());
  CHECK((*window)->range().size == ByteSize(16 * kPageSize));
}

TEST_CASE("A window never lies on top of what stands there, and the error names it") {
  LinuxHost host;
  auto window = Window::Create(host, ByteSize(64 * kPageSize));
  REQUIRE(window.ok());
  const VirtRange overlapping{(*window)->range().base + ByteSize(63 * kPageSize), ByteSize(2 * kPageSize)};
  auto second = Window::CreateAt(host, overlapping);
  CHECK(second.status().code() == absl::StatusCode::kAlreadyExists);
  CHECK_THAT(std::string(second.status().message()), Catch::Contains("reservation"));
  CHECK(ReadHostVmas(host, (*window)->range())->size() == 1);

  const VirtRange code{VirtAddr(reinterpret_cast<uintptr_t>(&CanAccess)).RoundDownToPage(), ByteSize(kPageSize)};
  CHECK_THAT(std::string(Window::CreateAt(host, code).status().message()), Catch::Contains("platform-tests"));
}

TEST_CASE("A window at a chosen range must be aligned and not empty") {
  LinuxHost host;
  CHECK(Window::CreateAt(host, {VirtAddr(0x30'0000'0001), ByteSize(kPageSize)}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(Window::CreateAt(host, {VirtAddr(0x30'0000'0000), ByteSize(0)}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(Window::Create(host, ByteSize(1)).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("The low window holds what a program linked at a fixed address needs, for one program at a time") {
  LinuxHost host;
  const VirtRange needed{VirtAddr(0x400000), ByteSize(0x100000)};
  {
    auto low = Window::CreateLow(host, needed);
    REQUIRE(low.ok());
    CHECK((*low)->range() == Window::kLow);
    auto second = Window::CreateLow(host, needed);
    CHECK(second.status().code() == absl::StatusCode::kAlreadyExists);
  }
  CHECK(Window::CreateLow(host, needed).ok());
}

TEST_CASE("The low window makes do with what is free") {
  LinuxHost host;
  auto stranger = Window::CreateAt(host, {VirtAddr(0x1000'0000), ByteSize(kPageSize)});
  REQUIRE(stranger.ok());
  auto below = Window::CreateLow(host, {VirtAddr(0x400000), ByteSize(kPageSize)});
  REQUIRE(below.ok());
  CHECK((*below)->range() == VirtRange::FromTo(Window::kLow.base, VirtAddr(0x1000'0000)));
  auto above = Window::CreateLow(host, {});
  REQUIRE(above.ok());
  CHECK((*above)->range() == VirtRange::FromTo(VirtAddr(0x1000'1000), Window::kLow.end()));
}

TEST_CASE("The low window refuses addresses that it can't hold") {
  LinuxHost host;
  CHECK(Window::CreateLow(host, {VirtAddr(0x1000), ByteSize(kPageSize)}).status().code() ==
        absl::StatusCode::kOutOfRange);
  CHECK(Window::CreateLow(host, {VirtAddr(0x7eff'f000), ByteSize(2 * kPageSize)}).status().code() ==
        absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace zirconia::platform
