// Files of crashed runs go, files of living runs stay: with processes that are really killed.
#include "platform/backing_sweep.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <vector>

#include "platform/backing_storage.h"
#include "platform/host_linux.h"
#include "test/platform/scratch.h"

namespace zirconia::platform {
namespace {

namespace fs = std::filesystem;

BackingStorage::Options NamedIn(const std::string& directory) {
  BackingStorage::Options options;
  options.policy = BackingPolicy::kUnlinkAtExit;
  options.directory = directory;
  options.size = 4 * mm::kPageSize;
  options.needs_executable = false;
  return options;
}

size_t FilesIn(const std::string& directory) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(directory), {}));
}

// A process that has a backing file in `directory` until it is killed.
class Owner {
 public:
  explicit Owner(const std::string& directory) {
    std::array<int, 2> ready{};
    REQUIRE(pipe2(ready.data(), O_CLOEXEC) == 0);
    pid_ = test::StartChild([&] {
      LinuxHost host;
      const auto storage = BackingStorage::Create(host, NamedIn(directory));
      if (!storage.ok() || write(ready[1], "x", 1) != 1) return 1;
      while (true) pause();
    });
    close(ready[1]);
    char byte = 0;
    REQUIRE(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
  }
  ~Owner() { Kill(); }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  void Kill() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    CHECK(test::WaitForChild(pid_) == -SIGKILL);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

TEST_CASE("The next run sweeps the files of killed runs, and never those of living ones") {
  const test::ScratchDirectory directory;
  LinuxHost host;
  Owner lives(directory.path());
  Owner dies(directory.path());
  CHECK(FilesIn(directory.path()) == 2);
  CHECK(SweepStaleFiles(host, directory.path()) == 0);
  dies.Kill();
  CHECK(FilesIn(directory.path()) == 2);
  {
    const auto next = BackingStorage::Create(host, NamedIn(directory.path()));
    REQUIRE(next.ok());
    CHECK(FilesIn(directory.path()) == 2);  // the living one's, and ours
    CHECK(SweepStaleFiles(host, directory.path()) == 0);
  }
  CHECK(FilesIn(directory.path()) == 1);
  lives.Kill();
  CHECK(SweepStaleFiles(host, directory.path()) == 1);
  CHECK(FilesIn(directory.path()) == 0);
}

TEST_CASE("What only has a similar name, or is no file of ours, isn't swept") {
  const test::ScratchDirectory directory;
  const std::string good = "/zirconia-0123456789abcdef.memory";
  const auto touch = [&](const std::string& name) { std::ofstream(directory.path() + name) << "content"; };
  LinuxHost host;
  SECTION("similar names") {
    for (const char* name : {"/zirconia-0123456789abcdef.memory2", "/zirconia-0123456789abcde.memory",
                             "/zirconia-0123456789abcdeg.memory", "/azirconia-0123456789abcdef.memory", "/memory"}) {
      touch(name);
    }
    CHECK(SweepStaleFiles(host, directory.path()) == 0);
    CHECK(FilesIn(directory.path()) == 5);
  }
  SECTION("a symbolic link") {
    touch("/precious");
    fs::create_symlink(directory.path() + "/precious", directory.path() + good);
    CHECK(SweepStaleFiles(host, directory.path()) == 0);
    CHECK(FilesIn(directory.path()) == 2);
  }
  SECTION("a file that has another name too") {
    touch("/precious");
    fs::create_hard_link(directory.path() + "/precious", directory.path() + good);
    CHECK(SweepStaleFiles(host, directory.path()) == 0);
  }
  SECTION("a FIFO, a directory") {
    REQUIRE(mkfifo((directory.path() + good).c_str(), 0600) == 0);
    fs::create_directory(directory.path() + "/zirconia-fedcba9876543210.memory");
    CHECK(SweepStaleFiles(host, directory.path()) == 0);
    CHECK(FilesIn(directory.path()) == 2);
  }
  SECTION("a file of another user") {
    touch(good);
    if (chown((directory.path() + good).c_str(), 12345, 12345) == 0) {
      CHECK(SweepStaleFiles(host, directory.path()) == 0);
    }
  }
  SECTION("a directory that isn't there") { CHECK(SweepStaleFiles(host, directory.path() + "/none") == 0); }
}

// Another process acts exactly between two calls of the one that creates a file.
class RacingHost final : public ForwardingHost {
 public:
  using ForwardingHost::ForwardingHost;
  HostResult<int> Open(const char* path, int flags, unsigned mode) override {
    const HostResult<int> fd = base().Open(path, flags, mode);
    if (fd.ok() && (flags & O_CREAT) != 0 && after_create) std::exchange(after_create, nullptr)(path);
    return fd;
  }
  std::function<void(const char* path)> after_create;
};

TEST_CASE("A sweep between creating a file and locking it costs the creator a second attempt, never its file") {
  const test::ScratchDirectory directory;
  LinuxHost linux_host;
  RacingHost host(linux_host);
  int locked = -1;
  bool acted = false;
  SECTION("the sweeper is done already") {
    host.after_create = [&](const char*) { acted = SweepStaleFiles(linux_host, directory.path()) == 1; };
  }
  SECTION("the sweeper has the lock and is about to unlink") {
    host.after_create = [&](const char* path) {
      locked = open(path, O_RDWR | O_CLOEXEC);
      acted = flock(locked, LOCK_EX) == 0;
    };
  }
  const auto storage = BackingStorage::Create(host, NamedIn(directory.path()));
  CHECK(acted);
  REQUIRE(storage.ok());
  struct stat open_file {};
  struct stat named {};
  REQUIRE(fstat((*storage)->fd(), &open_file) == 0);
  REQUIRE(stat((*storage)->path().c_str(), &named) == 0);
  CHECK(open_file.st_ino == named.st_ino);
  CHECK(SweepStaleFiles(linux_host, directory.path()) == 0);
  if (locked >= 0) close(locked);
}

TEST_CASE("Runs that start, end and are killed while others sweep never lose the file of a living one") {
  const test::ScratchDirectory directory;
  constexpr int kOwners = 4;
  constexpr int kRounds = 150;
  std::vector<pid_t> owners;
  owners.reserve(kOwners);
  for (int i = 0; i < kOwners; ++i) {
    owners.push_back(test::StartChild([&, i] {
      LinuxHost host;
      for (int round = 0; round < kRounds; ++round) {
        auto storage = BackingStorage::Create(host, NamedIn(directory.path()));
        if (!storage.ok()) return 1;
        for (int look = 0; look < 5; ++look) {
          struct stat info {};
          if (fstat((*storage)->fd(), &info) != 0 || info.st_nlink != 1) return 2;
          if (access((*storage)->path().c_str(), F_OK) != 0) return 3;
        }
        // Each leaves some files of a crash behind: a child dies with a file of its own.
        if (round % 10 == i) {
          const int died = test::InChild([&] {
            const auto lost = BackingStorage::Create(host, NamedIn(directory.path()));
            if (lost.ok()) kill(getpid(), SIGKILL);
            return 1;
          });
          if (died != -SIGKILL) return 4;
        }
      }
      return 0;
    }));
  }
  LinuxHost host;
  for (int i = 0; i < 500; ++i) SweepStaleFiles(host, directory.path());
  for (const pid_t owner : owners) CHECK(test::WaitForChild(owner) == 0);
  SweepStaleFiles(host, directory.path());
  CHECK(FilesIn(directory.path()) == 0);
}

}  // namespace
}  // namespace zirconia::platform
