// Attaches to another process's machine.
#ifndef ZIRCONIA_PLATFORM_MEMORY_CLIENT_H_
#define ZIRCONIA_PLATFORM_MEMORY_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "platform/memory_protocol.h"
#include "platform/memory_server.h"
#include "platform/owned_fd.h"

namespace zirconia::platform {

// One connection to a MemoryServer. Every wait ends after `patience`. Not thread-safe.
class MemoryClient {
 public:
  struct Options {
    std::string path;  // of the socket
    MemoryAccess access = MemoryAccess::kRead;
    std::chrono::milliseconds patience{10000};
  };

  // UNAVAILABLE: nobody listens there. PERMISSION_DENIED: it is another user's, or gives less than was asked for.
  // INVALID_ARGUMENT: it doesn't speak this protocol. DEADLINE_EXCEEDED: it doesn't answer.
  static absl::StatusOr<std::unique_ptr<MemoryClient>> Connect(Host& host, const Options& options);

  // Sends a request and waits for the answer; a refusal is its status. After ABORTED, DEADLINE_EXCEEDED or
  // INVALID_ARGUMENT from the protocol the connection is of no further use.
  absl::StatusOr<MemoryReply> Call(std::string_view request);

  mm::ByteSize memory_size() const { return mm::ByteSize(welcome_.size); }
  // What was granted. kNone where the host can't seal the size of the other side's memory; then there is no descriptor,
  // and only requests are left.
  MemoryAccess access() const { return welcome_.granted; }
  // The memory, for mappings of the caller's own. -1: none.
  int memory_fd() const { return memory_.get(); }
  // Copies from the memory, whatever happens there meanwhile, without a mapping: reading a hole through one would make
  // the host fill it. OUT_OF_RANGE: beyond the end. FAILED_PRECONDITION: there is no descriptor.
  absl::Status ReadMemory(uint64_t offset, std::span<std::byte> to) const;

 private:
  using Clock = std::chrono::steady_clock;

  MemoryClient(Host& host, OwnedFd socket, const Options& options)
      : host_(host), socket_(host, std::move(socket)), options_(options) {}

  absl::Status Hello();
  absl::StatusOr<MemoryReply> Exchange(PacketKind kind, std::string_view body, PacketKind answer);
  absl::StatusOr<Packet> ReceiveBy(Clock::time_point deadline);
  absl::Status WaitFor(short events, Clock::time_point deadline);

  Host& host_;
  PacketSocket socket_;
  const Options options_;
  uint32_t next_id_ = 1;
  WelcomeBody welcome_;
  OwnedFd memory_;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_MEMORY_CLIENT_H_
