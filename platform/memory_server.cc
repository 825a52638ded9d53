#include "platform/memory_server.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace zirconia::platform {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kOwnerOnly = 0600;

// Keeps every server that follows the same rule from looking at a directory's sockets while this one changes them.
absl::StatusOr<OwnedFd> LockDirectoryOf(Host& host, const std::string& path) {
  const size_t slash = path.find_last_of('/');
  const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const HostResult<int> fd = host.Open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (!fd.ok()) return absl::ErrnoToStatus(fd.error, absl::StrCat("'", directory, "'"));
  OwnedFd lock(host, fd.value);
  // Whoever has it has it for a moment; a stranger who keeps it must not keep us.
  constexpr int kMostAttempts = 200;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    const HostOutcome o = host.Flock(lock.get(), LOCK_EX | LOCK_NB);
    if (o.ok()) return lock;
    if (o.error != EWOULDBLOCK) return absl::ErrnoToStatus(o.error, absl::StrCat("locking '", directory, "'"));
    std::this_thread::sleep_for(milliseconds(10));
  }
  return absl::UnavailableError(absl::StrCat("somebody keeps '", directory, "' locked"));
}

absl::StatusOr<OwnedFd> NewSocket(Host& host) {
  const HostResult<int> fd = host.Socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (!fd.ok()) return absl::ErrnoToStatus(fd.error, "socket");
  return OwnedFd(host, fd.value);
}

bool SameFile(const FileIdentity& a, const FileIdentity& b) { return a.device == b.device && a.inode == b.inode; }

}  // namespace

absl::StatusOr<std::unique_ptr<MemoryServer>> MemoryServer::Create(BackingFile& file, Options options) {
  std::unique_ptr<MemoryServer> server(new MemoryServer(file, std::move(options)));
  if (absl::Status s = server->Listen(); !s.ok()) return s;
  // Signals are for threads that expect them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  server->thread_ = std::thread([&s = *server] { s.Serve(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return server;
}

MemoryServer::~MemoryServer() {
  stopping_ = true;
  if (thread_.joinable()) {
    (void)host_.Shutdown(socket_.get(), SHUT_RDWR);  // wakes the thread
    thread_.join();
  }
  if (name_.inode == 0) return;
  const auto lock = LockDirectoryOf(host_, options_.path);
  const HostResult<FileIdentity> there = host_.Stat(options_.path.c_str());
  if (there.ok() && SameFile(there.value, name_)) (void)host_.Unlink(options_.path.c_str());
}

absl::Status MemoryServer::Listen() {
  const auto address = SocketAddressOf(options_.path);
  if (!address.ok()) return address.status();
  const auto lock = LockDirectoryOf(host_, options_.path);
  if (!lock.ok()) return lock.status();
  auto made = NewSocket(host_);
  if (!made.ok()) return made.status();
  // Before there is a name: then nobody else ever finds it open.
  if (const HostOutcome o = host_.Fchmod(made->get(), kOwnerOnly); !o.ok()) {
    return absl::ErrnoToStatus(o.error, "fchmod of a socket");
  }
  HostOutcome bound = host_.Bind(made->get(), address->get(), SocketAddress::kLength);
  if (bound.error == EADDRINUSE) {
    absl::Status taken = absl::AlreadyExistsError(absl::StrCat("'", options_.path, "' exists"));
    const HostResult<FileIdentity> there = host_.Stat(options_.path.c_str());
    if (!there.ok() || !S_ISSOCK(there.value.mode)) return taken;
    auto knock = NewSocket(host_);
    if (!knock.ok()) return knock.status();
    const HostOutcome answer = host_.Connect(knock->get(), address->get(), SocketAddress::kLength);
    if (answer.error != ECONNREFUSED) {
      return absl::AlreadyExistsError(absl::StrCat("'", options_.path, "' is in use: somebody listens there"));
    }
    if (const HostOutcome o = host_.Unlink(options_.path.c_str()); !o.ok()) {
      return absl::ErrnoToStatus(o.error, absl::StrCat("unlink of the stale socket '", options_.path, "'"));
    }
    bound = host_.Bind(made->get(), address->get(), SocketAddress::kLength);
  }
  if (!bound.ok()) return absl::ErrnoToStatus(bound.error, absl::StrCat("'", options_.path, "'"));
  const HostResult<FileIdentity> name = host_.Stat(options_.path.c_str());
  const HostOutcome listens = name.ok() ? host_.Listen(made->get(), 16) : HostOutcome{name.error};
  if (!listens.ok()) {
    (void)host_.Unlink(options_.path.c_str());
    return absl::ErrnoToStatus(listens.error, absl::StrCat("'", options_.path, "'"));
  }
  name_ = name.value;
  socket_ = *std::move(made);
  return absl::OkStatus();
}

