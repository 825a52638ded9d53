#include "test/support/command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace zirconia::test {
namespace {

// Both ends of a pipe; closed when it goes.
struct Pipe {
  std::array<int, 2> fd{-1, -1};
  Pipe() {
    if (pipe2(fd.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  }
  ~Pipe() {
    CloseEnd(0);
    CloseEnd(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void CloseEnd(size_t i) {
    if (fd.at(i) >= 0) close(fd.at(i));
    fd.at(i) = -1;
  }
};

}  // namespace

CommandResult RunCommand(const std::vector<std::string>& words, int seconds) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
  argv.push_back(nullptr);

  std::array<Pipe, 2> pipes;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipes[0].fd[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipes[1].fd[1], STDERR_FILENO);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("can't run " + words[0]);
  for (Pipe& p : pipes) p.CloseEnd(1);

  CommandResult result;
  std::array<std::string*, 2> texts{&result.out, &result.err};
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::array<bool, 2> open{true, true};
  while (open[0] || open[1]) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    if (left <= 0) {
      result.timed_out = true;
      kill(pid, SIGKILL);
      break;
    }
    std::array<pollfd, 2> polled{
        {{open[0] ? pipes[0].fd[0] : -1, POLLIN, 0}, {open[1] ? pipes[1].fd[0] : -1, POLLIN, 0}}};
    poll(polled.data(), polled.size(), static_cast<int>(left));
    for (size_t i = 0; i < polled.size(); ++i) {
      if (polled.at(i).revents == 0) continue;
      std::array<char, 65536> buffer{};
      const ssize_t n = read(polled.at(i).fd, buffer.data(), buffer.size());
      if (n > 0) texts.at(i)->append(buffer.data(), static_cast<size_t>(n));
      if (n == 0 || (n < 0 && errno != EINTR)) open.at(i) = false;
    }
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

TemporaryFile::TemporaryFile(const std::string& content) {
  const char* folder = std::getenv("TMPDIR");
  path_ = std::string(folder != nullptr ? folder : "/tmp") + "/zirconia-test-XXXXXX";
  const int fd = mkstemp(path_.data());
  if (fd < 0) throw std::runtime_error("can't make a temporary file in " + path_);
  for (size_t done = 0; done < content.size();) {
    const ssize_t n = write(fd, content.data() + done, content.size() - done);
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  close(fd);
}

TemporaryFile::~TemporaryFile() { unlink(path_.c_str()); }

}  // namespace zirconia::test
