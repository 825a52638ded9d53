// zx_channel_call, zx_channel_call_etc.
#include <set>

#include "kernel_sim/channel.h"
#include "kernel_sim/library/library_thread.h"
#include "test/kernel_sim/channel_fixture.h"

namespace zirconia {
namespace {

TEST_CASE_METHOD(ChannelTest, "a call sends its request under an id of the kernel's, and gets what comes back under it",
                 "[channel]") {
  const auto call = Begin({client, "ping"});
  const std::string request = Receive(server);
  CHECK(WithoutId(request) == "ping");
  CHECK(IdOf(request) >= 0x80000000);
  CHECK_FALSE(call->actor.done());
  REQUIRE(Send(server, WithId(IdOf(request), "pong!")) == ZX_OK);
  CHECK(call->actor.Get() == ZX_OK);
  CHECK(call->call.reply == WithId(IdOf(request), "pong!"));
  CHECK(call->call.actual_bytes == 9);
  CHECK(call->call.actual_handles == 0);
  CHECK_FALSE(HasMessage(client));
}

TEST_CASE_METHOD(ChannelTest, "what comes under other ids while a call waits goes to the queue", "[channel]") {
  const auto call = Begin({client, "x"});
  const zx_txid_t id = IdOf(Receive(server));
  REQUIRE(Send(server, WithId(id + 1, "other")) == ZX_OK);
  REQUIRE(Send(server, "ab") == ZX_OK);  // too short for an id
  REQUIRE(Send(server, "") == ZX_OK);
  REQUIRE(Send(server, WithId(id, "reply")) == ZX_OK);
  REQUIRE(Send(server, WithId(id, "again")) == ZX_OK);  // nobody waits any more
  CHECK(call->actor.Get() == ZX_OK);
  CHECK(WithoutId(call->call.reply) == "reply");
  CHECK(Receive(client) == WithId(id + 1, "other"));
  CHECK(Receive(client) == "ab");
  CHECK(Receive(client).empty());
  CHECK(Receive(client) == WithId(id, "again"));
  CHECK_FALSE(HasMessage(client));
}

TEST_CASE_METHOD(ChannelTest, "a call doesn't look at what its end's queue holds", "[channel]") {
  REQUIRE(Send(server, WithId(0x80000001, "early")) == ZX_OK);
  const auto call = Begin({client, "x"});
  const zx_txid_t id = IdOf(Receive(server));
  REQUIRE(Send(server, WithId(id, "reply")) == ZX_OK);
  CHECK(call->actor.Get() == ZX_OK);
  CHECK(WithoutId(call->call.reply) == "reply");
  CHECK(WithoutId(Receive(client)) == "early");
}

TEST_CASE_METHOD(ChannelTest, "several threads call at once, and each gets its own reply, in whatever order",
                 "[channel]") {
  std::vector<std::unique_ptr<CallingThread>> calls;
  std::vector<std::string> requests;
  std::set<zx_txid_t> ids;
  for (const char* text : {"a", "b", "c"}) {
    calls.push_back(Begin({client, text}));
    requests.push_back(Receive(server));
    ids.insert(IdOf(requests.back()));
  }
  CHECK(ids.size() == 3);
  for (const size_t i : {2, 0, 1}) REQUIRE(Send(server, requests[i] + "!") == ZX_OK);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(calls[i]->actor.Get() == ZX_OK);
    CHECK(calls[i]->call.reply == requests[i] + "!");
  }
}

TEST_CASE_METHOD(ChannelTest, "calls of both ends at once aren't taken for replies to one another", "[channel]") {
  const auto one = Begin({client, "one"});
  const auto two = Begin({server, "two"});
  const std::string to_server = Receive(server);
  const std::string to_client = Receive(client);
  CHECK(WithoutId(to_server) == "one");
  CHECK(WithoutId(to_client) == "two");
  REQUIRE(Send(server, to_server + "!") == ZX_OK);
  REQUIRE(Send(client, to_client + "?") == ZX_OK);
  CHECK(one->actor.Get() == ZX_OK);
  CHECK(two->actor.Get() == ZX_OK);
  CHECK(WithoutId(one->call.reply) == "one!");
  CHECK(WithoutId(two->call.reply) == "two?");
}

TEST_CASE_METHOD(ChannelTest, "an id that a call waits for isn't given again, also when all have been used",
                 "[channel]") {
  std::shared_ptr<kernel::ChannelDispatcher> object;
  REQUIRE(kernel::Attachment::Current().process().handles().Get(client, 0, &object) == ZX_OK);
  object->SetLastCallId(0xfffffffe);
  const auto last = Begin({client, "last"});
  CHECK(IdOf(Receive(server)) == 0xffffffff);
  const auto first = Begin({client, "first"});
  CHECK(IdOf(Receive(server)) == 0x80000000);
  object->SetLastCallId(0xfffffffe);
  const auto next = Begin({client, "next"});
  CHECK(IdOf(Receive(server)) == 0x80000001);
  object->SetLastCallId(0xfffffffe);
  const auto other = Begin({server, "of the other end"});
  CHECK(IdOf(Receive(client)) == 0x80000002);
  Close(server);  // CANCELED, PEER_CLOSED
}

TEST_CASE("a call ends at its deadline, and a later reply goes to the queue", "[channel]") {
  testing::KernelOptions options = OnEitherPageTable();
  options.virtual_time = true;
  testing::Kernel kernel(options);
  zx_handle_t client = ZX_HANDLE_INVALID;
  zx_handle_t server = ZX_HANDLE_INVALID;
  REQUIRE(zx_channel_create(0, &client, &server) == ZX_OK);
  const zx_time_t begin = kernel.Now();
  for (const zx_time_t deadline : {begin + ZX_HOUR(1), zx_time_t{0}}) {
    CHECK(ChannelCall{client, "x", deadline}.Make() == ZX_ERR_TIMED_OUT);
    CHECK(kernel.Now() == begin + ZX_HOUR(1));
    const std::string request = ChannelTest::Receive(server);
    CHECK_FALSE(ChannelTest::HasMessage(client));
    REQUIRE(ChannelTest::Send(server, request) == ZX_OK);
    CHECK(ChannelTest::Receive(client) == request);
  }
  // While somebody can answer, time stands still.
  zx_status_t served = ZX_OK;
  std::thread answering([&] {
    const testing::Kernel::Use use(kernel);
    std::array<char, 16> message{};
    uint32_t bytes = 0;
    served = zx_object_wait_one(server, ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, nullptr);
    if (served == ZX_OK) served = zx_channel_read(server, 0, message.data(), nullptr, 16, 0, &bytes, nullptr);
    if (served == ZX_OK) served = zx_nanosleep(zx_deadline_after(ZX_SEC(5)));
    if (served == ZX_OK) served = zx_channel_write(server, 0, message.data(), bytes, nullptr, 0);
  });
  const zx_time_t before = kernel.Now();
  ChannelCall call{client, "y", ZX_TIME_INFINITE};
  CHECK(call.Make() == ZX_OK);
  CHECK(WithoutId(call.reply) == "y");
  CHECK(kernel.Now() == before + ZX_SEC(5));
  const testing::Kernel::Away away(kernel);
  answering.join();
  CHECK(served == ZX_OK);
}

TEST_CASE_METHOD(ChannelTest, "a call whose peer is closed, or closes while it waits, is told", "[channel]") {
  const auto one = Begin({client, "one"});
  const auto two = Begin({client, "two"});
  Close(server);
  for (const auto* call : {&one, &two}) CHECK((*call)->actor.Get() == ZX_ERR_PEER_CLOSED);
  const uint32_t before = VmoHandles();
  CHECK(ChannelCall{client, "x", ZX_TIME_INFINITE, {MakeVmo(kPage)}}.Make() == ZX_ERR_PEER_CLOSED);
  CHECK(VmoHandles() == before);
}

TEST_CASE_METHOD(ChannelTest, "a reply that came before the peer closed counts", "[channel]") {
  const auto call = Begin({client, "x"});
  REQUIRE(Send(server, Receive(server)) == ZX_OK);
  Close(server);
  CHECK(call->actor.Get() == ZX_OK);
}

TEST_CASE_METHOD(ChannelTest, "a call whose handle is closed while it waits is cancelled", "[channel]") {
  const auto call = Begin({client, "x"});
  Close(client);
  CHECK(call->actor.Get() == ZX_ERR_CANCELED);
  CHECK(zx_object_wait_one(server, ZX_CHANNEL_PEER_CLOSED, 0, nullptr) == ZX_OK);
}

TEST_CASE_METHOD(ChannelTest, "a call goes on when its end is sent elsewhere, and is cancelled when it closes there",
                 "[channel]") {
  zx_handle_t a = ZX_HANDLE_INVALID;
  zx_handle_t b = ZX_HANDLE_INVALID;
  REQUIRE(zx_channel_create(0, &a, &b) == ZX_OK);
  const auto one = Begin({client, "one"});
  const auto two = Begin({client, "two"});
  REQUIRE(Send(a, "", {client}) == ZX_OK);
  REQUIRE(Send(server, Receive(server)) == ZX_OK);
  CHECK(one->actor.Get() == ZX_OK);
  CHECK_FALSE(two->actor.done());
  Close(b);
  CHECK(two->actor.Get() == ZX_ERR_CANCELED);
}

TEST_CASE_METHOD(ChannelTest, "a thread that waits for a reply can be killed", "[channel]") {
  testing::Process other(kernel);
  // Channels can't be duplicated: it gets its end in a message.
  zx_handle_t to_give = ZX_HANDLE_INVALID;
  zx_handle_t kept = ZX_HANDLE_INVALID;
  const zx_handle_t process = other.MakeHandle();
  std::atomic<zx_handle_t> theirs{ZX_HANDLE_INVALID};
  std::atomic<bool> ended{false};
  {
    const testing::Process::Enter enter(other);
    REQUIRE(zx_channel_create(0, &to_give, &kept) == ZX_OK);
    theirs = to_give;
  }
  std::thread caller([&] {
    try {
      const testing::Process::Enter enter(other);
      (void)ChannelCall{theirs, "x"}.Make();
    } catch (const testing::ProcessExited&) {
      ended = true;
    }
  });
  {
    const testing::Process::Enter enter(other);
    CHECK(WithoutId(Receive(kept)) == "x");
  }
  CHECK(zx_task_kill(process) == ZX_OK);
  caller.join();
  CHECK(ended);
}

TEST_CASE_METHOD(ChannelTest, "a reply that doesn't fit is discarded with its handles, and its sizes are told",
                 "[channel]") {
  const uint32_t before = VmoHandles();
  const bool handles = GENERATE(false, true);
  ChannelCall made{client, "x"};
  made.room = handles ? 64 : 8;
  made.handle_room = handles ? 1 : 4;
  const auto call = Begin(made);
  const zx_txid_t id = IdOf(Receive(server));
  REQUIRE(Send(server, WithId(id, "12345"), {MakeVmo(kPage), MakeVmo(kPage)}) == ZX_OK);
  CHECK(call->actor.Get() == ZX_ERR_BUFFER_TOO_SMALL);
  CHECK(call->call.actual_bytes == 9);
  CHECK(call->call.actual_handles == 2);
  CHECK(VmoHandles() == before);
  CHECK_FALSE(HasMessage(client));
}

TEST_CASE_METHOD(ChannelTest, "handles travel with requests and replies", "[channel]") {
  const zx_handle_t vmo = MakeVmo(kPage);
  const zx_koid_t koid = KoidOf(vmo);
  const auto call = Begin({client, "x", ZX_TIME_INFINITE, {vmo}});
  CHECK_FALSE(IsOpen(vmo));
  std::vector<zx_handle_info_t> got;
  const std::string request = Receive(server, &got);
  REQUIRE(got.size() == 1);
  CHECK(KoidOf(got[0].handle) == koid);
  REQUIRE(Send(server, request, {got[0].handle, MakeVmo(kPage)}) == ZX_OK);
  CHECK(call->actor.Get() == ZX_OK);
  REQUIRE(call->call.got.size() == 2);
  CHECK(KoidOf(call->call.got[0]) == koid);
  CHECK(IsOpen(call->call.got[1]));
}

TEST_CASE_METHOD(ChannelTest, "channel_call_etc does with handles what write_etc and read_etc do", "[channel]") {
  const zx_handle_t moved = MakeVmo(kPage);
  const zx_handle_t kept = MakeVmo(kPage);
  std::array<zx_handle_disposition_t, 2> out{
      {{ZX_HANDLE_OP_MOVE, moved, ZX_OBJ_TYPE_VMO, ZX_RIGHT_READ | ZX_RIGHT_TRANSFER, ZX_OK},
       {ZX_HANDLE_OP_DUPLICATE, kept, ZX_OBJ_TYPE_NONE, ZX_RIGHT_SAME_RIGHTS, ZX_OK}}};
  std::array<zx_handle_info_t, 4> in{};
  std::string reply(64, '?');
  uint32_t bytes = 0;
  uint32_t handles = 0;
  Actor caller(kernel, [&] {
    const zx_channel_call_etc_args_t prepared{"\0\0\0\0text", out.data(), reply.data(), in.data(), 8, 2, 64, 4};
    zx_channel_call_etc_args_t args = prepared;
    return zx_channel_call_etc(client, 0, ZX_TIME_INFINITE, &args, &bytes, &handles);
  });
  std::vector<zx_handle_info_t> got;
  const std::string request = Receive(server, &got);
  REQUIRE(got.size() == 2);
  CHECK(got[0].rights == (ZX_RIGHT_READ | ZX_RIGHT_TRANSFER));
  CHECK(got[1].rights == ZX_DEFAULT_VMO_RIGHTS);
  CHECK_FALSE(IsOpen(moved));
  CHECK(IsOpen(kept));
  REQUIRE(Send(server, request, {got[0].handle}) == ZX_OK);
  CHECK(caller.Get() == ZX_OK);
  CHECK(bytes == 8);
  REQUIRE(handles == 1);
  CHECK(in[0].type == ZX_OBJ_TYPE_VMO);
  CHECK(in[0].rights == (ZX_RIGHT_READ | ZX_RIGHT_TRANSFER));

  // An operation that fails: nothing is sent.
  out = {{{ZX_HANDLE_OP_MOVE, in[0].handle, ZX_OBJ_TYPE_EVENT, ZX_RIGHT_SAME_RIGHTS, ZX_OK},
          {ZX_HANDLE_OP_DUPLICATE, kept, ZX_OBJ_TYPE_NONE, ZX_RIGHT_EXECUTE, ZX_OK}}};
  zx_channel_call_etc_args_t args{"\0\0\0\0text", out.data(), reply.data(), in.data(), 8, 2, 64, 4};
  CHECK(zx_channel_call_etc(client, 0, ZX_TIME_INFINITE, &args, &bytes, &handles) == ZX_ERR_WRONG_TYPE);
  CHECK(out[0].result == ZX_ERR_WRONG_TYPE);
  CHECK(out[1].result == ZX_ERR_INVALID_ARGS);
  CHECK_FALSE(HasMessage(server));
  CHECK(zx_channel_call_etc(client, 0, ZX_TIME_INFINITE, BadPointer<zx_channel_call_etc_args_t>(), &bytes, &handles) ==
        ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(ChannelTest, "a call's request may be in pieces", "[channel]") {
  std::string reply(64, '?');
  uint32_t bytes = 0;
  uint32_t handles = 0;
  Actor caller(kernel, [&] {
    const std::array<zx_channel_iovec_t, 3> pieces{{{"\0\0", 2, 0}, {nullptr, 0, 0}, {"\0\0text", 6, 0}}};
    const zx_channel_call_args_t args{pieces.data(), nullptr, reply.data(), nullptr, 3, 0, 64, 0};
    return zx_channel_call(client, ZX_CHANNEL_WRITE_USE_IOVEC, ZX_TIME_INFINITE, &args, &bytes, &handles);
  });
  const std::string request = Receive(server);
  CHECK(WithoutId(request) == "text");
  CHECK(IdOf(request) >= 0x80000000);
  REQUIRE(Send(server, request) == ZX_OK);
  CHECK(caller.Get() == ZX_OK);
  CHECK(bytes == 8);
}

// ---- Errors

struct ChannelErrorTest : ChannelTest {
  const zx_handle_t original = MakeVmo(kPage);
  const uint32_t before = VmoHandles();
  std::string reply = std::string(64, '?');
  std::array<zx_handle_t, 4> got{};
  uint32_t actual_bytes = 0;
  uint32_t actual_handles = 0;
  std::vector<zx_handle_t> sent;
  zx_channel_call_args_t args = Args();

  // A plain request with one handle.
  zx_channel_call_args_t Args() {
    sent = {Without(original, 0)};
    return {"\0\0\0\0text", sent.data(), reply.data(), got.data(), 8, 1, 64, 4};
  }
  // Calls, and checks that all handles of the request are gone, and nothing was sent. Nobody would answer.
  zx_status_t Refused(zx_handle_t channel, uint32_t options = 0) {
    const zx_status_t status =
        zx_channel_call(channel, options, ZX_TIME_INFINITE, &args, &actual_bytes, &actual_handles);
    CHECK(VmoHandles() == before);
    CHECK_FALSE(HasMessage(server));
    args = Args();
    return status;
  }
};

TEST_CASE_METHOD(ChannelErrorTest, "channel_call refuses a bad channel, and takes the handles all the same",
                 "[channel]") {
  CHECK(Refused(ZX_HANDLE_INVALID) == ZX_ERR_BAD_HANDLE);
  CHECK(Refused(3) == ZX_ERR_BAD_HANDLE);
  CHECK(Refused(original) == ZX_ERR_WRONG_TYPE);
  zx_handle_t other = ZX_HANDLE_INVALID;
  zx_handle_t peer = ZX_HANDLE_INVALID;
  REQUIRE(zx_channel_create(0, &other, &peer) == ZX_OK);
  CHECK(Refused(Reduce(other, ZX_RIGHT_READ)) == ZX_ERR_ACCESS_DENIED);
  CHECK(Refused(Reduce(peer, ZX_RIGHT_WRITE)) == ZX_ERR_ACCESS_DENIED);
  CHECK(Refused(client, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(Refused(client, ZX_CHANNEL_WRITE_USE_IOVEC | 4) == ZX_ERR_INVALID_ARGS);
  sent.clear();
  REQUIRE(zx_handle_close_many(args.wr_handles, 1) == ZX_OK);
}

TEST_CASE_METHOD(ChannelErrorTest, "channel_call refuses bad bytes, and takes the handles all the same", "[channel]") {
  for (args.wr_num_bytes = 0; args.wr_num_bytes < 4;) {
    const uint32_t size = args.wr_num_bytes;
    CHECK(Refused(client) == ZX_ERR_INVALID_ARGS);
    args.wr_num_bytes = size + 1;
  }
  args.wr_bytes = nullptr;
  CHECK(Refused(client) == ZX_ERR_INVALID_ARGS);
  args.wr_bytes = BadPointer<char>();
  CHECK(Refused(client) == ZX_ERR_INVALID_ARGS);
  args.wr_num_bytes = ZX_CHANNEL_MAX_MSG_BYTES + 1;
  CHECK(Refused(client) == ZX_ERR_OUT_OF_RANGE);

  std::vector<zx_channel_iovec_t> pieces(ZX_CHANNEL_MAX_MSG_IOVECS + 1, {"text", 4, 0});
  const auto refused = [&](uint32_t count) {
    args.wr_bytes = pieces.data();
    args.wr_num_bytes = count;
    return Refused(client, ZX_CHANNEL_WRITE_USE_IOVEC);
  };
  CHECK(refused(ZX_CHANNEL_MAX_MSG_IOVECS + 1) == ZX_ERR_OUT_OF_RANGE);
  CHECK(refused(0) == ZX_ERR_INVALID_ARGS);
  pieces[0] = {"abc", 3, 0};
  CHECK(refused(1) == ZX_ERR_INVALID_ARGS);
  pieces[1] = {"abc", 3, 1};
  CHECK(refused(2) == ZX_ERR_INVALID_ARGS);
  pieces[1] = {nullptr, 3, 0};
  CHECK(refused(2) == ZX_ERR_INVALID_ARGS);
  pieces[1] = {"abc", ZX_CHANNEL_MAX_MSG_BYTES - 2, 0};
  CHECK(refused(2) == ZX_ERR_OUT_OF_RANGE);
  args.wr_bytes = BadPointer<char>();
  CHECK(Refused(client, ZX_CHANNEL_WRITE_USE_IOVEC) == ZX_ERR_INVALID_ARGS);
  REQUIRE(zx_handle_close_many(args.wr_handles, 1) == ZX_OK);
}

TEST_CASE_METHOD(ChannelErrorTest, "channel_call refuses bad handles in its message, and takes the others",
                 "[channel]") {
  sent = {sent[0], 3};
  args.wr_handles = sent.data();
  args.wr_num_handles = 2;
  CHECK(Refused(client) == ZX_ERR_BAD_HANDLE);
  sent = {sent[0], sent[0]};
  args.wr_handles = sent.data();
  args.wr_num_handles = 2;
  CHECK(Refused(client) == ZX_ERR_BAD_HANDLE);
  sent = {sent[0], Without(original, ZX_RIGHT_TRANSFER)};
  args.wr_handles = sent.data();
  args.wr_num_handles = 2;
  CHECK(Refused(client) == ZX_ERR_ACCESS_DENIED);
  sent.resize(ZX_CHANNEL_MAX_MSG_HANDLES + 1);
  for (size_t i = 1; i < sent.size(); ++i) sent[i] = Without(original, 0);
  args.wr_handles = sent.data();
  args.wr_num_handles = static_cast<uint32_t>(sent.size());
  CHECK(Refused(client) == ZX_ERR_OUT_OF_RANGE);
  REQUIRE(zx_handle_close_many(args.wr_handles, 1) == ZX_OK);
  args.wr_handles = BadPointer<zx_handle_t>();
  CHECK(Refused(client) == ZX_ERR_INVALID_ARGS);
  sent = {sent[0], client};
  args.wr_handles = sent.data();
  args.wr_num_handles = 2;
  CHECK(Refused(client) == ZX_ERR_NOT_SUPPORTED);
  REQUIRE(zx_handle_close_many(args.wr_handles, 1) == ZX_OK);
}

TEST_CASE_METHOD(ChannelErrorTest, "channel_call refuses null for where the sizes go before it sends anything",
                 "[channel]") {
  CHECK(zx_channel_call(client, 0, ZX_TIME_INFINITE, nullptr, &actual_bytes, &actual_handles) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_channel_call(client, 0, ZX_TIME_INFINITE, &args, nullptr, &actual_handles) == ZX_ERR_INVALID_ARGS);
  CHECK(VmoHandles() == before);
  args = Args();
  CHECK(zx_channel_call(client, 0, ZX_TIME_INFINITE, &args, &actual_bytes, nullptr) == ZX_ERR_INVALID_ARGS);
  CHECK(VmoHandles() == before);
  CHECK_FALSE(HasMessage(server));
}

TEST_CASE_METHOD(ChannelErrorTest, "a reply that the caller's pointers can't take is gone with its handles",
                 "[channel]") {
  uint32_t* bytes = &actual_bytes;
  uint32_t* handles = &actual_handles;
  const int which = GENERATE(0, 1, 2, 3, 4);
  INFO(which);
  if (which == 0) bytes = BadPointer<uint32_t>();
  if (which == 1) handles = BadPointer<uint32_t>();
  if (which == 2) args.rd_bytes = BadPointer<char>();
  if (which == 3) args.rd_handles = BadPointer<zx_handle_t>();
  if (which == 4) args.rd_bytes = nullptr;
  Actor caller(kernel, [&] { return zx_channel_call(client, 0, ZX_TIME_INFINITE, &args, bytes, handles); });
  std::vector<zx_handle_info_t> in_request;
  const std::string request = Receive(server, &in_request);
  REQUIRE(Send(server, request, {in_request[0].handle}) == ZX_OK);
  CHECK(caller.Get() == ZX_ERR_INVALID_ARGS);
  CHECK(VmoHandles() == before);
  CHECK_FALSE(HasMessage(client));
}

TEST_CASE_METHOD(ChannelErrorTest, "a call into a full queue is refused; a reply to a call needs no room",
                 "[channel]") {
  const auto call = Begin({client, "x"});
  const std::string request = Receive(server);
  for (size_t i = 0; i < kernel::ChannelDispatcher::kMaxPending; ++i) REQUIRE(Send(client, "") == ZX_OK);
  CHECK(zx_channel_call(client, 0, ZX_TIME_INFINITE, &args, &actual_bytes, &actual_handles) == ZX_ERR_SHOULD_WAIT);
  CHECK(VmoHandles() == before);
  for (size_t i = 0; i < kernel::ChannelDispatcher::kMaxPending; ++i) REQUIRE(Send(server, "") == ZX_OK);
  CHECK(Send(server, "") == ZX_ERR_SHOULD_WAIT);
  CHECK(Send(server, request) == ZX_OK);
  CHECK(call->actor.Get() == ZX_OK);
}

TEST_CASE_METHOD(ChannelTest, "many calls, late and early replies, and messages beside them: none is lost or mixed up",
                 "[channel]") {
  constexpr int kCallers = 3;
  constexpr int kRounds = 300;
  std::atomic<int> timed_out{0};
  std::vector<std::unique_ptr<Actor>> callers;
  callers.reserve(kCallers);
  for (int i = 0; i < kCallers; ++i) {
    callers.push_back(std::make_unique<Actor>(kernel, [&, i] {
      for (int round = 0; round < kRounds; ++round) {
        const bool hurried = i == 0 && round % 2 == 0;
        const std::string text = std::to_string(i) + "." + std::to_string(round);
        ChannelCall call{client, text, hurried ? zx_deadline_after(ZX_USEC(30)) : ZX_TIME_INFINITE};
        const zx_status_t status = call.Make();
        if (hurried && status == ZX_ERR_TIMED_OUT) {
          ++timed_out;
        } else if (status != ZX_OK) {
          return status;
        } else if (WithoutId(call.reply) != text) {
          return ZX_ERR_IO_DATA_INTEGRITY;
        }
      }
      return ZX_OK;
    }));
  }
  // Answers two at a time, the later one first.
  constexpr int kAll = kCallers * kRounds;
  std::vector<std::string> held;
  for (int served = 0; served < kAll; ++served) {
    if (zx_object_wait_one(server, ZX_CHANNEL_READABLE, zx_deadline_after(ZX_MSEC(held.empty() ? 60'000 : 1)),
                           nullptr) == ZX_OK) {
      held.push_back(Receive(server));
    } else {
      --served;
    }
    if (held.size() == 1 && served + 1 < kAll && HasMessage(server)) continue;
    while (!held.empty()) {
      REQUIRE(Send(server, held.back()) == ZX_OK);
      held.pop_back();
    }
  }
  for (const auto& caller : callers) CHECK(caller->Get() == ZX_OK);
  int late = 0;
  for (; HasMessage(client); ++late) Receive(client);
  CHECK(late == timed_out);
  CHECK_FALSE(HasMessage(server));
}

TEST_CASE_METHOD(ChannelTest, "ends that close while calls begin, wait and are answered", "[channel]") {
  for (int round = 0; round < 100; ++round) {
    zx_handle_t a = ZX_HANDLE_INVALID;
    zx_handle_t b = ZX_HANDLE_INVALID;
    REQUIRE(zx_channel_create(0, &a, &b) == ZX_OK);
    ChannelCall call{a, "x"};
    Actor caller(kernel, [&] { return call.Make(); });
    Actor answering(kernel, [&] {
      std::array<char, 16> message{};
      while (true) {
        uint32_t bytes = 0;
        const zx_status_t s = zx_channel_read(b, 0, message.data(), nullptr, 16, 0, &bytes, nullptr);
        if (s == ZX_OK) return zx_channel_write(b, 0, message.data(), bytes, nullptr, 0);
        if (s != ZX_ERR_SHOULD_WAIT) return s;
      }
    });
    if (round % 4 < 2) std::this_thread::yield();
    Close(round % 2 == 0 ? a : b);
    const zx_status_t status = caller.Get();
    const bool expected =
        status == ZX_OK || status == ZX_ERR_BAD_HANDLE || status == ZX_ERR_CANCELED || status == ZX_ERR_PEER_CLOSED;
    CHECK(expected);
    (void)answering.Get();
    Close(round % 2 == 0 ? b : a);
  }
}

}  // namespace
}  // namespace zirconia
