// Passing a machine's memory to another process.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "test/platform/memory_rig.h"
#include "test/platform/scratch.h"

namespace zirconia::platform {
namespace {

using Catch::Matchers::Contains;
using mm::FrameNumber;
using std::chrono::milliseconds;
using Rig = MemoryRig;

std::string Text(const absl::Status& s) { return std::string(s.message()); }

TEST_CASE("A peer gets the memory itself, and sees what the kernel writes") {
  Rig rig;
  rig.Start();
  const int code = test::InChild([&] {
    auto client = rig.Connect();
    if (!client.ok() || (*client)->access() != MemoryAccess::kRead) return 1;
    if ((*client)->memory_size().value() != 16 * mm::kPageSize) return 2;
    void* const view = mmap(nullptr, 16 * mm::kPageSize, PROT_READ, MAP_SHARED, (*client)->memory_fd(), 0);
    if (view == MAP_FAILED) return 3;
    *rig.file->data(FrameNumber(3)) = std::byte{33};  // inherited: the same memory
    if (static_cast<const std::byte*>(view)[3 * mm::kPageSize] != std::byte{33}) return 4;
    std::byte byte{};
    if (!(*client)->ReadMemory(3 * mm::kPageSize, {&byte, 1}).ok() || byte != std::byte{33}) return 5;
    if ((*client)->ReadMemory(16 * mm::kPageSize, {&byte, 1}).code() != absl::StatusCode::kOutOfRange) return 6;
    return 0;
  });
  CHECK(code == 0);
}

TEST_CASE("What is handed out for reading can't be written, and nothing that is handed out can be resized") {
  Rig rig;
  rig.options.most = MemoryAccess::kReadWrite;
  rig.Start();
  const MemoryAccess access = GENERATE(MemoryAccess::kRead, MemoryAccess::kReadWrite);
  auto client = rig.Connect(access);
  REQUIRE(client.ok());
  const int fd = (*client)->memory_fd();
  CHECK(ftruncate(fd, 0) == -1);
  CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 32 * mm::kPageSize, mm::kPageSize) == -1);
  CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == -1);
  CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  void* const writable = mmap(nullptr, mm::kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const bool can_write = writable != MAP_FAILED;
  CHECK(can_write == (access == MemoryAccess::kReadWrite));
  if (can_write) {
    *static_cast<std::byte*>(writable) = std::byte{9};
    CHECK(*rig.file->data(FrameNumber(0)) == std::byte{9});
    munmap(writable, mm::kPageSize);
    return;
  }
  CHECK(write(fd, "x", 1) == -1);
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, mm::kPageSize) == -1);
  void* const view = mmap(nullptr, mm::kPageSize, PROT_READ, MAP_SHARED, fd, 0);
  REQUIRE(view != MAP_FAILED);
  CHECK(mprotect(view, mm::kPageSize, PROT_READ | PROT_WRITE) == -1);
  munmap(view, mm::kPageSize);
}

TEST_CASE("A descriptor for reading can't be opened again for writing by a peer of another user") {
  Rig rig;
  auto fd = rig.file->OpenReadOnly();
  REQUIRE(fd.ok());
  const std::string again = "/proc/self/fd/" + std::to_string(fd->get());
  const int code = test::InChild([&] {
    constexpr uid_t kNobody = 65534;
    if (getuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) return 77;
    if (geteuid() == 0) return 77;
    const bool owner = geteuid() != kNobody;
    if (open(again.c_str(), O_RDWR) >= 0 || errno != EACCES) return 1;
    if (!owner && fchmod(fd->get(), 0600) == 0) return 2;
    return 0;
  });
  CHECK((code == 0 || code == 77));
}

TEST_CASE("More access than the server gives is refused") {
  Rig rig;
  rig.Start();
  const absl::Status s = rig.Connect(MemoryAccess::kReadWrite).status();
  CHECK(s.code() == absl::StatusCode::kPermissionDenied);
}

TEST_CASE("Memory whose size can't be sealed isn't handed out: requests are all that is left") {
  const test::ScratchDirectory place;
  Rig rig("tmpfile:" + place.path());
  rig.options.most = MemoryAccess::kReadWrite;
  rig.Start();
  auto client = rig.Connect();
  REQUIRE(client.ok());
  CHECK((*client)->access() == MemoryAccess::kNone);
  CHECK((*client)->memory_fd() == -1);
  std::byte byte{};
  CHECK((*client)->ReadMemory(0, {&byte, 1}).code() == absl::StatusCode::kFailedPrecondition);
  CHECK((*client)->Call("hi")->body == "echo hi");
  CHECK(rig.Connect(MemoryAccess::kReadWrite).status().code() == absl::StatusCode::kPermissionDenied);
}

