// The owning handles of <lib/zx>.
#include <lib/zx/bti.h>
#include <lib/zx/channel.h>
#include <lib/zx/debuglog.h>
#include <lib/zx/event.h>
#include <lib/zx/eventpair.h>
#include <lib/zx/handle.h>
#include <lib/zx/job.h>
#include <lib/zx/pager.h>
#include <lib/zx/port.h>
#include <lib/zx/process.h>
#include <lib/zx/resource.h>
#include <lib/zx/stream.h>
#include <lib/zx/thread.h>
#include <lib/zx/time.h>
#include <lib/zx/vmar.h>
#include <lib/zx/vmo.h>

#include <array>
#include <catch2/catch.hpp>
#include <type_traits>
#include <utility>

#include "zirconia/testing/kernel.h"
#include "zirconia/testing/status.h"

namespace zirconia::testing {
namespace {

constexpr uint64_t kPage = 4096;

bool IsOpen(zx_handle_t handle) {
  return zx_object_get_info(handle, ZX_INFO_HANDLE_VALID, nullptr, 0, nullptr, nullptr) == ZX_OK;
}

static_assert(!std::is_copy_constructible_v<zx::vmo>);
static_assert(std::is_nothrow_move_constructible_v<zx::vmo>);
static_assert(sizeof(zx::vmo) == sizeof(zx_handle_t));

// What `from` owned; the checker of moves doesn't look in here, so that a test may look at what is left.
zx::vmo MovedFrom(zx::vmo& from) { return std::move(from); }

TEST_CASE("a handle is closed when its owner goes, once", "[library][zx]") {
  Kernel kernel;
  zx_handle_t raw = ZX_HANDLE_INVALID;
  {
    zx::vmo a;
    CHECK_FALSE(a);
    REQUIRE_OK(zx::vmo::create(kPage, 0, &a));
    raw = a.get();
    zx::vmo b = MovedFrom(a);
    CHECK_FALSE(a.is_valid());
    CHECK(b.get() == raw);
    const zx::handle any(std::move(b));
    CHECK(IsOpen(raw));
  }
  CHECK_FALSE(IsOpen(raw));
}

TEST_CASE("release gives a handle up, reset closes it", "[library][zx]") {
  Kernel kernel;
  zx::event event;
  REQUIRE_OK(zx::event::create(0, &event));
  const zx_handle_t raw = event.release();
  CHECK(IsOpen(raw));
  event.reset(raw);
  event.reset(raw);  // to itself
  CHECK(IsOpen(raw));
  event.reset();
  CHECK_FALSE(IsOpen(raw));
}

TEST_CASE("duplicate and replace keep what they should when they fail", "[library][zx]") {
  Kernel kernel;
  zx::vmo vmo, other;
  REQUIRE_OK(zx::vmo::create(kPage, 0, &vmo));
  REQUIRE_OK(vmo.duplicate(ZX_RIGHT_READ, &other));
  const zx_handle_t kept = other.get();
  zx::vmo none;
  CHECK_STATUS(none.duplicate(ZX_RIGHT_SAME_RIGHTS, &other), ZX_ERR_BAD_HANDLE);
  CHECK(other.get() == kept);
  CHECK_STATUS(other.write("x", 0, 1), ZX_ERR_ACCESS_DENIED);
  REQUIRE_OK(vmo.replace(ZX_RIGHT_WRITE, &vmo));
  char byte = 0;
  CHECK_STATUS(vmo.read(&byte, 0, 1), ZX_ERR_ACCESS_DENIED);
}

TEST_CASE("an unowned handle closes nothing", "[library][zx]") {
  Kernel kernel;
  zx::vmo vmo;
  REQUIRE_OK(zx::vmo::create(kPage, 0, &vmo));
  {
    const zx::unowned_vmo u(vmo);
    zx::unowned_vmo copy;
    copy = u;
    uint64_t size = 0;
    CHECK_OK(copy->get_size(&size));
    CHECK(size == kPage);
    CHECK(*copy == vmo);
  }
  CHECK(IsOpen(vmo.get()));
}

TEST_CASE("VMOs and VMARs work through their classes", "[library][zx]") {
  Kernel kernel;
  zx::vmo vmo;
  REQUIRE_OK(zx::vmo::create(2 * kPage, ZX_VMO_RESIZABLE, &vmo));
  REQUIRE_OK(vmo.write("hello", 0, 5));
  zx::vmar child;
  zx_vaddr_t base = 0, address = 0;
  REQUIRE_OK(zx::vmar::root_self()->allocate(ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE, 0, 16 * kPage, &child, &base));
  REQUIRE_OK(child.map(ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, 2 * kPage, &address));
  CHECK(kernel.Load<char>(address + 1) == 'e');
  CHECK_OK(vmo.op_range(ZX_VMO_OP_DECOMMIT, 0, kPage, nullptr, 0));
  CHECK(kernel.Load<char>(address + 1) == '\0');
  CHECK_OK(child.protect(ZX_VM_PERM_READ, address, kPage));
  CHECK_FALSE(kernel.Store(address, 'x'));
  CHECK_OK(vmo.set_size(kPage));
  CHECK_OK(vmo.set_prop_content_size(5));
  uint64_t size = 0;
  CHECK_OK(vmo.get_prop_content_size(&size));
  CHECK(size == 5);
  CHECK_OK(child.unmap(address, 2 * kPage));
  CHECK_OK(child.destroy());
  CHECK_OK(vmo.replace_as_executable(zx::resource(), &vmo));
  CHECK(vmo.is_valid());
}

TEST_CASE("children of a VMO work through its class, and diverge", "[library][zx]") {
  Kernel kernel;
  zx::vmo parent, child;
  REQUIRE_OK(zx::vmo::create(kPage, 0, &parent));
  REQUIRE_OK(parent.write("a", 0, 1));
  REQUIRE_OK(parent.create_child(ZX_VMO_CHILD_SNAPSHOT, 0, kPage, &child));
  zx_vaddr_t address = 0;
  REQUIRE_OK(zx::vmar::root_self()->map(ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, child, 0, kPage, &address));
  CHECK(kernel.Store(address, 'b'));
  char byte = 0;
  CHECK_OK(parent.read(&byte, 0, 1));
  CHECK(byte == 'a');
  CHECK_OK(child.read(&byte, 0, 1));
  CHECK(byte == 'b');
}

TEST_CASE("channels call, and write handles that they keep, through their class", "[library][zx]") {
  Kernel kernel;
  zx::channel a, b;
  REQUIRE_OK(zx::channel::create(0, &a, &b));
  zx::vmo vmo;
  REQUIRE_OK(zx::vmo::create(kPage, 0, &vmo));
  zx_handle_disposition_t duplicate{ZX_HANDLE_OP_DUPLICATE, vmo.get(), ZX_OBJ_TYPE_VMO, ZX_RIGHT_READ, ZX_OK};
  REQUIRE_OK(a.write_etc(0, "x", 1, &duplicate, 1));
  std::array<char, 8> bytes{};
  zx::vmo got;
  uint32_t num_bytes = 0, num_handles = 0;
  REQUIRE_OK(b.read(0, bytes.data(), got.reset_and_get_address(), 8, 1, &num_bytes, &num_handles));
  CHECK(num_handles == 1);
  CHECK(IsOpen(vmo.get()));
  const zx_channel_call_args_t args{"\0\0\0\0", nullptr, bytes.data(), nullptr, 4, 0, 8, 0};
  CHECK_STATUS(a.call(0, zx::time(0), &args, &num_bytes, &num_handles), ZX_ERR_TIMED_OUT);
  b.reset();
  zx_channel_call_etc_args_t args_etc{"\0\0\0\0", &duplicate, bytes.data(), nullptr, 4, 1, 8, 0};
  CHECK_STATUS(a.call_etc(0, zx::time::infinite(), &args_etc, &num_bytes, &num_handles), ZX_ERR_PEER_CLOSED);
}

TEST_CASE("channels, events and ports work through their classes", "[library][zx]") {
  Kernel kernel;
  zx::channel a, b;
  REQUIRE_OK(zx::channel::create(0, &a, &b));
  zx::event event;
  REQUIRE_OK(zx::event::create(0, &event));
  const zx_handle_t sent = event.release();
  REQUIRE_OK(a.write(0, "x", 1, &sent, 1));
  zx::port port;
  REQUIRE_OK(zx::port::create(0, &port));
  REQUIRE_OK(b.wait_async(port, 9, ZX_CHANNEL_READABLE, 0));
  zx_port_packet_t packet{};
  REQUIRE_OK(port.wait(zx::time::infinite(), &packet));
  CHECK(packet.key == 9);
  char byte = 0;
  uint32_t bytes = 0, handles = 0;
  REQUIRE_OK(b.read(0, &byte, event.reset_and_get_address(), 1, 1, &bytes, &handles));
  CHECK(byte == 'x');
  CHECK_OK(event.signal(0, ZX_USER_SIGNAL_1));
  zx_signals_t pending = 0;
  CHECK_OK(event.wait_one(ZX_USER_SIGNAL_1, zx::time::infinite_past(), &pending));
  CHECK_STATUS(event.wait_one(ZX_USER_SIGNAL_2, zx::deadline_after(zx::nsec(1)), &pending), ZX_ERR_TIMED_OUT);
  zx::eventpair c, d;
  REQUIRE_OK(zx::eventpair::create(0, &c, &d));
  CHECK_OK(c.signal_peer(0, ZX_USER_SIGNAL_0));
  d.reset();
  CHECK_OK(c.wait_one(ZX_EVENTPAIR_PEER_CLOSED, zx::time(0), &pending));
}

TEST_CASE("tasks work through their classes", "[library][zx]") {
  Kernel kernel;
  zx::process process;
  zx::vmar vmar;
  REQUIRE_OK(zx::process::create(*zx::job::default_job(), "p", 1, 0, &process, &vmar));
  zx::thread thread;
  REQUIRE_OK(zx::thread::create(process, "t", 1, 0, &thread));
  CHECK(zx::process::self()->is_valid());
  CHECK(zx::thread::self()->is_valid());
  CHECK_OK(process.kill());
  CHECK_OK(process.wait_one(ZX_PROCESS_TERMINATED, zx::time::infinite(), nullptr));
}

TEST_CASE("streams, pagers and BTIs work through their classes", "[library][zx]") {
  Kernel kernel;
  zx::vmo vmo;
  REQUIRE_OK(zx::vmo::create(kPage, 0, &vmo));
  zx::stream stream;
  REQUIRE_OK(zx::stream::create(ZX_STREAM_MODE_READ | ZX_STREAM_MODE_WRITE, vmo, 0, &stream));
  std::array<char, 3> bytes{'a', 'b', 'c'};
  const zx_iovec_t vector{bytes.data(), bytes.size()};
  size_t actual = 0;
  CHECK_OK(stream.writev(0, &vector, 1, &actual));
  zx_off_t at = 0;
  CHECK_OK(stream.seek(ZX_STREAM_SEEK_ORIGIN_CURRENT, 0, &at));
  CHECK(at == 3);
  CHECK(kernel.pages_used() == 1);
  zx::pager pager;
  CHECK_OK(zx::pager::create(0, &pager));
  const zx::resource root(kernel.root_resource());
  zx::iommu iommu;
  const zx_iommu_desc_dummy_t dummy{};
  REQUIRE_OK(zx::iommu::create(root, ZX_IOMMU_TYPE_DUMMY, &dummy, sizeof(dummy), &iommu));
  zx::bti bti;
  REQUIRE_OK(zx::bti::create(iommu, 0, 1, &bti));
  zx_paddr_t address = 0;
  zx::pmt pmt;
  REQUIRE_OK(bti.pin(ZX_BTI_PERM_READ, vmo, 0, kPage, &address, 1, &pmt));
  CHECK_OK(pmt.unpin());
  CHECK_OK(bti.release_quarantine());
}

TEST_CASE("times and durations don't mix, and saturate", "[library][zx]") {
  static_assert(zx::sec(1) == zx::msec(1000));
  static_assert(zx::time(5) + zx::nsec(3) == zx::time(8));
  static_assert(zx::time(5) - zx::time(2) == zx::nsec(3));
  static_assert(zx::time::infinite() + zx::sec(1) == zx::time::infinite());
  static_assert(zx::hour(2).to_mins() == 120);
  static_assert((zx::sec(3) / 2).to_msecs() == 1500);
  static_assert(!std::is_convertible_v<zx::duration, zx::time>);
  KernelOptions options;
  options.virtual_time = true;
  Kernel kernel(options);
  const zx::time begin = zx::clock::get_monotonic();
  CHECK_OK(zx::nanosleep(begin + zx::sec(5)));
  CHECK(zx::clock::get_monotonic() - begin == zx::sec(5));
}

}  // namespace
}  // namespace zirconia::testing
