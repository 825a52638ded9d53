// Memory that a peer can know never to change.
#include "platform/sealed_copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <vector>

#include "mm/units.h"
#include "platform/host_linux.h"
#include "test/platform/scratch.h"

namespace zirconia::platform {
namespace {

const std::vector<std::byte> kPage(mm::kPageSize, std::byte{0x5a});

// Three pages, the middle one written.
absl::StatusOr<OwnedFd> ThreePages(Host& host) {
  return MakeSealedCopy(host, "copy", 3 * mm::kPageSize, [](CopyWriter write) { return write(mm::kPageSize, kPage); });
}

TEST_CASE("A sealed copy shows what was written, and nobody can change it any more") {
  LinuxHost host;
  auto fd = ThreePages(host);
  REQUIRE(fd.ok());
  const std::string again = "/proc/self/fd/" + std::to_string(fd->get());
  // The owner may open it for writing, as may root: the seals hold all the same.
  const int writable = open(again.c_str(), O_RDWR | O_CLOEXEC);
  if (writable >= 0) {
    CHECK(write(writable, "x", 1) == -1);
    CHECK(errno == EPERM);
    CHECK(ftruncate(writable, 0) == -1);
    CHECK(mmap(nullptr, mm::kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, writable, 0) == MAP_FAILED);
    CHECK(fcntl(writable, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == -1);
    CHECK(fallocate(writable, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, mm::kPageSize) == -1);
    close(writable);
  }
  auto view = SealedView::Map(host, *std::move(fd));
  REQUIRE(view.ok());
  CHECK(view->shared());
  REQUIRE(view->bytes().size() == 3 * mm::kPageSize);
  CHECK(view->bytes()[mm::kPageSize - 1] == std::byte{0});
  CHECK(std::memcmp(&view->bytes()[mm::kPageSize], kPage.data(), mm::kPageSize) == 0);
  CHECK(view->bytes()[2 * mm::kPageSize] == std::byte{0});
}

TEST_CASE("A peer takes only what is sealed against writing and resizing") {
  LinuxHost host;
  const int missing = GENERATE(F_SEAL_WRITE, F_SEAL_GROW, F_SEAL_SHRINK);
  OwnedFd fd(host, memfd_create("peer", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(ftruncate(fd.get(), mm::kPageSize) == 0);
  REQUIRE(fcntl(fd.get(), F_ADD_SEALS, (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) & ~missing) == 0);
  const absl::Status refused = SealedView::Map(host, std::move(fd)).status();
  CHECK(refused.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(SealedView::Map(host, OwnedFd(host, open("/dev/null", O_RDONLY | O_CLOEXEC))).status().code() ==
        absl::StatusCode::kFailedPrecondition);
}

// Older kernels, and other moments.
class OlderHost final : public ForwardingHost {
 public:
  using ForwardingHost::ForwardingHost;
  HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                             uint64_t offset) override {
    if (refuses_shared && (flags & MAP_TYPE) == MAP_SHARED) return {0, EPERM};
    return base().Mmap(address, length, protection, flags, fd, offset);
  }
  HostOutcome AddSeals(int fd, int seals) override {
    ++attempts;
    if (busy != 0) {
      --busy;
      return {EBUSY};
    }
    return base().AddSeals(fd, seals);
  }
  HostResult<size_t> Pwrite(int fd, const void* buffer, size_t length, uint64_t offset) override {
    if (full) return {0, ENOSPC};
    return base().Pwrite(fd, buffer, std::min(length, most_at_once), offset);
  }
  bool refuses_shared = false;
  int busy = 0;
  int attempts = 0;
  bool full = false;
  size_t most_at_once = SIZE_MAX;
};

TEST_CASE("Where sealed memory can't be mapped shared, a private mapping shows the same bytes") {
  LinuxHost linux_host;
  OlderHost host(linux_host);
  host.refuses_shared = true;
  auto view = SealedView::Map(host, *ThreePages(host));
  REQUIRE(view.ok());
  CHECK_FALSE(view->shared());
  CHECK(std::memcmp(&view->bytes()[mm::kPageSize], kPage.data(), mm::kPageSize) == 0);
}

TEST_CASE("A seal that the host refuses for a moment is tried again; one that it refuses for good is an error") {
  LinuxHost linux_host;
  OlderHost host(linux_host);
  const size_t before = test::OpenDescriptors();
  host.busy = 3;
  CHECK(ThreePages(host).ok());
  CHECK(host.attempts == 4);
  host.busy = 1000000;
  CHECK(ThreePages(host).status().code() == absl::StatusCode::kUnavailable);
  CHECK(test::OpenDescriptors() == before);
}

TEST_CASE("A real writable mapping keeps the host from sealing") {
  LinuxHost linux_host;
  // Maps what is being copied for writing, as another holder of its descriptor might; gives up after some refusals.
  class Mapping final : public ForwardingHost {
   public:
    using ForwardingHost::ForwardingHost;
    ~Mapping() override { Drop(); }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    HostResult<size_t> Pwrite(int fd, const void* buffer, size_t length, uint64_t offset) override {
      Drop();
      mapped_ = mmap(nullptr, mm::kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      return base().Pwrite(fd, buffer, length, offset);
    }
    HostOutcome AddSeals(int fd, int seals) override {
      const HostOutcome o = base().AddSeals(fd, seals);
      if (o.error == EBUSY) ++refusals;
      if (refusals == 2) Drop();
      return o;
    }
    int refusals = 0;

   private:
    void Drop() {
      if (mapped_ != MAP_FAILED) munmap(mapped_, mm::kPageSize);
      mapped_ = MAP_FAILED;
    }
    void* mapped_ = MAP_FAILED;
  };
  Mapping host(linux_host);
  CHECK(ThreePages(host).ok());
  CHECK(host.refusals == 2);
}

TEST_CASE("A copy that is written piecemeal is whole; one that the host has no room for is RESOURCE_EXHAUSTED") {
  LinuxHost linux_host;
  OlderHost host(linux_host);
  host.most_at_once = 1000;
  auto view = SealedView::Map(host, *ThreePages(host));
  REQUIRE(view.ok());
  CHECK(std::memcmp(&view->bytes()[mm::kPageSize], kPage.data(), mm::kPageSize) == 0);
  host.full = true;
  CHECK(ThreePages(host).status().code() == absl::StatusCode::kResourceExhausted);
}

TEST_CASE("A copy of nothing is empty") {
  LinuxHost host;
  auto fd = MakeSealedCopy(host, "empty", 0, [](CopyWriter) { return absl::OkStatus(); });
  REQUIRE(fd.ok());
  const auto view = SealedView::Map(host, *std::move(fd));
  REQUIRE(view.ok());
  CHECK(view->bytes().empty());
}

}  // namespace
}  // namespace zirconia::platform
