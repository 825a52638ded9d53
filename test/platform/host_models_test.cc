// Models of other hosts: each does what its name says; and a page table over each loses nothing.
#include "platform/host_models.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "mm/random.h"
#include "platform/backing_file.h"
#include "platform/host_files.h"
#include "platform/host_linux.h"
#include "platform/host_page_table.h"
#include "platform/map_budget.h"
#include "platform/window.h"
#include "test/platform/touch.h"

namespace zirconia::platform {
namespace {

using mm::Access;
using mm::FrameNumber;
using mm::PageCount;
using mm::PageTableEdit;
using mm::Protection;
using mm::VirtAddr;
using mm::VirtRange;

constexpr size_t kPage = mm::kPageSize;
constexpr int kReserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
constexpr int kMove = MREMAP_MAYMOVE | MREMAP_FIXED;

// A window of 32 readable pages on a host.
class Pages {
 public:
  explicit Pages(Host& host) : host_(host), window_(*Window::Create(host, PageCount(32).bytes())) {
    REQUIRE(linux_.RegisterReservation(window_->range()).ok());
    Restore(PROT_READ);
  }
  ~Pages() { Restore(PROT_NONE); }

  uint64_t at(size_t page) const { return window_->range().base.value() + page * kPage; }
  void Restore(int protection) { REQUIRE(linux_.Mmap(at(0), 32 * kPage, protection, kReserve, -1, 0).ok()); }
  bool Hole(size_t page) { return ReadHostVmas(linux_, {VirtAddr(at(page)), mm::ByteSize(kPage)})->empty(); }
  int MapFixed(size_t first, size_t count, int protection = PROT_READ) {
    return host_.Mmap(at(first), count * kPage, protection, kReserve, -1, 0).error;
  }

