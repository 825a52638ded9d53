#include "platform/doctor/trial.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace zirconia::platform::doctor {

std::string ErrnoName() {
  const char* const name = strerrorname_np(errno);
  return name == nullptr ? absl::StrCat("error ", errno) : name;
}

Finding Failed(const char* what) { return Finding::NotTried(absl::StrCat(what, ": ", ErrnoName())); }

Finding YesOrErrno(bool yes) { return yes ? Finding{true, ""} : Finding{false, ErrnoName()}; }

int MakeFile(size_t pages) {
  const int fd = memfd_create("zirconia-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(pages * kPage)) != 0) return -1;
  for (size_t i = 0; i < pages; ++i) {
    const char byte = static_cast<char>(i);
    if (pwrite(fd, &byte, 1, static_cast<off_t>(i * kPage)) != 1) return -1;
  }
  return fd;
}

char* MapShared(int fd, size_t pages, int protection) {
  void* const at = mmap(nullptr, pages * kPage, protection, MAP_SHARED, fd, 0);
  return at == MAP_FAILED ? nullptr : static_cast<char*>(at);
}

char* Reserve(size_t pages) {
  void* const at = mmap(nullptr, pages * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? nullptr : static_cast<char*>(at);
}

bool Stands(const char* page) {
  unsigned char resident = 0;
  return mincore(const_cast<char*>(page), kPage, &resident) == 0 || errno != ENOMEM;
}

}  // namespace zirconia::platform::doctor
