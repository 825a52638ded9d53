// What two processes say to one another about a machine's memory: packets on a Unix socket, some with a descriptor.
#ifndef ZIRCONIA_PLATFORM_MEMORY_PROTOCOL_H_
#define ZIRCONIA_PLATFORM_MEMORY_PROTOCOL_H_

#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "platform/owned_fd.h"

namespace zirconia::platform {

// The socket is SOCK_SEQPACKET: packets arrive whole, in order, or not at all. Each begins with a header. The client
// begins with kHello; the server answers kWelcome, or kRefusal, after which it hangs up. Then the client sends one
// kRequest at a time, each answered by kReply or kRefusal. A long answer comes in several packets with the same header.
//
// Both sides are processes of one host, so numbers stand as the host has them.
inline constexpr uint32_t kProtocolMagic = 0x6d52495a;  // "ZIRm"
inline constexpr uint16_t kProtocolVersion = 1;

enum class PacketKind : uint16_t { kHello = 1, kWelcome = 2, kRequest = 3, kReply = 4, kRefusal = 5 };

struct PacketHeader {
  uint32_t magic = kProtocolMagic;
  uint16_t version = kProtocolVersion;
  PacketKind kind = PacketKind::kHello;
  uint32_t id = 0;      // of the request; an answer repeats it
  uint32_t code = 0;    // kRefusal: an absl::StatusCode
  uint64_t length = 0;  // of the whole message, over all its packets
};
static_assert(sizeof(PacketHeader) == 24);

// What a client may do with the memory itself.
enum class MemoryAccess : uint32_t { kNone = 0, kRead = 1, kReadWrite = 2 };

// The body of kHello.
struct HelloBody {
  MemoryAccess wanted = MemoryAccess::kNone;
};
// The body of kWelcome. The packet carries the memory's descriptor unless `granted` is kNone.
struct WelcomeBody {
  uint64_t size = 0;  // of the memory, in bytes
  MemoryAccess granted = MemoryAccess::kNone;
  uint32_t reserved = 0;
};

inline constexpr size_t kMaxPacketBody = size_t{32} << 10;
inline constexpr size_t kMaxRequest = size_t{16} << 10;  // fits one packet
inline constexpr size_t kMaxReply = size_t{256} << 20;

// One packet as it came.
struct Packet {
  PacketHeader header;
  std::string body;
  OwnedFd fd;  // at most one
};

// One side of a connection; doesn't block. Not thread-safe.
class PacketSocket {
 public:
  PacketSocket(Host& host, OwnedFd socket) : host_(host), socket_(std::move(socket)) {}

  int fd() const { return socket_.get(); }
  Host& host() const { return host_; }

  // Sends one packet, with the descriptor `fd` unless that is -1; the caller keeps it. UNAVAILABLE: not now, the peer
  // doesn't read. ABORTED: the peer is gone.
  absl::Status Send(const PacketHeader& header, std::string_view body, int fd);
  // The next packet. UNAVAILABLE: there is none yet. ABORTED: the peer is gone. INVALID_ARGUMENT: it is none of this
  // protocol's (also: another version, more than one descriptor, something cut off); what came with it is closed.
  absl::StatusOr<Packet> Receive();

 private:
  Host& host_;
  OwnedFd socket_;
};

struct SocketAddress {
  sockaddr_un address{};
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
  static constexpr unsigned kLength = sizeof(sockaddr_un);
};
// INVALID_ARGUMENT: the path is empty, or too long for a socket.
absl::StatusOr<SocketAddress> SocketAddressOf(const std::string& path);

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_MEMORY_PROTOCOL_H_
