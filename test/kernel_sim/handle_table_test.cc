#include "kernel_sim/handle_table.h"

#include <catch2/catch.hpp>
#include <set>

#include "kernel_sim/channel.h"
#include "kernel_sim/event.h"

namespace zirconia::kernel {
namespace {

std::shared_ptr<EventDispatcher> NewEvent() {
  static KoidAllocator koids;
  return std::make_shared<EventDispatcher>(koids);
}

TEST_CASE("a handle names its object and its rights until it is closed", "[handles]") {
  HandleTable table;
  const auto event = NewEvent();
  const zx_handle_t value = table.Add(Handle(event, ZX_RIGHT_WAIT));
  CHECK((value & 3) == 3);
  std::shared_ptr<EventDispatcher> found;
  zx_rights_t rights = 0;
  REQUIRE(table.Get(value, ZX_RIGHT_WAIT, &found, &rights) == ZX_OK);
  CHECK(found == event);
  CHECK(rights == ZX_RIGHT_WAIT);
  CHECK(event->handle_count() == 1);
  table.Remove(value).Close();
  CHECK(table.Get(value, 0, &found) == ZX_ERR_BAD_HANDLE);
  CHECK(event->handle_count() == 0);
}

TEST_CASE("errors of a look-up come in the order bad handle, wrong type, missing right", "[handles]") {
  HandleTable table;
  const zx_handle_t value = table.Add(Handle(NewEvent(), 0));
  std::shared_ptr<ChannelDispatcher> channel;
  std::shared_ptr<EventDispatcher> event;
  CHECK(table.Get(value + 4, ZX_RIGHT_READ, &channel) == ZX_ERR_BAD_HANDLE);
  CHECK(table.Get(value, ZX_RIGHT_READ, &channel) == ZX_ERR_WRONG_TYPE);
  CHECK(table.Get(value, ZX_RIGHT_READ, &event) == ZX_ERR_ACCESS_DENIED);
}

TEST_CASE("a handle is duplicated with the same rights or fewer, if it may be", "[handles]") {
  HandleTable table;
  const auto event = NewEvent();
  const zx_handle_t value = table.Add(Handle(event, ZX_RIGHT_DUPLICATE | ZX_RIGHT_WAIT));
  Handle copy;
  REQUIRE(table.Duplicate(value, ZX_RIGHT_SAME_RIGHTS, &copy) == ZX_OK);
  CHECK(copy.rights() == (ZX_RIGHT_DUPLICATE | ZX_RIGHT_WAIT));
  CHECK(event->handle_count() == 2);
  REQUIRE(table.Duplicate(value, ZX_RIGHT_WAIT, &copy) == ZX_OK);
  CHECK(copy.rights() == ZX_RIGHT_WAIT);
  CHECK(event->handle_count() == 2);
  const zx_handle_t second = table.Add(std::move(copy));
  CHECK(table.Duplicate(second, ZX_RIGHT_SAME_RIGHTS, &copy) == ZX_ERR_ACCESS_DENIED);
  CHECK(table.Duplicate(value, ZX_RIGHT_WRITE, &copy) == ZX_ERR_INVALID_ARGS);
  CHECK(table.Duplicate(value + 4096, ZX_RIGHT_WAIT, &copy) == ZX_ERR_BAD_HANDLE);
  CHECK(event->handle_count() == 2);
}

TEST_CASE("a stale handle value isn't taken for the handle that came into its place", "[handles]") {
  HandleTable table;
  std::set<zx_handle_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const zx_handle_t value = table.Add(Handle(NewEvent(), 0));
    CHECK(seen.insert(value).second);
    table.Remove(value).Close();
  }
  std::shared_ptr<EventDispatcher> event;
  const zx_handle_t now = table.Add(Handle(NewEvent(), 0));
  for (const zx_handle_t old : seen) {
    if (old != now) REQUIRE(table.Get(old, 0, &event) == ZX_ERR_BAD_HANDLE);
  }
}

TEST_CASE("a reserved value can't be used before its handle is installed", "[handles]") {
  HandleTable table;
  const zx_handle_t value = table.Reserve();
  std::shared_ptr<EventDispatcher> event;
  CHECK(table.Get(value, 0, &event) == ZX_ERR_BAD_HANDLE);
  CHECK_FALSE(table.Remove(value));
  table.Install(value, Handle(NewEvent(), 0));
  CHECK(table.Get(value, 0, &event) == ZX_OK);
}

TEST_CASE("a full table refuses and loses nothing", "[handles]") {
  HandleTable table(2);
  const auto event = NewEvent();
  const zx_handle_t a = table.Add(Handle(event, 0));
  const zx_handle_t b = table.Add(Handle(event, 0));
  CHECK(table.Add(Handle(event, 0)) == ZX_HANDLE_INVALID);
  CHECK(event->handle_count() == 2);
  table.Remove(a).Close();
  CHECK(table.Add(Handle(event, 0)) != ZX_HANDLE_INVALID);
  std::shared_ptr<EventDispatcher> found;
  CHECK(table.Get(b, 0, &found) == ZX_OK);
}

TEST_CASE("several handles are removed all or none", "[handles]") {
  HandleTable table;
  const auto event = NewEvent();
  const zx_handle_t a = table.Add(Handle(event, 0));
  const zx_handle_t b = table.Add(Handle(event, 0));
  std::vector<Handle> out;
  CHECK(table.RemoveMany(std::vector<zx_handle_t>{a, b, a}, &out) == ZX_ERR_BAD_HANDLE);
  CHECK(table.RemoveMany(std::vector<zx_handle_t>{a, 0x13}, &out) == ZX_ERR_BAD_HANDLE);
  CHECK(out.empty());
  CHECK(table.size() == 2);
  CHECK(table.RemoveMany(std::vector<zx_handle_t>{a, b}, &out) == ZX_OK);
  CHECK(out.size() == 2);
  CHECK(table.size() == 0);
}

TEST_CASE("a cleared table closes everything and takes nothing more", "[handles]") {
  HandleTable table;
  const auto event = NewEvent();
  table.Add(Handle(event, 0));
  const zx_handle_t reserved = table.Reserve();
  table.Clear();
  CHECK(event->handle_count() == 0);
  table.Install(reserved, Handle(event, 0));
  CHECK(event->handle_count() == 0);
  CHECK(table.Add(Handle(event, 0)) == ZX_HANDLE_INVALID);
}

}  // namespace
}  // namespace zirconia::kernel
