// Host files as input: programs, and VMOs with a file's content.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "kernel_sim/loader/launch.h"

namespace zirconia::kernel {
namespace {

absl::Status FileError(const std::string& path, const char* what) {
  return absl::NotFoundError(absl::StrCat("can't ", what, " '", path, "': ", std::strerror(errno)));
}

// An open regular file, closed when it goes.
class File {
 public:
  static absl::StatusOr<File> Open(const std::string& path) {
    // Without waiting: a pipe that nobody writes to is refused below.
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return FileError(path, "open");
    File file(path, fd);
    struct stat about {};
    if (fstat(fd, &about) != 0) return FileError(path, "examine");
    if (!S_ISREG(about.st_mode)) return absl::InvalidArgumentError(absl::StrCat("'", path, "' isn't a regular file"));
    file.size_ = static_cast<uint64_t>(about.st_size);
    return file;
  }
  File(File&& o) noexcept : path_(std::move(o.path_)), fd_(std::exchange(o.fd_, -1)), size_(o.size_) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }

  uint64_t size() const { return size_; }

  absl::Status ReadAt(uint64_t offset, std::byte* to, uint64_t size) const {
    for (uint64_t done = 0; done < size;) {
      const ssize_t n = pread(fd_, to + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return FileError(path_, "read");
      if (n == 0) return absl::DataLossError(absl::StrCat("'", path_, "' became shorter while it was read"));
      done += static_cast<uint64_t>(n);
    }
    return absl::OkStatus();
  }

 private:
  File(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
  uint64_t size_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<std::byte>> ReadWholeFile(const std::string& path) {
  const absl::StatusOr<File> file = File::Open(path);
  if (!file.ok()) return file.status();
  if (file->size() > kMostRead) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is too large for a program: ", file->size(), " bytes, of ", kMostRead, " at most"));
  }
  std::vector<std::byte> bytes(file->size());
  if (const absl::Status s = file->ReadAt(0, bytes.data(), bytes.size()); !s.ok()) return s;
  return bytes;
}

absl::StatusOr<std::shared_ptr<VmoDispatcher>> VmoFromFile(Kernel& kernel, const std::string& path,
                                                           const std::string& name) {
  const absl::StatusOr<File> file = File::Open(path);
  if (!file.ok()) return file.status();
  const auto no_memory = [&] {
    return absl::ResourceExhaustedError(absl::StrCat("the machine's memory can't hold '", path, "' (", file->size(),
                                                     " bytes): give it more with --memory"));
  };
  std::shared_ptr<VmoDispatcher> vmo;
  if (kernel.CreateVmo(file->size(), /*resizable=*/false, &vmo) != ZX_OK) return no_memory();
  vmo->SetName(name);
  // All frames at once, in as few runs as can be; then straight from the file into them.
  if (!vmo->vmo()->Commit(mm::ByteSize(0), vmo->vmo()->size()).ok()) return no_memory();
  for (uint64_t done = 0; done < file->size();) {
    const auto piece = vmo->vmo()->Pin(mm::ByteSize(done), mm::ByteSize(file->size() - done), mm::Access::kWrite);
    if (!piece.ok()) return no_memory();
    const uint64_t n = std::min(piece->size.value(), file->size() - done);
    if (const absl::Status s = file->ReadAt(done, piece->data, n); !s.ok()) return s;
    done += n;
  }
  return vmo;
}

}  // namespace zirconia::kernel
