// Real tears: on a host whose failing mmap loses what stood there, that call is made to fail, by the host itself, in
// the middle of a replacement by `direct`. (Linux 6.1 tears; tools/dev test --kernel=uml runs there.)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "platform/backing_file.h"
#include "platform/host_linux.h"
#include "platform/host_page_table.h"
#include "platform/host_probe.h"
#include "platform/map_budget.h"
#include "platform/window.h"
#include "test/platform/touch.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace zirconia::platform {
namespace {

using mm::Access;
using mm::FrameNumber;
using mm::PageCount;
using mm::PageTableEdit;
using mm::Protection;
using mm::VirtAddr;
using mm::VirtRange;

constexpr Protection kReadWrite = Protection::ReadWrite();

enum class Tear { kSealFutureWrite, kPrivateOverMemory };

// Once armed, makes the next shared MAP_FIXED a call that the host itself refuses: of a sealed file, or of more private
// memory than it has.
class TearingLinux : public ForwardingHost {
 public:
  explicit TearingLinux(Host& base) : ForwardingHost(base) {
    const HostResult<int> file = base.MemfdCreate("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    REQUIRE(file.ok());
    sealed_ = file.value;
    REQUIRE(base.Ftruncate(sealed_, mm::kPageSize).ok());
    REQUIRE(base.AddSeals(sealed_, F_SEAL_FUTURE_WRITE).ok());
  }
  ~TearingLinux() override { (void)base().Close(sealed_); }

  void Arm(Tear tear) { armed_ = tear; }
  int error() const { return error_; }  // of the call that was made to fail; 0: none was
  bool lost() const { return lost_; }   // whether it lost what stood at its first page

  HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                             uint64_t offset) override {
    if (!armed_.has_value() || (flags & MAP_FIXED) == 0 || (flags & MAP_SHARED) == 0) {
      return base().Mmap(address, length, protection, flags, fd, offset);
    }
    const Tear tear = *armed_;
    armed_.reset();
    const HostResult<uintptr_t> failed =
        tear == Tear::kSealFutureWrite
            ? base().Mmap(address, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, sealed_, 0)
            : base().Mmap(address, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    REQUIRE_FALSE(failed.ok());
    error_ = failed.error;
    lost_ = !CanAccess(VirtAddr(address), Access::kRead);
    return failed;
  }

 private:
  int sealed_ = -1;
  std::optional<Tear> armed_;
  int error_ = 0;
  bool lost_ = false;
};

// `pages` pages are mapped, one is cut out so that the replacement leaves something on both sides, and what is between
// is replaced while the host tears.
void ReplaceWhileTheHostTears(Tear tear, uint64_t pages) {
  LinuxHost linux_host;
  TearingLinux host(linux_host);
  MapBudget budget(1000);
  auto file = BackingFile::Create(host, {.size = PageCount(2 * pages)});
  REQUIRE(file.ok());
  const auto frames = {uint64_t{0}, uint64_t{1}, pages - 2, pages - 1, pages, pages + 1, 2 * pages - 2, 2 * pages - 1};
  for (const uint64_t n : frames) {
    REQUIRE((*file)->Secure({FrameNumber(n), PageCount(1)}).ok());
    std::memcpy((*file)->data(FrameNumber(n)), &n, sizeof n);
  }
  auto window = Window::Create(host, PageCount(pages).bytes());
  REQUIRE(window.ok());
  REQUIRE((*window)->range().size == PageCount(pages).bytes());
  HostPageTable::Options options;
  options.remap = RemapStrategy::kDirect;
  HostPageTable table(**window, **file, budget, options);
  const auto range = [&](uint64_t first, uint64_t count) {
    return VirtRange{(*window)->range().base + PageCount(first).bytes(), PageCount(count).bytes()};
  };
  const auto map = [&](uint64_t first, uint64_t count, uint64_t frame) {
    const std::vector<PageTableEdit> edits = {PageTableEdit::Map(range(first, count), FrameNumber(frame), kReadWrite)};
    auto reservation = table.Prepare(edits);
    REQUIRE(reservation.ok());
    table.Commit(edits, *std::move(reservation), nullptr);
  };
  const auto read = [&](uint64_t page) {
    REQUIRE(table.Realize(range(page, 1)).ok());
    REQUIRE(CanAccess(range(page, 1).base, Access::kWrite));
    uint64_t number = 0;
    std::memcpy(&number, reinterpret_cast<const void*>(range(page, 1).base.value()), sizeof number);
    return number;
  };

  map(0, pages, 0);
  REQUIRE(table.Realize(range(0, pages)).ok());
  CHECK(read(1) == 1);
  host.Arm(tear);
  map(1, pages - 2, pages + 1);

  CHECK(host.error() == (tear == Tear::kSealFutureWrite ? EPERM : ENOMEM));
  CHECK(host.lost());
  CHECK(table.Verify() == absl::OkStatus());
  CHECK(read(0) == 0);
  CHECK(read(1) == pages + 1);
  CHECK(read(pages - 2) == 2 * pages - 2);
  CHECK(read(pages - 1) == pages - 1);
  CHECK(table.Verify() == absl::OkStatus());
}

bool Tears(const HostBehaviour::Answer& answer) {
  if (answer.loses.value_or(false)) return true;
  WARN("skipped: this host " << (answer.loses.has_value() ? "keeps the mapping: " : "can't be tried: ")
                             << answer.reason);
  return false;
}

TEST_CASE("Where a file sealed against future writes tears the mapping, direct loses nothing") {
  LinuxHost host;
  if (Tears(ProbeHostAtStart(host).seal_future_write)) ReplaceWhileTheHostTears(Tear::kSealFutureWrite, 16);
}

TEST_CASE("Where private memory beyond the host's tears the mapping, direct loses nothing") {
  LinuxHost host;
  if (!Tears(ProbeHostAtStart(host).private_over_memory)) return;
  struct sysinfo info {};
  REQUIRE(sysinfo(&info) == 0);
  const uint64_t memory = (info.totalram + info.totalswap) * info.mem_unit;
  ReplaceWhileTheHostTears(Tear::kPrivateOverMemory, memory / mm::kPageSize + (uint64_t{64} << 20) / mm::kPageSize);
}

}  // namespace
}  // namespace zirconia::platform
