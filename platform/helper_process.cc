#include "platform/helper_process.h"

#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "absl/strings/str_cat.h"

namespace zirconia::platform {
namespace {

constexpr const char* kSelf = "/proc/self/exe";

absl::Status CheckOnDisk(Host& host, const std::string& path) {
  const HostResult<FileIdentity> file = host.Stat(path.c_str());
  if (file.error == ENOENT || file.error == ENOTDIR) {
    return absl::NotFoundError(
        absl::StrCat("can't start '", path, "': the executable isn't on disk; was it deleted, or is it being built?"));
  }
  if (!file.ok()) return absl::ErrnoToStatus(file.error, absl::StrCat("can't start '", path, "'"));
  if (!S_ISREG(file.value.mode)) {
    return absl::FailedPreconditionError(absl::StrCat("can't start '", path, "': it isn't a file"));
  }
  return absl::OkStatus();
}

// What posix_spawn does to descriptors in the child.
class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  int Duplicate(int from, int to) { return posix_spawn_file_actions_adddup2(&actions_, from, to); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

absl::StatusOr<int> SpawnHelper(Host& host, const HelperOptions& options) {
  if (absl::Status s = CheckOnDisk(host, options.path); !s.ok()) return s;
  FileActions actions;
  for (const auto& [from, to] : options.descriptors) {
    if (const int error = actions.Duplicate(from, to); error != 0) {
      return absl::ErrnoToStatus(error, "posix_spawn_file_actions_adddup2");
    }
  }
  std::vector<char*> argv{const_cast<char*>(options.path.c_str())};
  for (const std::string& argument : options.arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const HostResult<int> pid = host.Spawn(options.path.c_str(), actions.get(), argv.data(), environ);
  if (pid.ok()) return pid.value;
  // It may have gone since.
  if (absl::Status s = CheckOnDisk(host, options.path); !s.ok()) return s;
  return absl::ErrnoToStatus(pid.error, absl::StrCat("can't start '", options.path, "'"));
}

absl::StatusOr<int> WaitForHelper(Host& host, int pid) {
  while (true) {
    int status = 0;
    const HostResult<int> waited = host.Waitpid(pid, &status, 0);
    if (waited.error == EINTR) continue;
    if (!waited.ok()) return absl::ErrnoToStatus(waited.error, "waitpid");
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
}

absl::StatusOr<std::string> OwnExecutable(Host& host) {
  std::string path(PATH_MAX, '\0');
  const HostResult<size_t> length = host.Readlink(kSelf, path.data(), path.size());
  if (!length.ok()) return absl::ErrnoToStatus(length.error, absl::StrCat("readlink of ", kSelf));
  path.resize(length.value);
  const HostResult<FileIdentity> running = host.Stat(kSelf);  // also where no name leads to it any more
  if (!running.ok()) return absl::ErrnoToStatus(running.error, absl::StrCat("stat of ", kSelf));
  // The host shows the last name of a deleted file with this mark; a living one may be named so too.
  constexpr absl::string_view kDeleted = " (deleted)";
  HostResult<FileIdentity> there = host.Stat(path.c_str());
  const bool marked =
      path.size() > kDeleted.size() && absl::string_view(path).substr(path.size() - kDeleted.size()) == kDeleted;
  if (!there.ok() && marked) {
    path.resize(path.size() - kDeleted.size());
    there = host.Stat(path.c_str());
  }
  if (!there.ok()) {
    return absl::NotFoundError(absl::StrCat("this program's executable, '", path, "', was deleted since it started"));
  }
  if (there.value.device != running.value.device || there.value.inode != running.value.inode) {
    return absl::FailedPreconditionError(
        absl::StrCat("this program's executable, '", path, "', was replaced since it started: start it again"));
  }
  return path;
}

}  // namespace zirconia::platform
