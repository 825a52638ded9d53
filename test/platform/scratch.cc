#include "test/platform/scratch.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace zirconia::test {

ScratchDirectory::ScratchDirectory() {
  const char* const where = std::getenv("TMPDIR");
  path_ = std::string(where != nullptr ? where : "/tmp") + "/zirconia-scratch-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("can't make a directory in " + path_);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

OpenFile::OpenFile(const std::string& path, int flags, unsigned mode)
    : fd_(open(path.c_str(), flags | O_CLOEXEC, mode)) {
  if (fd_ < 0) throw std::runtime_error("can't open " + path);
}

OpenFile::~OpenFile() {
  if (fd_ >= 0) close(fd_);
}

pid_t StartChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) _exit(body());
  return child;
}

int WaitForChild(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw std::runtime_error("waitpid failed");
  }
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int InChild(const std::function<int()>& body) { return WaitForChild(StartChild(body)); }

size_t OpenDescriptors() {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) count += entry.exists() ? 1 : 0;
  return count;
}

}  // namespace zirconia::test
