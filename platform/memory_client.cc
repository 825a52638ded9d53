#include "platform/memory_client.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace zirconia::platform {

using std::chrono::milliseconds;

absl::StatusOr<std::unique_ptr<MemoryClient>> MemoryClient::Connect(Host& host, const Options& options) {
  const auto address = SocketAddressOf(options.path);
  if (!address.ok()) return address.status();
  const HostResult<int> fd = host.Socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (!fd.ok()) return absl::ErrnoToStatus(fd.error, "socket");
  OwnedFd socket(host, fd.value);
  const Clock::time_point deadline = Clock::now() + options.patience;
  while (true) {
    const HostOutcome o = host.Connect(socket.get(), address->get(), SocketAddress::kLength);
    if (o.ok()) break;
    if (o.error == EAGAIN && Clock::now() < deadline) {  // its queue is full
      std::this_thread::sleep_for(milliseconds(10));
      continue;
    }
    if (o.error == ECONNREFUSED) {
      const HostResult<FileIdentity> there = host.Stat(options.path.c_str());
      if (there.ok() && !S_ISSOCK(there.value.mode)) return absl::InvalidArgumentError("not a socket");
      return absl::UnavailableError("nobody listens there: the run has ended");
    }
    if (o.error == EPROTOTYPE || o.error == ENOTSOCK) return absl::InvalidArgumentError("not a socket of Zirconia's");
    return absl::ErrnoToStatus(o.error, "connect");
  }
  // Who listens must be of the same user too: what it says is believed.
  const HostResult<PeerIdentity> identity = host.PeerCredentials(socket.get());
  if (!identity.ok()) return absl::ErrnoToStatus(identity.error, "the other side's credentials");
  if (identity.value.user != geteuid()) return absl::PermissionDeniedError("the socket belongs to another user");
  std::unique_ptr<MemoryClient> client(new MemoryClient(host, std::move(socket), options));
  if (absl::Status s = client->Hello(); !s.ok()) return s;
  return client;
}

absl::Status MemoryClient::Hello() {
  const HelloBody hello{options_.access};
  auto reply =
      Exchange(PacketKind::kHello, {reinterpret_cast<const char*>(&hello), sizeof(hello)}, PacketKind::kWelcome);
  if (!reply.ok()) return reply.status();
  if (reply->body.size() != sizeof(welcome_)) return absl::InvalidArgumentError("a welcome of another size");
  std::memcpy(&welcome_, reply->body.data(), sizeof(welcome_));
  if (welcome_.granted > options_.access || (welcome_.granted != MemoryAccess::kNone) != static_cast<bool>(reply->fd)) {
    return absl::InvalidArgumentError("a welcome whose descriptor contradicts it");
  }
  memory_ = std::move(reply->fd);
  if (!memory_) return absl::OkStatus();
  const HostResult<FileIdentity> identity = host_.Fstat(memory_.get());
  if (!identity.ok() || identity.value.size != welcome_.size) {
    return absl::InvalidArgumentError("a descriptor of something that isn't this memory");
  }
  return absl::OkStatus();
}

absl::StatusOr<MemoryReply> MemoryClient::Call(std::string_view request) {
  if (request.size() > kMaxRequest) return absl::InvalidArgumentError("the request is too long");
  return Exchange(PacketKind::kRequest, request, PacketKind::kReply);
}

absl::StatusOr<MemoryReply> MemoryClient::Exchange(PacketKind kind, std::string_view body, PacketKind answer) {
  PacketHeader header;
  header.kind = kind;
  header.id = next_id_++;
  header.length = body.size();
  const Clock::time_point deadline = Clock::now() + options_.patience;
  while (true) {
    const absl::Status s = socket_.Send(header, body, -1);
    if (s.ok()) break;
    // A server that turns us away may have hung up before we said a word: its reason is there to read.
    if (absl::IsAborted(s)) break;
    if (!absl::IsUnavailable(s)) return s;
    if (absl::Status w = WaitFor(POLLOUT, deadline); !w.ok()) return w;
  }
  MemoryReply reply;
  for (bool first = true;; first = false) {
    auto packet = ReceiveBy(Clock::now() + options_.patience);
    if (!packet.ok()) return packet.status();
    const PacketHeader& h = packet->header;
    // Who is turned away is so before any request: without a number.
    const bool refusal = h.kind == PacketKind::kRefusal;
    if ((h.id != header.id && !(refusal && h.id == 0)) || (!refusal && h.kind != answer) ||
        reply.body.size() + packet->body.size() > h.length || (packet->body.empty() && h.length > 0) ||
        (packet->fd && (!first || refusal))) {
      return absl::InvalidArgumentError("the answer doesn't follow the protocol");
    }
    if (first) reply.fd = std::move(packet->fd);
    reply.body += packet->body;
    if (reply.body.size() < h.length) continue;
    if (!refusal) return reply;
    const bool known = h.code > 0 && h.code <= static_cast<uint32_t>(absl::StatusCode::kUnauthenticated);
    return absl::Status(known ? static_cast<absl::StatusCode>(h.code) : absl::StatusCode::kUnknown, reply.body);
  }
}

absl::StatusOr<Packet> MemoryClient::ReceiveBy(Clock::time_point deadline) {
  while (true) {
    auto packet = socket_.Receive();
    if (!absl::IsUnavailable(packet.status())) return packet;
    if (absl::Status s = WaitFor(POLLIN, deadline); !s.ok()) return s;
  }
}

absl::Status MemoryClient::WaitFor(short events, Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
  if (left <= 0) return absl::DeadlineExceededError("the other side doesn't answer");
  pollfd polled{socket_.fd(), events, 0};
  const HostResult<int> ready = host_.Poll(&polled, 1, static_cast<int>(left));
  if (!ready.ok() && ready.error != EINTR) return absl::ErrnoToStatus(ready.error, "poll");
  return absl::OkStatus();
}

absl::Status MemoryClient::ReadMemory(uint64_t offset, std::span<std::byte> to) const {
  if (!memory_) return absl::FailedPreconditionError("the memory's descriptor wasn't given");
  if (offset > welcome_.size || to.size() > welcome_.size - offset) {
    return absl::OutOfRangeError("beyond the end of the memory");
  }
  while (!to.empty()) {
    const HostResult<size_t> n = host_.Pread(memory_.get(), to.data(), to.size(), offset);
    if (n.error == EINTR) continue;
    if (!n.ok()) return absl::ErrnoToStatus(n.error, "pread of the memory");
    if (n.value == 0) return absl::OutOfRangeError("beyond the end of the memory");
    to = to.subspan(n.value);
    offset += n.value;
  }
  return absl::OkStatus();
}

}  // namespace zirconia::platform