void MemoryServer::Serve() {
  std::vector<pollfd> polled;
  while (!stopping_) {
    const Clock::time_point now = Clock::now();
    Clock::time_point wake = now + std::chrono::hours(1);
    polled.clear();
    // Negative descriptors are passed over.
    const bool can_accept = now >= accept_again_;
    if (!can_accept) wake = std::min(wake, accept_again_);
    polled.push_back({can_accept ? socket_.get() : -1, POLLIN, 0});
    for (const auto& peer : peers_) {
      polled.push_back({peer->socket.fd(), static_cast<short>(peer->sending ? POLLOUT : POLLIN), 0});
      wake = std::min(wake, peer->deadline);
    }
    const auto left = std::chrono::duration_cast<milliseconds>(wake - now).count() + 1;
    const HostResult<int> ready =
        host_.Poll(polled.data(), static_cast<unsigned>(polled.size()), static_cast<int>(left));
    if (stopping_) break;
    if (!ready.ok()) {
      // Out of memory, at most: nothing is lost by trying again later.
      if (ready.error != EINTR) std::this_thread::sleep_for(milliseconds(10));
      continue;
    }
    const Clock::time_point after = Clock::now();
    for (size_t i = 0; i < peers_.size(); ++i) {
      Peer& peer = *peers_[i];
      // First what it said: a peer that had to wait, while another one's request took long, isn't late.
      bool lives = polled[i + 1].revents == 0 || (peer.sending ? Send(peer) : Receive(peer));
      lives = lives && after < peer.deadline;
      if (!lives) peers_[i] = nullptr;
    }
    std::erase(peers_, nullptr);
    if (polled[0].revents != 0) AcceptAll();
  }
  peers_.clear();
}

void MemoryServer::AcceptAll() {
  while (!stopping_) {
    const HostResult<int> fd = host_.Accept(socket_.get(), SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd.error == EINTR || fd.error == ECONNABORTED) continue;
    if (!fd.ok()) {
      // The connection waits on, and poll would say so at once, again and again.
      if (fd.error != EAGAIN) accept_again_ = Clock::now() + milliseconds(100);
      return;
    }
    auto peer = std::make_unique<Peer>(host_, OwnedFd(host_, fd.value), Clock::now() + options_.patience);
    const HostResult<PeerIdentity> identity = host_.PeerCredentials(fd.value);
    if (!identity.ok() || !IsAllowed(identity.value)) {
      Refuse(*peer, 0, absl::PermissionDeniedError("this machine belongs to another user"));
    } else if (peers_.size() >= options_.most_peers) {
      Refuse(*peer, 0, absl::ResourceExhaustedError("too many peers are attached already"));
    }
    // A refusal fits into an empty socket, or is lost.
    if (peer->closing) {
      (void)Send(*peer);
    } else {
      peers_.push_back(std::move(peer));
    }
  }
}

bool MemoryServer::IsAllowed(const PeerIdentity& identity) const {
  if (options_.users.empty()) return identity.user == geteuid();
  return std::find(options_.users.begin(), options_.users.end(), identity.user) != options_.users.end();
}