TEST_CASE("Requests are answered, refused or answered at length, one after another") {
  Rig rig;
  rig.Start();
  auto client = rig.Connect(MemoryAccess::kNone);
  REQUIRE(client.ok());
  CHECK((*client)->Call("hello")->body == "echo hello");
  const absl::Status no = (*client)->Call("no").status();
  CHECK(no.code() == absl::StatusCode::kNotFound);
  CHECK(Text(no) == "there is no such thing");
  CHECK((*client)->Call("long")->body == std::string(1000000, 'x'));
  CHECK((*client)->Call("")->body == "echo ");
  CHECK((*client)->Call(std::string(kMaxRequest, 'y'))->body.size() == kMaxRequest + 5);
  CHECK((*client)->Call(std::string(kMaxRequest + 1, 'y')).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("A server's answer may carry a descriptor") {
  Rig rig;
  rig.options.handler = [&](std::string_view) -> absl::StatusOr<MemoryReply> {
    return MemoryReply{"here", OwnedFd(rig.host, memfd_create("passed", MFD_CLOEXEC))};
  };
  rig.Start();
  auto client = rig.Connect(MemoryAccess::kNone);
  REQUIRE(client.ok());
  const size_t before = test::OpenDescriptors();
  for (int i = 0; i < 20; ++i) {
    const auto reply = (*client)->Call("give");
    REQUIRE(reply.ok());
    CHECK(reply->fd.get() >= 0);
    CHECK((fcntl(reply->fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  }
  // The server closes its own when it has sent it.
  for (int i = 0; i < 200 && test::OpenDescriptors() > before; ++i) std::this_thread::sleep_for(milliseconds(5));
  CHECK(test::OpenDescriptors() == before);
}

TEST_CASE("Peers of another user are turned away, and servers of another user aren't believed") {
  class OtherUser final : public ForwardingHost {
   public:
    using ForwardingHost::ForwardingHost;
    HostResult<PeerIdentity> PeerCredentials(int fd) override {
      HostResult<PeerIdentity> identity = base().PeerCredentials(fd);
      ++identity.value.user;
      return identity;
    }
  };
  Rig rig;
  SECTION("the server looks") {
    rig.options.users = {geteuid() + 1};
    rig.Start();
    const absl::Status s = rig.Connect().status();
    CHECK(s.code() == absl::StatusCode::kPermissionDenied);
    CHECK_THAT(Text(s), Contains("another user"));
  }
  SECTION("the client looks") {
    rig.Start();
    OtherUser other(rig.host);
    MemoryClient::Options options;
    options.path = rig.options.path;
    CHECK(MemoryClient::Connect(other, options).status().code() == absl::StatusCode::kPermissionDenied);
  }
  SECTION("the socket is for its owner only") {
    rig.Start();
    struct stat info {};
    REQUIRE(stat(rig.options.path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }
}

TEST_CASE("A stale socket is replaced; a living one, or anything else at its path, is left alone") {
  Rig rig;
  SECTION("stale: its server was killed") {
    CHECK(test::InChild([&] {
            rig.Start();
            kill(getpid(), SIGKILL);
            return 0;
          }) == -SIGKILL);
    CHECK(std::filesystem::is_socket(rig.options.path));
    CHECK(rig.Connect().status().code() == absl::StatusCode::kUnavailable);
    rig.Start();
    CHECK(rig.Connect().ok());
  }
  SECTION("living") {
    rig.Start();
    auto client = rig.Connect();
    REQUIRE(client.ok());
    const absl::Status s = MemoryServer::Create(*rig.file, rig.options).status();
    CHECK(s.code() == absl::StatusCode::kAlreadyExists);
    CHECK_THAT(Text(s), Contains("in use"));
    CHECK((*client)->Call("x")->body == "echo x");
    CHECK(rig.Connect().ok());
  }
  SECTION("a file") {
    std::ofstream(rig.options.path) << "precious";
    CHECK(MemoryServer::Create(*rig.file, rig.options).status().code() == absl::StatusCode::kAlreadyExists);
    CHECK(std::filesystem::file_size(rig.options.path) == 8);
  }
  SECTION("a path that is no socket's") {
    rig.options.path = std::string(200, 'p');
    CHECK(MemoryServer::Create(*rig.file, rig.options).status().code() == absl::StatusCode::kInvalidArgument);
    rig.options.path = "/nonexistent/socket";
    CHECK(MemoryServer::Create(*rig.file, rig.options).status().code() == absl::StatusCode::kNotFound);
  }
  SECTION("it goes with its server, unless another stands there by then") {
    rig.Start();
    rig.server.reset();
    CHECK_FALSE(std::filesystem::exists(rig.options.path));
    rig.Start();
    std::filesystem::remove(rig.options.path);
    std::ofstream(rig.options.path) << "another's";
    rig.server.reset();
    CHECK(std::filesystem::exists(rig.options.path));
  }
}

TEST_CASE("Of many servers that find the same stale socket, exactly one gets the path") {
  Rig rig;
  test::InChild([&] {
    rig.Start();
    kill(getpid(), SIGKILL);
    return 0;
  });
  std::vector<pid_t> children;
  const test::ScratchDirectory signs;
  children.reserve(6);
  for (int i = 0; i < 6; ++i) {
    children.push_back(test::StartChild([&, i] {
      const auto server = MemoryServer::Create(*rig.file, rig.options);
      if (!server.ok()) return absl::IsAlreadyExists(server.status()) ? 1 : 2;
      std::ofstream(signs.path() + "/" + std::to_string(i)) << "listening";
      // Until the others have tried.
      std::this_thread::sleep_for(milliseconds(300));
      return std::filesystem::is_socket(rig.options.path) ? 0 : 3;
    }));
  }
  std::array<int, 4> counts{};
  for (const pid_t child : children) {
    const int code = test::WaitForChild(child);
    REQUIRE(code >= 0);
    ++counts.at(static_cast<size_t>(code));
  }
  CHECK(counts == std::array<int, 4>{1, 5, 0, 0});
}

TEST_CASE("A server and its peers leave no descriptor behind") {
  Rig rig;
  const size_t before = test::OpenDescriptors();
  for (int i = 0; i < 5; ++i) {
    rig.Start();
    auto client = rig.Connect();
    REQUIRE(client.ok());
    CHECK((*client)->Call("x").ok());
    rig.server.reset();
    CHECK((*client)->Call("y").status().code() == absl::StatusCode::kAborted);
  }
  CHECK(test::OpenDescriptors() == before);
}

}  // namespace
}  // namespace zirconia::platform
