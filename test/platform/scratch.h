// Directories, files and processes that a test needs for a moment.
#ifndef ZIRCONIA_TEST_PLATFORM_SCRATCH_H_
#define ZIRCONIA_TEST_PLATFORM_SCRATCH_H_

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <string>

namespace zirconia::test {

// A directory that goes with all that is in it.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A descriptor; closed when it goes.
class OpenFile {
 public:
  OpenFile(const std::string& path, int flags, unsigned mode = 0600);
  explicit OpenFile(int fd) : fd_(fd) {}
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Runs `body` in a forked child; the child's exit status is what it returns. Returns at once with the child's number.
pid_t StartChild(const std::function<int()>& body);
// Waits for a child. Its exit status; or minus the signal that ended it.
int WaitForChild(pid_t child);
// Both.
int InChild(const std::function<int()>& body);

// How many descriptors this process has open.
size_t OpenDescriptors();

}  // namespace zirconia::test

#endif  // ZIRCONIA_TEST_PLATFORM_SCRATCH_H_
