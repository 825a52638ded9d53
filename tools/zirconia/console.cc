#include "tools/zirconia/console.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <mutex>

#include "absl/strings/str_cat.h"

namespace zirconia::cli {

void ReserveStandardDescriptors() {
  // open gives the lowest number that is free.
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    if (open("/dev/null", O_RDONLY) < 0) return;
  }
}

void Say(absl::string_view text) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  std::cerr << text << std::flush;
}

bool WriteStdout(absl::string_view text) {
  static bool said = false;
  while (!text.empty()) {
    const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {  // somebody made it non-blocking
      pollfd writable{STDOUT_FILENO, POLLOUT, 0};
      poll(&writable, 1, -1);
      continue;
    }
    if (n < 0 && errno != EPIPE && !said) {
      said = true;
      Say(absl::StrCat("zirconia: can't write to standard output: ", std::strerror(errno), "\n"));
    }
    return false;
  }
  return true;
}

}  // namespace zirconia::cli