bool MemoryServer::Receive(Peer& peer) {
  auto packet = peer.socket.Receive();
  if (absl::IsUnavailable(packet.status())) return true;
  if (absl::IsInvalidArgument(packet.status())) {
    Refuse(peer, 0, packet.status());
    return Send(peer);
  }
  if (!packet.ok()) return false;
  peer.deadline = Clock::now() + options_.patience;
  const PacketKind wanted = peer.welcome ? PacketKind::kRequest : PacketKind::kHello;
  if (packet->fd) {
    Refuse(peer, packet->header.id, absl::InvalidArgumentError("descriptors aren't taken here"));
  } else if (packet->header.kind != wanted || packet->header.length != packet->body.size() ||
             packet->body.size() > kMaxRequest) {
    Refuse(peer, packet->header.id, absl::InvalidArgumentError("a packet that is out of place"));
  } else if (peer.welcome) {
    AnswerRequest(peer, *packet);
  } else {
    AnswerHello(peer, *packet);
  }
  return Send(peer);
}

void MemoryServer::AnswerHello(Peer& peer, const Packet& packet) {
  HelloBody hello;
  if (packet.body.size() != sizeof(hello)) {
    Refuse(peer, packet.header.id, absl::InvalidArgumentError("a packet that is out of place"));
    return;
  }
  std::memcpy(&hello, packet.body.data(), sizeof(hello));
  WelcomeBody welcome;
  welcome.size = file_.size().bytes().value();
  // No descriptor leaves this process whose holder could shrink the file under us.
  const bool can_share = file_.size_is_sealed();
  if (hello.wanted > options_.most || (hello.wanted == MemoryAccess::kReadWrite && !can_share)) {
    Refuse(peer, packet.header.id, absl::PermissionDeniedError("this access to the memory isn't given"));
    return;
  }
  if (hello.wanted == MemoryAccess::kReadWrite) {
    peer.borrowed = file_.fd();
    welcome.granted = MemoryAccess::kReadWrite;
  } else if (hello.wanted == MemoryAccess::kRead && can_share) {
    auto fd = file_.OpenReadOnly();
    if (!fd.ok()) {
      Refuse(peer, packet.header.id, fd.status());
      return;
    }
    peer.fd = *std::move(fd);
    welcome.granted = MemoryAccess::kRead;
  }
  peer.welcome = true;
  Queue(peer, PacketKind::kWelcome, packet.header.id,
        std::string(reinterpret_cast<const char*>(&welcome), sizeof(welcome)));
}

void MemoryServer::AnswerRequest(Peer& peer, const Packet& packet) {
  absl::StatusOr<MemoryReply> reply =
      options_.handler ? options_.handler(packet.body) : absl::UnimplementedError("no requests are answered here");
  if (reply.ok() && reply->body.size() > kMaxReply) reply = absl::ResourceExhaustedError("the answer is too long");
  if (!reply.ok()) {
    Queue(peer, PacketKind::kRefusal, packet.header.id, std::string(reply.status().message()));
    peer.header.code = static_cast<uint32_t>(reply.status().code());
    return;
  }
  peer.fd = std::move(reply->fd);
  Queue(peer, PacketKind::kReply, packet.header.id, std::move(reply->body));
}

void MemoryServer::Queue(Peer& peer, PacketKind kind, uint32_t id, std::string body) {
  peer.header = {};
  peer.header.kind = kind;
  peer.header.id = id;
  peer.header.length = body.size();
  peer.body = std::move(body);
  peer.sent = 0;
  peer.sending = true;
}

void MemoryServer::Refuse(Peer& peer, uint32_t id, const absl::Status& why) {
  Queue(peer, PacketKind::kRefusal, id, std::string(why.message()));
  peer.header.code = static_cast<uint32_t>(why.code());
  peer.closing = true;
}

bool MemoryServer::Send(Peer& peer) {
  while (peer.sending) {
    const std::string_view rest = std::string_view(peer.body).substr(peer.sent, kMaxPacketBody);
    const int fd = peer.sent > 0 ? -1 : peer.fd ? peer.fd.get() : peer.borrowed;
    const absl::Status s = peer.socket.Send(peer.header, rest, fd);
    if (absl::IsUnavailable(s)) return true;
    if (!s.ok()) return false;
    peer.deadline = Clock::now() + options_.patience;
    peer.fd.Reset();
    peer.borrowed = -1;
    peer.sent += rest.size();
    peer.sending = peer.sent < peer.body.size();
  }
  std::string().swap(peer.body);
  return !peer.closing;
}

}  // namespace zirconia::platform
