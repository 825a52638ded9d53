#include "platform/memory_protocol.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

namespace zirconia::platform {
namespace {

// More descriptors than any packet of ours carries, so that a wrong number can be told from a lost one.
constexpr size_t kMaxDescriptors = 4;

absl::Status FromErrno(int error, const char* what) {
  if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR) return absl::UnavailableError("not now");
  if (error == EPIPE || error == ECONNRESET || error == ENOTCONN) return absl::AbortedError("the other side is gone");
  return absl::ErrnoToStatus(error, what);
}

// Takes over every descriptor that came with a message.
std::vector<OwnedFd> TakeDescriptors(Host& host, msghdr& message) {
  std::vector<OwnedFd> fds;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
      fds.emplace_back(host, fd);
    }
  }
  return fds;
}

absl::Status Check(const PacketHeader& header, size_t body) {
  if (header.magic != kProtocolMagic) return absl::InvalidArgumentError("this isn't a peer of Zirconia's");
  if (header.version != kProtocolVersion) {
    return absl::InvalidArgumentError(absl::StrCat("the peer speaks version ", header.version,
                                                   " of the protocol, this program version ", kProtocolVersion));
  }
  if (header.length > kMaxReply || body > header.length) {
    return absl::InvalidArgumentError("a packet whose lengths contradict each other");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PacketSocket::Send(const PacketHeader& header, std::string_view body, int fd) {
  std::array<iovec, 2> parts{
      {{const_cast<PacketHeader*>(&header), sizeof(header)}, {const_cast<char*>(body.data()), body.size()}}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &fd, sizeof(int));
  }
  const HostResult<size_t> sent = host_.Sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (!sent.ok()) return FromErrno(sent.error, "sendmsg");
  return absl::OkStatus();
}

absl::StatusOr<Packet> PacketSocket::Receive() {
  Packet packet;
  packet.body.resize(kMaxPacketBody);
  std::array<iovec, 2> parts{{{&packet.header, sizeof(packet.header)}, {packet.body.data(), packet.body.size()}}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  HostResult<size_t> got = host_.Recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  // The other side has hung up without reading all that we said. That is told once; its last words come after it.
  if (got.error == ECONNRESET) got = host_.Recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (!got.ok()) return FromErrno(got.error, "recvmsg");
  // Whatever is wrong with the packet: what came with it is ours now, and is closed on every way out.
  std::vector<OwnedFd> fds = TakeDescriptors(host_, message);
  if (got.value == 0 && fds.empty()) return absl::AbortedError("the other side has hung up");
  if ((message.msg_flags & MSG_CTRUNC) != 0) return absl::InvalidArgumentError("descriptors were cut off");
  if ((message.msg_flags & MSG_TRUNC) != 0) return absl::InvalidArgumentError("a packet that is too long");
  if (got.value < sizeof(packet.header)) return absl::InvalidArgumentError("a packet without a header");
  if (fds.size() > 1) return absl::InvalidArgumentError("a packet with more than one descriptor");
  packet.body.resize(got.value - sizeof(packet.header));
  if (absl::Status s = Check(packet.header, packet.body.size()); !s.ok()) return s;
  if (!fds.empty()) packet.fd = std::move(fds.front());
  return packet;
}

absl::StatusOr<SocketAddress> SocketAddressOf(const std::string& path) {
  SocketAddress address;
  if (path.empty() || path.size() >= sizeof(address.address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' can't name a socket: that takes 1 to ",
                                                   sizeof(address.address.sun_path) - 1, " bytes"));
  }
  address.address.sun_family = AF_UNIX;
  std::memcpy(address.address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace zirconia::platform
