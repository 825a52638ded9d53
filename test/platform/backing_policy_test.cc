// Where the machine's memory comes from, on hosts that refuse some kinds of file.
#include "platform/backing_policy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <vector>

#include "platform/backing_file.h"
#include "platform/backing_sweep.h"
#include "platform/host_faulty.h"
#include "platform/host_linux.h"
#include "platform/host_models.h"
#include "platform/host_page_table.h"
#include "platform/map_budget.h"
#include "platform/window.h"
#include "test/platform/scratch.h"

namespace zirconia::platform {
namespace {

using Catch::Matchers::Contains;
using mm::FrameNumber;
using mm::PageCount;

BackingFile::Options Wanted(std::string_view choice) {
  const auto parsed = BackingChoice::Parse(choice);
  REQUIRE(parsed.ok());
  BackingFile::Options options;
  options.size = PageCount(16);
  options.backing = *parsed;
  return options;
}

uint64_t LinksOf(int fd) {
  struct stat info {};
  REQUIRE(fstat(fd, &info) == 0);
  return info.st_nlink;
}

size_t FilesIn(const test::ScratchDirectory& directory) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory.path()), {}));
}

// Writes through the kernel's mapping, and sees it through an executable one.
void CheckMemoryWorks(BackingFile& file) {
  REQUIRE(file.Secure({FrameNumber(3), PageCount(2)}).ok());
  *file.data(FrameNumber(4)) = std::byte{42};
  void* const code = mmap(nullptr, mm::kPageSize, PROT_READ | PROT_EXEC, MAP_SHARED, file.fd(), 4 * mm::kPageSize);
  REQUIRE(code != MAP_FAILED);
  CHECK(*static_cast<const std::byte*>(code) == std::byte{42});
  munmap(code, mm::kPageSize);
  REQUIRE(file.Discard({FrameNumber(4), PageCount(1)}).ok());
  CHECK(*file.data(FrameNumber(4)) == std::byte{0});
  CHECK((fcntl(file.fd(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("Every backing policy gives memory that guests can run in, and only a kept file stays") {
  struct Case {
    std::string choice;
    BackingPolicy policy;
    uint64_t links;
    bool sealed;
    size_t left;
  };
  const test::ScratchDirectory directory;
  const std::string in = ":" + directory.path();
  const std::vector<Case> cases{
      {"memfd", BackingPolicy::kMemfd, 0, true, 0},
      {"tmpfile" + in, BackingPolicy::kTmpfile, 0, false, 0},
      {"unlinked" + in, BackingPolicy::kUnlinked, 0, false, 0},
      {"unlink-late" + in, BackingPolicy::kUnlinkLate, 0, false, 0},
      {"unlink-at-exit" + in, BackingPolicy::kUnlinkAtExit, 1, false, 0},
      {"kept" + in + "/memory", BackingPolicy::kKept, 1, false, 1},
  };
  const Case& c = cases[GENERATE(range(size_t{0}, size_t{6}))];
  INFO(c.choice);
  LinuxHost host;
  auto file = BackingFile::Create(host, Wanted(c.choice));
  REQUIRE(file.ok());
  CHECK((*file)->policy() == c.policy);
  CHECK(LinksOf((*file)->fd()) == c.links);
  CHECK((*file)->size_is_sealed() == c.sealed);
  CheckMemoryWorks(**file);
  file->reset();
  CHECK(FilesIn(directory) == c.left);
}

TEST_CASE("A kept file holds the machine's last state, and is never written over") {
  const test::ScratchDirectory directory;
  const std::string path = directory.path() + "/memory";
  LinuxHost host;
  auto file = BackingFile::Create(host, Wanted("kept:" + path));
  REQUIRE(file.ok());
  REQUIRE((*file)->Secure({FrameNumber(0), PageCount(1)}).ok());
  *(*file)->data(FrameNumber(0)) = std::byte{7};
  file->reset();
  CHECK(std::filesystem::file_size(path) == 16 * mm::kPageSize);

  const absl::Status again = BackingFile::Create(host, Wanted("kept:" + path)).status();
  CHECK(again.code() == absl::StatusCode::kAlreadyExists);
  CHECK_THAT(std::string(again.message()), Contains(path));
  const test::OpenFile kept(path, O_RDONLY);
  char byte = 0;
  REQUIRE(pread(kept.fd(), &byte, 1, 0) == 1);
  CHECK(byte == 7);
  CHECK(BackingFile::Create(host, Wanted("kept:" + directory.path() + "/zirconia-0123456789abcdef.memory"))
            .status()
            .code() == absl::StatusCode::kInvalidArgument);
}

// Hosts that refuse: what they do is what the switches say.
class OtherHost final : public ForwardingHost {
 public:
  using ForwardingHost::ForwardingHost;
  HostResult<int> MemfdCreate(const char* name, unsigned flags) override {
    if (no_memfd) return {-1, ENOSYS};
    const HostResult<int> fd = base().MemfdCreate(name, flags);
    if (fd.ok()) memfd = fd.value;
    return fd;
  }
  HostResult<int> Open(const char* path, int flags, unsigned mode) override {
    if ((flags & O_TMPFILE) == O_TMPFILE && tmpfile_error != 0) return {-1, tmpfile_error};
    if ((flags & O_CREAT) != 0 && create_error != 0) return {-1, create_error};
    return base().Open(path, flags, mode);
  }
  HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                             uint64_t offset) override {
    if ((protection & PROT_EXEC) != 0) {
      if (memfd_noexec && fd == memfd) return {0, EACCES};
      // macOS: whoever judges the file wants to read it by its name.
      const bool judged = first_mapping_judges && judged_ == fd;
      if (needs_name && LinksOf(fd) == 0 && !judged) return {0, EPERM};
      judged_ = fd;
    }
    return base().Mmap(address, length, protection, flags, fd, offset);
  }
  HostOutcome Fallocate(int fd, int mode, uint64_t offset, uint64_t length) override {
    if (fallocate_error != 0) return {fallocate_error};
    return base().Fallocate(fd, mode, offset, length);
  }
  HostOutcome Close(int fd) override {
    if (fd == memfd) memfd = -1;
    if (fd == judged_) judged_ = -1;
    return base().Close(fd);
  }
  HostOutcome Flock(int fd, int operation) override {
    if (flock_error != 0) return {flock_error};
    return base().Flock(fd, operation);
  }
  bool no_memfd = false;
  bool memfd_noexec = false;
  bool needs_name = false;
  bool first_mapping_judges = false;
  int tmpfile_error = 0;
  int create_error = 0;
  int fallocate_error = 0;
  int flock_error = 0;
  int memfd = -1;

 private:
  int judged_ = -1;
};

TEST_CASE("auto takes the first kind of file that the host allows") {
  const test::ScratchDirectory directory;
  LinuxHost linux_host;
  OtherHost host(linux_host);
  const auto chosen = [&] {
    auto file = BackingFile::Create(host, Wanted("auto:" + directory.path()));
    REQUIRE(file.ok());
    CheckMemoryWorks(**file);
    return (*file)->policy();
  };
  CHECK(chosen() == BackingPolicy::kMemfd);
  SECTION("a host without memfd") {
    host.no_memfd = true;
    CHECK(chosen() == BackingPolicy::kTmpfile);
  }
  SECTION("a host that forbids executable memfds") {
    host.memfd_noexec = true;
    CHECK(chosen() == BackingPolicy::kTmpfile);
  }
  SECTION("neither memfd nor O_TMPFILE") {
    host.no_memfd = true;
    host.tmpfile_error = EOPNOTSUPP;
    CHECK(chosen() == BackingPolicy::kUnlinked);
  }
  SECTION("a host that runs only what has a name when it is first mapped") {
    host.needs_name = true;
    host.first_mapping_judges = true;
    CHECK(chosen() == BackingPolicy::kUnlinkLate);
  }
  SECTION("a host that runs only what has a name") {
    host.needs_name = true;
    CHECK(chosen() == BackingPolicy::kUnlinkAtExit);
  }
  CHECK(FilesIn(directory) == 0);
}

TEST_CASE("On the models of other hosts auto finds what works there") {
  const test::ScratchDirectory directory;
  LinuxHost linux_host;
  const auto chosen = [&](Host& host) {
    auto file = BackingFile::Create(host, Wanted("auto:" + directory.path()));
    REQUIRE(file.ok());
    CheckMemoryWorks(**file);
    return (*file)->policy();
  };
  NoMemfdHost old(linux_host);
  CHECK(chosen(old) == BackingPolicy::kTmpfile);
  MacHost mac(linux_host);
  CHECK(chosen(mac) == BackingPolicy::kUnlinkAtExit);
  CHECK(FilesIn(directory) == 0);
}

TEST_CASE("Whichever call fails while a backing file is made, nothing is left behind") {
  const test::ScratchDirectory directory;
  LinuxHost linux_host;
  FaultyHost host(linux_host);
  const char* const policy = GENERATE("tmpfile", "unlinked", "unlink-late", "unlink-at-exit", "kept", "memfd");
  std::string choice = policy;
  if (choice == "kept") choice += ":" + directory.path() + "/memory";
  if (choice != "kept" && choice != "memfd" && choice.find(':') == std::string::npos) choice += ":" + directory.path();
  INFO(choice);
  const size_t before = test::OpenDescriptors();
  uint64_t failed = 0;
  for (uint64_t k = 1;; ++k) {
    host.Fail({k, 1, FaultMode::kBefore, EIO, HostCallSet::All()});
    auto file = BackingFile::Create(host, Wanted(choice));
    const bool fired = host.fired() != 0;
    host.StopFailing();
    // What only cleans up, sweeps or looks closer may fail without harm.
    if (file.ok()) file->reset();
    if (choice.substr(0, 4) == "kept") std::filesystem::remove(directory.path() + "/memory");
    // A failing unlink leaves what the next run sweeps.
    SweepStaleFiles(linux_host, directory.path());
    CHECK(FilesIn(directory) == 0);
    CHECK(test::OpenDescriptors() == before);
    if (!fired) break;
    ++failed;
  }
  CHECK(failed >= 5);
}

TEST_CASE("A policy that was chosen by name is followed, or the error names the cause") {
  const test::ScratchDirectory directory;
  LinuxHost linux_host;
  OtherHost host(linux_host);
  const auto refusal = [&](const std::string& policy) {
    const absl::Status s =
        BackingFile::Create(host, Wanted(policy == "memfd" ? policy : policy + ":" + directory.path())).status();
    CHECK_FALSE(s.ok());
    CHECK(s.message().find('\n') == absl::string_view::npos);
    CHECK(FilesIn(directory) == 0);
    return std::string(s.message());
  };
  SECTION("no memfd") {
    host.no_memfd = true;
    CHECK_THAT(refusal("memfd"), Contains("memfd_create doesn't exist"));
  }
  SECTION("memfd without executable mappings") {
    host.memfd_noexec = true;
    CHECK_THAT(refusal("memfd"), Contains("executable") && Contains("EACCES"));
  }
  SECTION("no O_TMPFILE") {
    host.tmpfile_error = GENERATE(EOPNOTSUPP, EISDIR);
    CHECK_THAT(refusal("tmpfile"), Contains("no O_TMPFILE") && Contains(directory.path()));
  }
  SECTION("a full disk") {
    host.fallocate_error = GENERATE(ENOSPC, EDQUOT);
    CHECK_THAT(refusal(GENERATE("tmpfile", "unlinked", "unlink-late", "unlink-at-exit")),
               Contains("the disk is full") && Contains(directory.path()));
  }
  SECTION("a file system that can't punch holes") {
    host.fallocate_error = EOPNOTSUPP;
    CHECK_THAT(refusal("unlink-at-exit"), Contains("fallocate"));
  }
  SECTION("a read-only directory") {
    host.create_error = host.tmpfile_error = EROFS;
    CHECK_THAT(refusal(GENERATE("tmpfile", "unlinked", "unlink-at-exit")), Contains("read-only"));
  }
  SECTION("a directory that isn't ours") {
    host.create_error = host.tmpfile_error = EACCES;
    CHECK_THAT(refusal(GENERATE("tmpfile", "unlink-late")), Contains("isn't writable"));
  }
  SECTION("a file system without locks: stale files couldn't be told from living ones") {
    host.flock_error = ENOLCK;
    CHECK_THAT(refusal(GENERATE("unlinked", "unlink-at-exit")), Contains("flock"));
  }
  SECTION("a host that runs only what has a name") {
    host.needs_name = true;
    CHECK_THAT(refusal("unlinked"), Contains("executable") && Contains("EPERM") && Contains("name"));
    CHECK_THAT(refusal("unlink-late"), Contains("executable"));
  }
}

TEST_CASE("Where no policy works, the error says of each what the host refused") {
  const test::ScratchDirectory directory;
  LinuxHost linux_host;
  OtherHost host(linux_host);
  host.no_memfd = true;
  host.tmpfile_error = EISDIR;
  host.create_error = EROFS;
  const absl::Status s = BackingFile::Create(host, Wanted("auto:" + directory.path())).status();
  CHECK(s.code() == absl::StatusCode::kFailedPrecondition);
  CHECK_THAT(std::string(s.message()), Contains("memfd_create doesn't exist") && Contains("no O_TMPFILE") &&
                                           Contains("unlinked") && Contains("unlink-at-exit") && Contains("read-only"));
}

TEST_CASE("A disk that fills up later is RESOURCE_EXHAUSTED when frames are secured") {
  const test::ScratchDirectory directory;
  LinuxHost linux_host;
  OtherHost host(linux_host);
  auto file = BackingFile::Create(host, Wanted("tmpfile:" + directory.path()));
  REQUIRE(file.ok());
  host.fallocate_error = ENOSPC;
  CHECK((*file)->Secure({FrameNumber(0), PageCount(1)}).code() == absl::StatusCode::kResourceExhausted);
  host.fallocate_error = 0;
  CHECK((*file)->Secure({FrameNumber(0), PageCount(1)}).ok());
}

TEST_CASE("Real mounts: noexec, read-only and full file systems are refused by name, and auto goes on") {
  const test::ScratchDirectory directory;
  // In a mount namespace of its own, so that nobody else sees these mounts; 77: this host doesn't allow one.
  const int code = test::InChild([&] {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 77;
    LinuxHost host;
    const auto refusal = [&](unsigned long flags, const char* options) {
      if (mount("scratch", directory.path().c_str(), "tmpfs", flags, options) != 0) return std::string("no mount");
      const auto file = BackingFile::Create(host, Wanted("unlink-at-exit:" + directory.path()));
      return std::string(file.ok() ? "no refusal" : file.status().message());
    };
    if (refusal(MS_NOEXEC, "") == "no mount") return 77;
    if (refusal(MS_NOEXEC, "").find("noexec") == std::string::npos) return 1;
    if (refusal(MS_RDONLY, "").find("read-only") == std::string::npos) return 2;
    auto automatic = Wanted("tmpfile,memfd");
    automatic.backing.directory = directory.path();
    const auto file = BackingFile::Create(host, automatic);
    if (!file.ok() || (*file)->policy() != BackingPolicy::kMemfd) return 3;
    return 0;
  });
  if (code == 77) WARN("this host allows no mount namespace: not tried");
  CHECK((code == 0 || code == 77));
}

// What a page table over `file` finds wrong, also after the host has torn what stood there.
absl::Status UseAndLose(LinuxHost& linux_host, BackingFile& file) {
  FaultyHost host(linux_host);
  const auto window = Window::Create(host, mm::ByteSize(8 * mm::kPageSize));
  if (!window.ok()) return window.status();
  MapBudget budget(100);
  HostPageTable table(**window, file, budget);
  const mm::VirtRange range = (*window)->range();
  table.Commit(std::vector{mm::PageTableEdit::Map(range, FrameNumber(0), mm::Protection::ReadWrite())});
  if (absl::Status s = table.Realize(range); !s.ok()) return s;
  if (absl::Status s = table.Verify(); !s.ok()) return s;
  host.FailAt(1, 1, FaultMode::kTearHalf, ENODEV);
  table.Commit(std::vector{mm::PageTableEdit::Map(range, FrameNumber(1), mm::Protection::ReadWrite())});
  if (host.fired() != 1) return absl::InternalError("nothing was torn");
  return table.Verify();
}

TEST_CASE(
    "On a stacked file system, whose files have other numbers in /proc/self/maps, nothing is taken for a stranger") {
  const test::ScratchDirectory directory;
  const int code = test::InChild([&] {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 77;
    // Its layers lie on two file systems: on one, the numbers are the same.
    const std::string& top = directory.path();
    for (const char* name : {"/lower", "/upper", "/merged"}) mkdir((top + name).c_str(), 0700);
    if (mount("scratch", (top + "/upper").c_str(), "tmpfs", 0, "") != 0) return 77;
    for (const char* name : {"/upper/files", "/upper/work"}) mkdir((top + name).c_str(), 0700);
    const std::string options =
        "lowerdir=" + top + "/lower,upperdir=" + top + "/upper/files,workdir=" + top + "/upper/work";
    if (mount("scratch", (top + "/merged").c_str(), "overlay", 0, options.c_str()) != 0) return 77;
    LinuxHost host;
    const auto file = BackingFile::Create(host, Wanted("unlinked:" + top + "/merged"));
    if (!file.ok()) return 1;
    const absl::Status status = UseAndLose(host, **file);
    if (!status.ok()) std::cerr << status << "\n";
    return status.ok() ? 0 : 2;
  });
  if (code == 77) WARN("this host allows no mount namespace, or has no overlayfs: not tried");
  CHECK((code == 0 || code == 77));
}

TEST_CASE("A backing file beyond the limit on file sizes is an error") {
  const test::ScratchDirectory directory;
  const int code = test::InChild([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{mm::kPageSize, mm::kPageSize};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    LinuxHost host;
    const auto file = BackingFile::Create(host, Wanted("tmpfile:" + directory.path()));
    return !file.ok() && file.status().message().find("ftruncate") != absl::string_view::npos ? 0 : 2;
  });
  CHECK(code == 0);
}

TEST_CASE("A choice of backing is written as policies and a place") {
  const auto parsed = BackingChoice::Parse("unlink-late,memfd:/somewhere");
  REQUIRE(parsed.ok());
  CHECK(parsed->policies == std::vector{BackingPolicy::kUnlinkLate, BackingPolicy::kMemfd});
  CHECK(parsed->directory == "/somewhere");
  const auto kept = BackingChoice::Parse("kept:a:b");
  REQUIRE(kept.ok());
  CHECK(kept->path == "a:b");
  CHECK(BackingChoice::Parse("auto")->policies.size() == 5);
  for (const char* bad :
       {"", "memfd:", "memfd:/tmp", "kept", "kept,memfd:/x", "auto,memfd", "Memfd", "tmpfile:", ","}) {
    INFO(bad);
    CHECK(BackingChoice::Parse(bad).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace zirconia::platform
