#include "platform/doctor/scratch_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace zirconia::platform::doctor {
namespace {

[[noreturn]] void RunChild(const std::function<std::string()>& probe, int output) {
  (void)setpgid(0, 0);
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit no_core{0, 0};
  (void)setrlimit(RLIMIT_CORE, &no_core);
  // What crashes here dies at once, whatever handlers the process had.
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT}) (void)::signal(signal, SIG_DFL);
  const std::string result = probe();
  size_t done = 0;
  while (done < result.size()) {
    const ssize_t count = write(output, result.data() + done, result.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) _exit(1);
    done += static_cast<size_t>(count);
  }
  _exit(0);
}

// Reads until all writers are gone; false: the deadline came first.
bool ReadUntil(int fd, absl::Time deadline, std::string* text) {
  std::array<char, 4096> buffer;
  while (true) {
    const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    if (left <= 0) return false;
    pollfd ready{fd, POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(left)) <= 0) continue;
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return true;
    text->append(buffer.data(), static_cast<size_t>(count));
  }
}

}  // namespace

absl::StatusOr<std::string> RunInScratchProcess(const std::function<std::string()>& probe, absl::Duration limit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  const pid_t child = fork();
  if (child < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return absl::ErrnoToStatus(error, "fork");
  }
  if (child == 0) {
    close(ends[0]);
    RunChild(probe, ends[1]);
  }
  (void)setpgid(child, child);  // whichever of the two comes first
  close(ends[1]);
  std::string text;
  const bool in_time = ReadUntil(ends[0], absl::Now() + limit, &text);
  close(ends[0]);
  // All that it started goes too, also where it ended by itself.
  (void)kill(-child, SIGKILL);
  if (!in_time) (void)kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return absl::DeadlineExceededError(absl::StrCat("it still ran after ", absl::FormatDuration(limit)));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
  if (WIFSIGNALED(status)) return absl::AbortedError(absl::StrCat("it died of SIG", sigabbrev_np(WTERMSIG(status))));
  return absl::AbortedError(absl::StrCat("it exited with status ", WEXITSTATUS(status)));
}

}  // namespace zirconia::platform::doctor
