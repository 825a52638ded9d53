// A machine's memory that other processes can attach to.
#ifndef ZIRCONIA_TEST_PLATFORM_MEMORY_RIG_H_
#define ZIRCONIA_TEST_PLATFORM_MEMORY_RIG_H_

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "platform/host_linux.h"
#include "platform/memory_client.h"
#include "platform/memory_server.h"
#include "test/platform/scratch.h"

namespace zirconia::platform {

// A machine's memory with a server that echoes requests.
struct MemoryRig {
  explicit MemoryRig(const std::string& backing = "memfd") {
    BackingFile::Options wanted;
    wanted.size = mm::PageCount(16);
    wanted.backing = *BackingChoice::Parse(backing);
    file = *BackingFile::Create(host, wanted);
    REQUIRE(file->Secure({mm::FrameNumber(0), mm::PageCount(16)}).ok());
    options.path = directory.path() + "/socket";
    options.handler = [](std::string_view request) -> absl::StatusOr<MemoryReply> {
      if (request == "no") return absl::NotFoundError("there is no such thing");
      if (request == "long") return MemoryReply{std::string(1000000, 'x'), {}};
      return MemoryReply{"echo " + std::string(request), {}};
    };
  }
  void Start() {
    auto made = MemoryServer::Create(*file, options);
    REQUIRE(made.ok());
    server = *std::move(made);
  }
  absl::StatusOr<std::unique_ptr<MemoryClient>> Connect(MemoryAccess access = MemoryAccess::kRead) {
    MemoryClient::Options wanted;
    wanted.path = options.path;
    wanted.access = access;
    wanted.patience = std::chrono::milliseconds(5000);
    return MemoryClient::Connect(host, wanted);
  }

  const test::ScratchDirectory directory;
  LinuxHost host;
  std::unique_ptr<BackingFile> file;
  MemoryServer::Options options;
  std::unique_ptr<MemoryServer> server;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_TEST_PLATFORM_MEMORY_RIG_H_