 private:
  LinuxHost linux_;  // past the model
  Host& host_;
  std::unique_ptr<Window> window_;
};

TEST_CASE("Linux 5.0: some MAP_FIXED and MREMAP_FIXED are ENOMEM, with what was there lost") {
  LinuxHost linux_host;
  Linux50Host host(linux_host, /*seed=*/3, /*one_in=*/4);
  Pages pages(host);
  uint64_t failed = 0;
  for (int i = 0; i < 100; ++i) {
    const int error = pages.MapFixed(2, 3);
    CHECK((error == 0 || error == ENOMEM));
    CHECK(pages.Hole(3) == (error != 0));
    failed += error != 0 ? 1 : 0;
  }
  CHECK(failed > 5);
  CHECK(failed < 60);
  CHECK(host.torn() == failed);
  for (int i = 0; i < 100 && host.torn() == failed; ++i) {
    pages.Restore(PROT_READ);
    const int error = host.Mremap(pages.at(4), kPage, kPage, kMove, pages.at(10)).error;
    CHECK(pages.Hole(10) == (error != 0));
    CHECK(pages.Hole(4) == (error == 0));
  }
  CHECK(host.torn() == failed + 1);
}

TEST_CASE("Linux 6.1: moving what isn't one mapping is EFAULT, and the target is lost") {
  LinuxHost linux_host;
  Linux61Host host(linux_host);
  Pages pages(host);
  REQUIRE(pages.MapFixed(2, 1, PROT_NONE) == 0);
  CHECK(host.Mremap(pages.at(1), 2 * kPage, 2 * kPage, kMove, pages.at(10)).error == EFAULT);
  CHECK(pages.Hole(10));
  CHECK(pages.Hole(11));
  CHECK_FALSE(pages.Hole(1));
  CHECK(host.Mremap(pages.at(4), 2 * kPage, 2 * kPage, kMove, pages.at(10)).ok());
}

TEST_CASE(
    "Linux 6.1: a writable MAP_FIXED of a file sealed against future writing is EPERM, and loses what was there") {
  LinuxHost linux_host;
  Linux61Host host(linux_host);
  Pages pages(host);
  const int fd = host.MemfdCreate("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING).value;
  REQUIRE(host.Ftruncate(fd, 4 * kPage).ok());
  const auto map = [&](int protection) {
    return host.Mmap(pages.at(0), kPage, protection, MAP_SHARED | MAP_FIXED, fd, 0).error;
  };
  CHECK(map(PROT_READ | PROT_WRITE) == 0);
  REQUIRE(host.AddSeals(fd, 0x0010).ok());
  CHECK(map(PROT_READ) == 0);
  CHECK(map(PROT_READ | PROT_WRITE) == EPERM);
  CHECK(pages.Hole(0));
  CHECK(host.Close(fd).ok());
}

TEST_CASE("macOS: a file whose name is gone can't be mapped executable") {
  LinuxHost linux_host;
  MacHost host(linux_host);
  std::string path = "/tmp/zirconia-model-XXXXXX";
  const int fd = mkstemp(path.data());
  REQUIRE(fd >= 0);
  REQUIRE(host.Ftruncate(fd, kPage).ok());
  const auto map = [&](int protection) {
    const HostResult<uintptr_t> mapped = host.Mmap(0, kPage, protection, MAP_SHARED, fd, 0);
    if (mapped.ok()) CHECK(host.Munmap(mapped.value, kPage).ok());
    return mapped.error;
  };
  CHECK(map(PROT_READ | PROT_EXEC) == 0);
  CHECK(host.ChildLives(path));
  REQUIRE(unlink(path.c_str()) == 0);
  CHECK(map(PROT_READ | PROT_EXEC) == EPERM);
  CHECK(map(PROT_READ | PROT_WRITE) == 0);
  CHECK_FALSE(host.ChildLives(path));
  CHECK(host.Close(fd).ok());
  CHECK(host.MemfdCreate("none", 0).error == ENOSYS);
  CHECK(host.Mremap(0, kPage, kPage, 0, 0).error == ENOSYS);
}

TEST_CASE("A host without memfd says so") {
  LinuxHost linux_host;
  NoMemfdHost host(linux_host);
  CHECK(host.MemfdCreate("none", 0).error == ENOSYS);
}

TEST_CASE("At the map-count limit, whatever needs one mapping more is refused, and nothing has happened") {
  LinuxHost linux_host;
  MapCountHost host(linux_host, 1000);
  Pages pages(host);
  REQUIRE(host.count() == 1);
  REQUIRE(pages.MapFixed(8, 8, PROT_NONE) == 0);
  REQUIRE(host.count() == 3);
  host.set_limit(3);
  // Cuts of every kind.
  CHECK(pages.MapFixed(10, 2) == ENOMEM);
  CHECK(pages.MapFixed(8, 2, PROT_READ | PROT_WRITE) == ENOMEM);
  CHECK(host.Mprotect(pages.at(9), kPage, PROT_READ).error == ENOMEM);
  CHECK(host.Mprotect(pages.at(0), kPage, PROT_NONE).error == ENOMEM);
  CHECK(host.Munmap(pages.at(9), kPage).error == ENOMEM);
  CHECK(host.Mremap(pages.at(0), kPage, kPage, kMove, pages.at(20)).error == ENOMEM);
  CHECK(host.refused() == 6);
  CHECK(host.count() == 3);
  // What needs none: whole mappings, what is so already, an end.
  CHECK(pages.MapFixed(8, 8, PROT_NONE) == 0);
  CHECK(host.Mprotect(pages.at(9), kPage, PROT_NONE).ok());
  CHECK(host.Munmap(pages.at(15), kPage).ok());
  CHECK(host.Mprotect(pages.at(8), 7 * kPage, PROT_READ).ok());
  CHECK(host.refused() == 6);
}

// Maps, replaces, protects and unmaps pieces of a window at random, and then touches every page.
void WorkOn(Host& host, int rounds, uint64_t budget_limit) {
  constexpr uint64_t kPages = 64;
  auto file = BackingFile::Create(host, {.size = PageCount(256)});
  REQUIRE(file.ok());
  REQUIRE((*file)->Secure({FrameNumber(0), PageCount(256)}).ok());
  for (uint64_t n = 0; n < 256; ++n) *reinterpret_cast<uint64_t*>((*file)->data(FrameNumber(n))) = n;
  auto window = Window::Create(host, PageCount(kPages).bytes());
  REQUIRE(window.ok());
  MapBudget budget(budget_limit);
  HostPageTable table(**window, **file, budget);
  std::vector<std::optional<uint64_t>> frames(kPages);
  uint64_t random = 5;
  const auto pages = [&](uint64_t first, uint64_t count) {
    return VirtRange{(*window)->range().base + PageCount(first).bytes(), PageCount(count).bytes()};
  };
  for (int i = 0; i < rounds; ++i) {
    const uint64_t first = mm::NextRandom(random) % kPages;
    const uint64_t count = 1 + mm::NextRandom(random) % std::min<uint64_t>(12, kPages - first);
    const uint64_t frame = mm::NextRandom(random) % 200;
    const bool unmap = mm::NextRandom(random) % 3 == 0;
    const std::vector edits{unmap ? PageTableEdit::Unmap(pages(first, count))
                                  : PageTableEdit::Map(pages(first, count), FrameNumber(frame), Protection::Read())};
    auto reservation = table.Prepare(edits);
    REQUIRE(reservation.ok());
    table.Commit(edits, *std::move(reservation), nullptr);
    for (uint64_t p = 0; p < count; ++p) {
      frames[first + p] = unmap ? std::nullopt : std::optional(frame + p);
    }
    (void)table.Realize(pages(first, count));
    const absl::Status status = table.Verify();
    REQUIRE(status == absl::OkStatus());
  }
  for (uint64_t p = 0; p < kPages; ++p) {
    for (int attempt = 0; attempt < 20 && !table.Realize(pages(p, 1)).ok();) ++attempt;
    const VirtAddr address = pages(p, 1).base;
    REQUIRE(CanAccess(address, Access::kRead) == frames[p].has_value());
    if (frames[p].has_value()) REQUIRE(*reinterpret_cast<const uint64_t*>(address.value()) == *frames[p]);
  }
}

TEST_CASE("On Linux 5.0, where any MAP_FIXED may lose what it should replace, nothing is lost") {
  LinuxHost linux_host;
  Linux50Host host(linux_host, /*seed=*/1, /*one_in=*/5);
  WorkOn(host, 300, 1000);
  CHECK(host.torn() > 20);
}

TEST_CASE("On Linux 6.1, nothing is lost") {
  LinuxHost linux_host;
  Linux61Host host(linux_host);
  WorkOn(host, 100, 1000);
}

TEST_CASE("On a host at its map-count limit, which the budget doesn't know of, nothing is lost") {
  LinuxHost linux_host;
  MapCountHost host(linux_host, 14);
  WorkOn(host, 300, 1000);
  CHECK(host.refused() > 20);
}

}  // namespace
}  // namespace zirconia::platform
