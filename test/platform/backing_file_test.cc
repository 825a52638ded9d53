#include "platform/backing_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "platform/host_counting.h"
#include "platform/host_linux.h"
#include "test/platform/scratch.h"

namespace zirconia::platform {
namespace {

using mm::FrameNumber;
using mm::FrameRun;
using mm::kPageSize;
using mm::PageCount;

std::unique_ptr<BackingFile> MakeFile(Host& host, uint64_t pages) {
  auto file = BackingFile::Create(host, {.size = PageCount(pages)});
  REQUIRE(file.ok());
  return *std::move(file);
}

TEST_CASE("Every frame of a backing file reads as zeros and keeps what is written") {
  LinuxHost host;
  auto file = MakeFile(host, 64);
  CHECK(file->size() == PageCount(64));
  REQUIRE(file->Secure({FrameNumber(10), PageCount(4)}).ok());
  std::byte* const frame = file->data(FrameNumber(12));
  CHECK(std::all_of(frame, frame + kPageSize, [](std::byte b) { return b == std::byte{0}; }));
  std::memset(frame, 0x5a, kPageSize);
  CHECK(file->data(FrameNumber(13))[-1] == std::byte{0x5a});
  CHECK(file->data(FrameNumber(13))[0] == std::byte{0});
}

TEST_CASE("The memory of a large machine is taken only as frames are secured, and discarding gives it back") {
  LinuxHost host;
  auto file = MakeFile(host, uint64_t{1} << 24);  // 64 GiB
  const auto blocks = [&file] {
    struct stat info {};
    REQUIRE(fstat(file->fd(), &info) == 0);
    return static_cast<uint64_t>(info.st_blocks) * 512;
  };
  CHECK(blocks() == 0);
  const FrameRun run{FrameNumber(1 << 20), PageCount(100)};
  REQUIRE(file->Secure(run).ok());
  CHECK(blocks() == 100 * kPageSize);
  file->data(run.first)[5] = std::byte{1};
  REQUIRE(file->Discard(run).ok());
  CHECK(blocks() == 0);
  CHECK(file->data(run.first)[5] == std::byte{0});
}

TEST_CASE("Nobody who holds the descriptor can resize the backing file or lift its seals") {
  LinuxHost host;
  auto file = MakeFile(host, 8);
  CHECK(ftruncate(file->fd(), kPageSize) == -1);
  CHECK(errno == EPERM);
  CHECK(ftruncate(file->fd(), 100 * kPageSize) == -1);
  CHECK(fcntl(file->fd(), F_ADD_SEALS, F_SEAL_WRITE) == -1);
  CHECK((fcntl(file->fd(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("A backing file of no size, or of an absurd one, is refused") {
  LinuxHost host;
  CHECK(BackingFile::Create(host, {.size = PageCount(0)}).status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(BackingFile::Create(host, {.size = PageCount(uint64_t{1} << 40)}).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("Creating and destroying a backing file leaves no descriptor behind") {
  LinuxHost linux_host;
  CountingHost host(linux_host);
  const size_t before = test::OpenDescriptors();
  {
    const auto file = MakeFile(host, 8);
    CHECK(test::OpenDescriptors() == before + 1);
  }
  CHECK(test::OpenDescriptors() == before);
  CHECK(host.counts()[HostCall::kMmap] == host.counts()[HostCall::kMunmap]);
}

class RefusingHost final : public ForwardingHost {
 public:
  using ForwardingHost::ForwardingHost;
  HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                             uint64_t offset) override {
    if ((protection & PROT_EXEC) != 0) return {0, EPERM};
    return base().Mmap(address, length, protection, flags, fd, offset);
  }
  HostOutcome Fallocate(int fd, int mode, uint64_t offset, uint64_t length) override {
    if (interrupt_above != 0 && length > interrupt_above) return {EINTR};
    if (fallocate_error != 0) return {fallocate_error};
    return base().Fallocate(fd, mode, offset, length);
  }
  HostResult<int> MemfdCreate(const char* name, unsigned flags) override {
    memfd_flags.push_back(flags);
    if ((flags & ~unsigned{MFD_CLOEXEC | MFD_ALLOW_SEALING}) != 0 && memfd_error != 0) {
      return {-1, std::exchange(memfd_error, 0)};
    }
    return base().MemfdCreate(name, flags & (MFD_CLOEXEC | MFD_ALLOW_SEALING));
  }
  int fallocate_error = 0;
  uint64_t interrupt_above = 0;
  int memfd_error = 0;
  std::vector<unsigned> memfd_flags;
};

TEST_CASE("A host that refuses executable mappings is an error that names the cause") {
  LinuxHost linux_host;
  RefusingHost host(linux_host);
  const absl::Status status = BackingFile::Create(host, {.size = PageCount(8)}).status();
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK_THAT(std::string(status.message()), Catch::Contains("executable") && Catch::Contains("EPERM"));
  CHECK(BackingFile::Create(host, {.size = PageCount(8), .needs_executable = false}).ok());
}

TEST_CASE("Securing frames that the host can't provide is RESOURCE_EXHAUSTED") {
  LinuxHost linux_host;
  RefusingHost host(linux_host);
  auto file = BackingFile::Create(host, {.size = PageCount(64), .needs_executable = false});
  REQUIRE(file.ok());
  for (const int error : {ENOSPC, ENOMEM}) {
    host.fallocate_error = error;
    CHECK((*file)->Secure({FrameNumber(0), PageCount(8)}).code() == absl::StatusCode::kResourceExhausted);
  }
  host.fallocate_error = 0;
  CHECK((*file)->Secure({FrameNumber(0), PageCount(8)}).ok());
}

TEST_CASE("Securing frames gets through a steady stream of signals") {
  LinuxHost linux_host;
  RefusingHost host(linux_host);
  auto file = BackingFile::Create(host, {.size = PageCount(64), .needs_executable = false});
  REQUIRE(file.ok());
  host.interrupt_above = 5 * kPageSize;
  REQUIRE((*file)->Secure({FrameNumber(1), PageCount(60)}).ok());
  struct stat info {};
  REQUIRE(fstat((*file)->fd(), &info) == 0);
  CHECK(static_cast<uint64_t>(info.st_blocks) * 512 == 60 * kPageSize);
}

TEST_CASE("Kernels that don't know executable memfds, or forbid them, are asked for another kind") {
  LinuxHost linux_host;
  RefusingHost host(linux_host);
  host.memfd_error = EINVAL;
  CHECK(BackingFile::Create(host, {.size = PageCount(8), .needs_executable = false}).ok());
  CHECK(host.memfd_flags.back() == (MFD_CLOEXEC | MFD_ALLOW_SEALING));
  host.memfd_error = EACCES;
  CHECK(BackingFile::Create(host, {.size = PageCount(8), .needs_executable = false}).ok());
  CHECK(host.memfd_flags.back() == (MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x8));
}

}  // namespace
}  // namespace zirconia::platform
