// Peers that mean no good, on either side.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

#include "test/platform/memory_rig.h"
#include "test/platform/scratch.h"

namespace zirconia::platform {
namespace {

using Catch::Matchers::Contains;
using std::chrono::milliseconds;
using Rig = MemoryRig;

void SendByHand(int socket, std::string bytes, const std::vector<int>& fds) {
  iovec part{bytes.data(), bytes.size()};
  std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
  }
  (void)sendmsg(socket, &message, MSG_NOSIGNAL);
}

// A peer that talks to the server by hand.
class RawPeer {
 public:
  explicit RawPeer(const std::string& path) : fd_(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    const auto address = SocketAddressOf(path);
    REQUIRE(address.ok());
    REQUIRE(connect(fd_, address->get(), SocketAddress::kLength) == 0);
  }
  ~RawPeer() { close(fd_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void Send(const PacketHeader& header, const std::string& body, const std::vector<int>& fds = {}) const {
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
    SendBytes(bytes + body, fds);
  }
  void SendBytes(std::string bytes, const std::vector<int>& fds = {}) const { SendByHand(fd_, std::move(bytes), fds); }
  void SayHello() const {
    const HelloBody hello{MemoryAccess::kNone};
    PacketHeader header;
    header.length = sizeof(hello);
    Send(header, std::string(reinterpret_cast<const char*>(&hello), sizeof(hello)));
  }
  // Why the server hangs up: the text of its refusal; or "" if it hangs up without a word.
  std::string Farewell() const {
    std::string last;
    std::array<char, 65536> buffer{};
    while (true) {
      const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
      if (n < 0 && errno == ECONNRESET) continue;
      if (n <= 0) return last;
      PacketHeader header;
      std::memcpy(&header, buffer.data(), sizeof(header));
      if (header.kind == PacketKind::kRefusal)
        last = std::string(&buffer[sizeof(header)], static_cast<size_t>(n) - sizeof(header));
    }
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

TEST_CASE("Hostile peers are refused, nothing leaks, and others are served on") {
  Rig rig;
  rig.options.patience = milliseconds(200);
  rig.Start();
  REQUIRE(rig.Connect().ok());
  const size_t before = test::OpenDescriptors();
  const std::vector<int> three{0, 1, 2};
  const std::vector<int> many(200, 0);
  HelloBody greedy{static_cast<MemoryAccess>(77)};
  const std::string greedy_bytes(reinterpret_cast<const char*>(&greedy), sizeof(greedy));
  PacketHeader good;
  good.length = sizeof(HelloBody);
  const auto with = [&](auto change) {
    PacketHeader header = good;
    change(header);
    return header;
  };
  for (int round = 0; round < 3; ++round) {
    {
      const RawPeer peer(rig.options.path);
      peer.Send(with([](PacketHeader& h) { h.version = 2; }), greedy_bytes);
      CHECK_THAT(peer.Farewell(), Contains("version 2"));
    }
    {
      const RawPeer peer(rig.options.path);
      peer.Send(with([](PacketHeader& h) { h.magic = 1; }), greedy_bytes);
      CHECK_THAT(peer.Farewell(), Contains("isn't a peer"));
    }
    {
      const RawPeer peer(rig.options.path);
      peer.Send(good, greedy_bytes);
      CHECK_THAT(peer.Farewell(), Contains("isn't given"));
    }
    {
      const RawPeer peer(rig.options.path);
      peer.Send(good, greedy_bytes, {0});
      CHECK_THAT(peer.Farewell(), Contains("descriptors aren't taken"));
    }
    {
      const RawPeer peer(rig.options.path);
      peer.Send(good, greedy_bytes, three);
      CHECK_THAT(peer.Farewell(), Contains("more than one descriptor"));
    }
    {
      const RawPeer peer(rig.options.path);
      peer.Send(good, greedy_bytes, many);
      CHECK_THAT(peer.Farewell(), Contains("cut off"));
    }
    {
      const RawPeer peer(rig.options.path);
      peer.SendBytes("short");
      CHECK_THAT(peer.Farewell(), Contains("without a header"));
    }
    {
      const RawPeer peer(rig.options.path);
      peer.SendBytes(std::string(100000, 'z'));
      CHECK_THAT(peer.Farewell(), Contains("too long"));
    }
    {
      const RawPeer peer(rig.options.path);
      peer.Send(with([](PacketHeader& h) { h.length = 2; }), greedy_bytes);
      CHECK_THAT(peer.Farewell(), Contains("contradict"));
    }
    {
      const RawPeer peer(rig.options.path);
      peer.Send(with([](PacketHeader& h) { h.kind = PacketKind::kRequest; }), greedy_bytes);
      CHECK_THAT(peer.Farewell(), Contains("out of place"));
    }
    {
      const RawPeer peer(rig.options.path);  // says nothing
      CHECK(peer.Farewell().empty());
    }
    {
      const RawPeer peer(rig.options.path);
      peer.SayHello();
      peer.SayHello();
      CHECK_THAT(peer.Farewell(), Contains("out of place"));
    }
    {
      // Asks and never reads: the answer doesn't fit the socket.
      const RawPeer peer(rig.options.path);
      peer.SayHello();
      peer.Send(with([](PacketHeader& h) {
                  h.kind = PacketKind::kRequest;
                  h.length = 4;
                }),
                "long");
      std::this_thread::sleep_for(milliseconds(20));
      auto other = rig.Connect();
      REQUIRE(other.ok());
      CHECK((*other)->Call("still there?")->body == "echo still there?");
    }
    {
      // Dies in the middle.
      const int died = test::InChild([&] {
        const RawPeer peer(rig.options.path);
        peer.SayHello();
        kill(getpid(), SIGKILL);
        return 0;
      });
      CHECK(died == -SIGKILL);
    }
  }
  auto last = rig.Connect();
  REQUIRE(last.ok());
  CHECK((*last)->Call("well?")->body == "echo well?");
  last->reset();
  // The server's own ends go as soon as it has noticed.
  for (int i = 0; i < 200 && test::OpenDescriptors() > before; ++i) std::this_thread::sleep_for(milliseconds(10));
  CHECK(test::OpenDescriptors() <= before);
}

TEST_CASE("There is an end to how many may be attached, and room again when one goes") {
  Rig rig;
  rig.options.most_peers = 2;
  rig.Start();
  auto first = rig.Connect();
  auto second = rig.Connect();
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  const absl::Status third = rig.Connect().status();
  CHECK(third.code() == absl::StatusCode::kResourceExhausted);
  first->reset();
  absl::Status again;
  for (int i = 0; i < 200; ++i) {
    again = rig.Connect().status();
    if (again.ok()) break;
    std::this_thread::sleep_for(milliseconds(5));
  }
  CHECK(again.ok());
}

TEST_CASE("A peer whose request had to wait for another's isn't taken for a silent one") {
  Rig rig;
  rig.options.patience = milliseconds(1000);
  std::atomic<bool> busy{false};
  rig.options.handler = [&](std::string_view request) -> absl::StatusOr<MemoryReply> {
    if (request == "slow") {
      busy = true;
      std::this_thread::sleep_for(milliseconds(1500));
    }
    return MemoryReply{std::string(request), {}};
  };
  rig.Start();
  const auto first = rig.Connect(MemoryAccess::kNone);
  const auto second = rig.Connect(MemoryAccess::kNone);
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  std::thread keeps_it_busy([&] { (void)(*first)->Call("slow"); });
  while (!busy) std::this_thread::sleep_for(milliseconds(1));
  const auto answer = (*second)->Call("me too");
  keeps_it_busy.join();
  REQUIRE(answer.ok());
  CHECK(answer->body == "me too");
}

TEST_CASE("A server that is out of descriptors waits until there are some") {
  Rig rig;
  rig.Start();
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const RawPeer peer(rig.options.path);
  const int mine = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  rlimit none = limit;
  none.rlim_cur = 3;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto address = SocketAddressOf(rig.options.path);
  const bool connected = connect(mine, address->get(), SocketAddress::kLength) == 0;
  std::this_thread::sleep_for(milliseconds(50));
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(connected);
  close(mine);
  CHECK(rig.Connect().ok());
}

// A server by hand: answers the first packet of each connection as told.
class RawServer {
 public:
  explicit RawServer(std::string path)
      : path_(std::move(path)), fd_(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    const auto address = SocketAddressOf(path_);
    REQUIRE(bind(fd_, address->get(), SocketAddress::kLength) == 0);
    REQUIRE(listen(fd_, 4) == 0);
  }
  ~RawServer() { close(fd_); }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  // What a client says of a server that answers so.
  absl::Status Meet(const PacketHeader& header, const std::string& body, const std::vector<int>& fds,
                    bool silent = false) {
    absl::Status status;
    std::thread client([&] {
      LinuxHost host;
      MemoryClient::Options options;
      options.path = path_;
      options.patience = milliseconds(silent ? 100 : 5000);
      status = MemoryClient::Connect(host, options).status();
    });
    const int connection = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    std::array<char, 256> hello{};
    (void)recv(connection, hello.data(), hello.size(), 0);
    if (!silent) {
      std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
      bytes += body;
      SendByHand(connection, std::move(bytes), fds);
    }
    if (!silent) close(connection);
    client.join();
    if (silent) close(connection);
    return status;
  }

 private:
  std::string path_;
  int fd_;
};

TEST_CASE("Servers that don't keep to the protocol are refused by the client, and nothing leaks") {
  const test::ScratchDirectory directory;
  RawServer server(directory.path() + "/socket");
  PacketHeader header;
  header.kind = PacketKind::kWelcome;
  header.id = 1;
  header.length = sizeof(WelcomeBody);
  WelcomeBody welcome;
  welcome.size = mm::kPageSize;
  welcome.granted = MemoryAccess::kRead;
  const auto bytes = [](const WelcomeBody& w) { return std::string(reinterpret_cast<const char*>(&w), sizeof(w)); };
  const test::OpenFile page(memfd_create("page", MFD_CLOEXEC));
  REQUIRE(ftruncate(page.fd(), mm::kPageSize) == 0);
  const size_t before = test::OpenDescriptors();
  CHECK(server.Meet(header, bytes(welcome), {page.fd()}).ok());

  const auto code = [&](const PacketHeader& h, const std::string& body, const std::vector<int>& fds) {
    return server.Meet(h, body, fds).code();
  };
  constexpr auto kBad = absl::StatusCode::kInvalidArgument;
  CHECK(code(header, bytes(welcome), {}) == kBad);
  CHECK(code(header, bytes(welcome), {page.fd(), page.fd()}) == kBad);
  CHECK(code(header, bytes(welcome), std::vector<int>(50, page.fd())) == kBad);
  CHECK(code(header, bytes(welcome).append(1, 'x'), {page.fd()}) == kBad);
  CHECK(code(header, "", {page.fd()}) == kBad);
  WelcomeBody generous = welcome;
  generous.granted = MemoryAccess::kReadWrite;
  CHECK(code(header, bytes(generous), {page.fd()}) == kBad);
  WelcomeBody other = welcome;
  other.size *= 2;
  CHECK(code(header, bytes(other), {page.fd()}) == kBad);
  PacketHeader bad = header;
  bad.version = 9;
  CHECK(code(bad, bytes(welcome), {page.fd()}) == kBad);
  bad = header;
  bad.id = 5;
  CHECK(code(bad, bytes(welcome), {page.fd()}) == kBad);
  bad = header;
  bad.length = uint64_t{1} << 60;
  CHECK(code(bad, bytes(welcome), {page.fd()}) == kBad);
  bad = header;
  bad.length *= 2;  // and then the server is gone
  CHECK(code(bad, bytes(welcome), {page.fd()}) == absl::StatusCode::kAborted);
  bad = header;
  bad.kind = PacketKind::kRefusal;
  bad.code = 9999;
  bad.length = 2;
  CHECK(code(bad, "no", {}) == absl::StatusCode::kUnknown);
  CHECK(server.Meet(header, "", {}, /*silent=*/true).code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(test::OpenDescriptors() == before);
}

}  // namespace
}  // namespace zirconia::platform
