// Seals, descriptors that go to another process, and files that are no longer there.
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "platform/doctor/small_program.h"
#include "platform/doctor/trial.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace zirconia::platform::doctor {
namespace {

// --- Seals

Finding SealSize() {
  const int fd = MakeFile(2);
  if (fd < 0) return Failed("memfd_create");
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0) return YesOrErrno(false);
  return {ftruncate(fd, 0) != 0 && ftruncate(fd, 4 * kPage) != 0, ""};
}

// F_ADD_SEALS(F_SEAL_WRITE) while a shared mapping lives that has `protection`.
Finding SealWriteOver(int protection) {
  const int fd = MakeFile(1);
  if (fd < 0) return Failed("memfd_create");
  if (MapShared(fd, 1, protection) == nullptr) return Failed("mmap");
  return YesOrErrno(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);
}
Finding SealWriteOverWritable() { return SealWriteOver(PROT_READ | PROT_WRITE); }
Finding SealWriteOverReadable() { return SealWriteOver(PROT_READ); }

Finding MapWriteSealed() {
  const int fd = MakeFile(1);
  if (fd < 0) return Failed("memfd_create");
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0) return Failed("F_SEAL_WRITE");
  return YesOrErrno(MapShared(fd, 1, PROT_READ) != nullptr);
}

Finding SealFutureWrite() {
  const int fd = MakeFile(1);
  if (fd < 0) return Failed("memfd_create");
  char* const writable = MapShared(fd, 1, PROT_READ | PROT_WRITE);
  if (writable == nullptr) return Failed("mmap");
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) != 0) return YesOrErrno(false);
  *writable = 1;  // a host that takes the access away kills us here
  return {true, ""};
}

// --- Descriptors

// Sends a descriptor through a socket, with this process's credentials where `credentials`; returns what arrives, or
// -1.
int PassThroughSocket(int fd, bool* credentials) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return -1;
  const int on = 1;
  if (setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) return -1;
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(ucred))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(sizeof(int));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof(int));
  if (sendmsg(ends[0], &message, 0) != 1) return -1;

  message.msg_controllen = sizeof(control);
  if (recvmsg(ends[1], &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  int got = -1;
  for (header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_RIGHTS) memcpy(&got, CMSG_DATA(header), sizeof(int));
    if (header->cmsg_type == SCM_CREDENTIALS) {
      ucred sender{};
      memcpy(&sender, CMSG_DATA(header), sizeof(sender));
      *credentials = sender.pid == getpid() && sender.uid == getuid();
    }
  }
  return got;
}

Finding PassDescriptor() {
  const int fd = MakeFile(1);
  if (fd < 0) return Failed("memfd_create");
  bool credentials = false;
  const int got = PassThroughSocket(fd, &credentials);
  if (got < 0) return YesOrErrno(false);
  char* const here = MapShared(fd, 1, PROT_READ | PROT_WRITE);
  const char* const there = MapShared(got, 1, PROT_READ);
  if (here == nullptr || there == nullptr) return Failed("mmap");
  *here = 42;
  return {got != fd && *there == 42, ""};
}

Finding PassCredentials() {
  const int fd = MakeFile(1);
  if (fd < 0) return Failed("memfd_create");
  bool credentials = false;
  if (PassThroughSocket(fd, &credentials) < 0) return Failed("sendmsg");
  return {credentials, ""};
}

Finding ReopenForWriting() {
  const int fd = MakeFile(1);
  if (fd < 0) return Failed("memfd_create");
  const int reader = open(absl::StrCat("/proc/self/fd/", fd).c_str(), O_RDONLY | O_CLOEXEC);
  if (reader < 0) return Failed("opening /proc/self/fd");
  return YesOrErrno(open(absl::StrCat("/proc/self/fd/", reader).c_str(), O_RDWR | O_CLOEXEC) >= 0);
}

// --- Deleted files

// A file with a program in it in the directory for temporary files, open for writing; its path goes to `path`.
int MakeProgramFile(std::string* path) {
  const char* const directory = getenv("TMPDIR");
  *path = absl::StrCat(directory == nullptr || *directory == 0 ? "/tmp" : directory, "/zirconia-doctor-XXXXXX");
  const int fd = mkostemp(path->data(), O_CLOEXEC);
  if (fd < 0) return -1;
  const std::string program = SmallProgram();
  if (write(fd, program.data(), program.size()) == static_cast<ssize_t>(program.size()) && fchmod(fd, 0700) == 0) {
    return fd;
  }
  unlink(path->c_str());
  return -1;
}

Finding MapExecutable(int fd) {
  return YesOrErrno(mmap(nullptr, kPage, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) != MAP_FAILED);
}

