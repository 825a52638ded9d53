#include "kernel_sim/channel.h"

#include <catch2/catch.hpp>

#include "kernel_sim/event.h"

namespace zirconia::kernel {
namespace {

KoidAllocator koids;

ChannelMessage Text(const std::string& text) {
  ChannelMessage message;
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  message.bytes.assign(bytes, bytes + text.size());
  return message;
}

struct Ends {
  Handle a;
  Handle b;
  std::shared_ptr<ChannelDispatcher> left;
  std::shared_ptr<ChannelDispatcher> right;
  Ends() {
    std::tie(left, right) = ChannelDispatcher::Create(koids);
    a = Handle(left, left->default_rights());
    b = Handle(right, right->default_rights());
  }
};

TEST_CASE("messages arrive at the other end, whole and in order", "[channel]") {
  Ends ends;
  CHECK(ends.left->Write(Text("one")) == ZX_OK);
  CHECK(ends.left->Write(Text("three")) == ZX_OK);
  CHECK((ends.right->signals() & ZX_CHANNEL_READABLE) != 0);
  ChannelMessage message;
  uint32_t bytes = 0;
  uint32_t handles = 0;
  CHECK(ends.right->Read(3, 0, false, &message, &bytes, &handles) == ZX_OK);
  CHECK(message.bytes.size() == 3);
  CHECK(ends.right->Read(4, 0, false, &message, &bytes, &handles) == ZX_ERR_BUFFER_TOO_SMALL);
  CHECK(bytes == 5);
  CHECK(ends.right->Read(5, 0, false, &message, &bytes, &handles) == ZX_OK);
  CHECK(message.bytes.size() == 5);
  CHECK((ends.right->signals() & ZX_CHANNEL_READABLE) == 0);
  CHECK(ends.right->Read(5, 0, false, &message, &bytes, &handles) == ZX_ERR_SHOULD_WAIT);
}

TEST_CASE("a message that doesn't fit is dropped only if the reader permits it", "[channel]") {
  Ends ends;
  REQUIRE(ends.left->Write(Text("long")) == ZX_OK);
  ChannelMessage message;
  uint32_t bytes = 0;
  uint32_t handles = 0;
  CHECK(ends.right->Read(0, 0, true, &message, &bytes, &handles) == ZX_ERR_BUFFER_TOO_SMALL);
  CHECK(ends.right->Read(9, 0, false, &message, &bytes, &handles) == ZX_ERR_SHOULD_WAIT);
}

TEST_CASE("what was written before an end closed can still be read", "[channel]") {
  Ends ends;
  REQUIRE(ends.left->Write(Text("last words")) == ZX_OK);
  ends.a.Close();
  CHECK((ends.right->signals() & ZX_CHANNEL_PEER_CLOSED) != 0);
  CHECK((ends.right->signals() & ZX_CHANNEL_WRITABLE) == 0);
  ChannelMessage message;
  uint32_t bytes = 0;
  uint32_t handles = 0;
  CHECK(ends.right->Read(99, 0, false, &message, &bytes, &handles) == ZX_OK);
  CHECK(ends.right->Read(99, 0, false, &message, &bytes, &handles) == ZX_ERR_PEER_CLOSED);
  CHECK(ends.right->Write(Text("hello?")) == ZX_ERR_PEER_CLOSED);
}

TEST_CASE("handles in unread messages are closed with the channel", "[channel]") {
  Ends ends;
  const auto event = std::make_shared<EventDispatcher>(koids);
  ChannelMessage message;
  message.handles.emplace_back(event, 0);
  const zx_status_t written = ends.left->Write(std::move(message));
  REQUIRE(written == ZX_OK);
  CHECK(event->handle_count() == 1);
  ends.b.Close();
  CHECK(event->handle_count() == 0);
}

TEST_CASE("ten thousand channels, each in a message in the next, close without running out of stack", "[channel]") {
  Handle outer;
  std::weak_ptr<ChannelDispatcher> innermost;
  for (int i = 0; i < 10000; ++i) {
    auto [left, right] = ChannelDispatcher::Create(koids);
    if (i == 0) innermost = right;
    const Handle left_handle(left, left->default_rights());
    Handle right_handle(right, right->default_rights());
    ChannelMessage message;
    if (outer) message.handles.push_back(std::move(outer));
    const zx_status_t written = left->Write(std::move(message));
    REQUIRE(written == ZX_OK);
    outer = std::move(right_handle);
  }
  CHECK_FALSE(innermost.expired());
  outer.Close();
  CHECK(innermost.expired());
}

TEST_CASE("a writer that nobody reads is stopped, not the machine", "[channel]") {
  Ends ends;
  zx_status_t status = ZX_OK;
  for (size_t i = 0; i <= ChannelDispatcher::kMaxPending && status == ZX_OK; ++i) status = ends.left->Write(Text("x"));
  CHECK(status == ZX_ERR_SHOULD_WAIT);
}

}  // namespace
}  // namespace zirconia::kernel
