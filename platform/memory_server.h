// Lets other processes attach to a machine.
#ifndef ZIRCONIA_PLATFORM_MEMORY_SERVER_H_
#define ZIRCONIA_PLATFORM_MEMORY_SERVER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "platform/backing_file.h"
#include "platform/memory_protocol.h"
#include "platform/owned_fd.h"

namespace zirconia::platform {

// What a request is answered with: text, and at most one descriptor, of which the peer gets a duplicate.
struct MemoryReply {
  std::string body;
  OwnedFd fd;
};

// Listens on a Unix socket and answers, on a thread of its own, until it is destroyed. What hands out the memory itself
// it decides by the options; what requests mean is the handler's business. A peer that is slow, dead or hostile costs
// at most its own connection: nothing blocks, requests and queues are bounded, and every wait has an end.
//
// The threat model is in platform/SHARING.md.
class MemoryServer {
 public:
  using Handler = std::function<absl::StatusOr<MemoryReply>(std::string_view request)>;
  struct Options {
    std::string path;                           // of the socket
    MemoryAccess most = MemoryAccess::kRead;    // what a peer gets at most; a wish for more is refused
    std::vector<uint32_t> users;                // who may attach; empty: the user of this process
    size_t most_peers = 16;                     // at a time; further ones are turned away
    std::chrono::milliseconds patience{10000};  // with a peer that says no hello, doesn't read, or is idle
    Handler handler;                            // called on the server's thread, one request at a time
  };

  // Makes the socket, for this user only. A socket at this path that nobody listens on any more, as a crashed run
  // leaves it, is replaced. `file` must outlive the server.
  // ALREADY_EXISTS: a living server or anything else stands at the path. INVALID_ARGUMENT: no socket can have this
  // name. Otherwise the host's error.
  static absl::StatusOr<std::unique_ptr<MemoryServer>> Create(BackingFile& file, Options options);
  // Hangs up on everybody and takes the socket away.
  ~MemoryServer();
  MemoryServer(const MemoryServer&) = delete;
  MemoryServer& operator=(const MemoryServer&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  // One connection. It is read only while there is nothing to send.
  struct Peer {
    Peer(Host& host, OwnedFd connection, Clock::time_point until)
        : socket(host, std::move(connection)), deadline(until) {}
    PacketSocket socket;
    Clock::time_point deadline;
    bool welcome = false;
    bool closing = false;  // hangs up when all is sent
    bool sending = false;
    PacketHeader header;
    std::string body;
    size_t sent = 0;
    OwnedFd fd;         // to send with the first packet
    int borrowed = -1;  // likewise, but not the peer's to close
  };

  MemoryServer(BackingFile& file, Options options) : file_(file), host_(file.host()), options_(std::move(options)) {}

  absl::Status Listen();
  void Serve();
  void AcceptAll();
  bool IsAllowed(const PeerIdentity& identity) const;
  // Each returns false when the connection is over.
  bool Receive(Peer& peer);
  bool Send(Peer& peer);
  void AnswerHello(Peer& peer, const Packet& packet);
  void AnswerRequest(Peer& peer, const Packet& packet);
  void Queue(Peer& peer, PacketKind kind, uint32_t id, std::string body);
  void Refuse(Peer& peer, uint32_t id, const absl::Status& why);

  BackingFile& file_;
  Host& host_;
  const Options options_;
  OwnedFd socket_;
  FileIdentity name_;  // what stands at the path since `Listen`
  std::atomic<bool> stopping_{false};
  Clock::time_point accept_again_;            // not before: this process is out of descriptors
  std::vector<std::unique_ptr<Peer>> peers_;  // of the server's thread
  std::thread thread_;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_MEMORY_SERVER_H_