Finding MapExecutableUnlinked() {
  std::string path;
  const int fd = MakeProgramFile(&path);
  if (fd < 0) return Failed("a temporary file");
  unlink(path.c_str());
  return MapExecutable(fd);
}

Finding MapExecutableMemfd() {
  const int fd = MakeFile(1);
  return fd < 0 ? Failed("memfd_create") : MapExecutable(fd);
}

// The exit status of the small program once its standard input ends, which it waits for before it forks a child.
int Finish(pid_t child, int input) {
  close(input);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Starts a program whose standard input is a pipe, to which `input` is the writing end. 0, or the error.
int Start(const char* path, pid_t* child, int* input) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
  char name[] = "zirconia-doctor";
  char* arguments[] = {name, nullptr};
  const int error = posix_spawn(child, path, &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[0]);
  *input = ends[1];
  return error;
}

// Starts the small program from a file and deletes that; then it goes on as `then` wants.
Finding WithDeletedProgram(Finding (*then)(pid_t child, int input)) {
  std::string path;
  const int fd = MakeProgramFile(&path);
  if (fd < 0) return Failed("a temporary file");
  close(fd);  // nobody may write to a program that starts
  pid_t child = -1;
  int input = -1;
  const int error = Start(path.c_str(), &child, &input);
  unlink(path.c_str());
  if (error != 0) {
    errno = error;
    return Failed("starting a program in the directory for temporary files");
  }
  return then(child, input);
}

Finding ForkWithoutExecutable() {
  return WithDeletedProgram([](pid_t child, int input) {
    return Finding{Finish(child, input) == kSmallProgramStatus, ""};
  });
}

Finding SpawnDeletedExecutable() {
  return WithDeletedProgram([](pid_t child, int input) {
    pid_t second = -1;
    int second_input = -1;
    errno = Start(absl::StrCat("/proc/", child, "/exe").c_str(), &second, &second_input);
    Finding started = YesOrErrno(errno == 0);
    if (second > 0) (void)Finish(second, second_input);
    (void)Finish(child, input);
    return started;
  });
}

Finding ExecMemfd() {
  const std::string program = SmallProgram();
  const int fd = memfd_create("zirconia-doctor", MFD_CLOEXEC);
  if (fd < 0 || write(fd, program.data(), program.size()) != static_cast<ssize_t>(program.size())) {
    return Failed("memfd_create");
  }
  // Through a descriptor that can't write: a program that somebody may write to doesn't start.
  const int reader = open(absl::StrCat("/proc/self/fd/", fd).c_str(), O_RDONLY | O_CLOEXEC);
  if (reader < 0) return Failed("opening /proc/self/fd");
  close(fd);
  pid_t child = -1;
  int input = -1;
  errno = Start(absl::StrCat("/proc/self/fd/", reader).c_str(), &child, &input);
  if (errno != 0) return YesOrErrno(false);
  return {Finish(child, input) == kSmallProgramStatus, ""};
}

}  // namespace

std::vector<Experiment> SealExperiments() {
  constexpr std::string_view kGroup = "seals";
  return {
      {kGroup, "size", "a memfd's size can be sealed", SealSize},
      {kGroup, "write_over_writable_mapping", "F_SEAL_WRITE while a writable mapping lives", SealWriteOverWritable},
      {kGroup, "write_over_readable_mapping", "F_SEAL_WRITE while a readable mapping lives", SealWriteOverReadable},
      {kGroup, "maps_write_sealed", "a write-sealed memfd can be mapped shared, to read", MapWriteSealed},
      {kGroup, "future_write", "F_SEAL_FUTURE_WRITE, and writable mappings go on", SealFutureWrite},
  };
}

std::vector<Experiment> DescriptorExperiments() {
  constexpr std::string_view kGroup = "descriptors";
  return {
      {kGroup, "passing", "a memfd can be passed through a Unix socket", PassDescriptor},
      {kGroup, "credentials", "the receiver learns who sent it", PassCredentials},
      {kGroup, "reopens_for_writing", "a read-only descriptor can be reopened for writing", ReopenForWriting},
  };
}

std::vector<Experiment> DeletedFileExperiments() {
  constexpr std::string_view kGroup = "deleted_files";
  return {
      {kGroup, "maps_executable_unlinked", "an unlinked file can be mapped executable", MapExecutableUnlinked},
      {kGroup, "maps_executable_memfd", "a memfd can be mapped executable", MapExecutableMemfd},
      {kGroup, "runs_memfd", "a program in a memfd can be started", ExecMemfd},
      {kGroup, "forks_without_executable", "a program whose file is deleted can fork", ForkWithoutExecutable},
      {kGroup, "spawns_deleted_executable", "such a program can be started once more, by /proc/PID/exe",
       SpawnDeletedExecutable},
  };
}

}  // namespace zirconia::platform::doctor
