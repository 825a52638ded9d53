#include "tools/bench/host_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "mm/units.h"

namespace zirconia::bench {
namespace {

constexpr size_t kSignalMaskSize = 8;  // the kernel's

struct FaultTarget {
  const Reservation* reservation = nullptr;
  const Memfd* file = nullptr;
  size_t stride = 1;
  char* copies = nullptr;
  const char* source = nullptr;
};
FaultTarget g_target;

void OnSegv(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const auto page =
      static_cast<size_t>(static_cast<char*>(info->si_addr) - g_target.reservation->base()) / mm::kPageSize;
  const size_t at = page * g_target.stride * mm::kPageSize;
  if (g_target.copies != nullptr) std::memcpy(g_target.copies + at, g_target.source + at, mm::kPageSize);
  g_target.reservation->Map(page * mm::kPageSize, mm::kPageSize, *g_target.file, at);
}

}  // namespace

void Must(bool succeeded, const char* what) {
  if (succeeded) return;
  std::perror(what);
  std::_Exit(1);
}

Memfd::Memfd(size_t size) : fd_(memfd_create("floor", MFD_CLOEXEC)), size_(size) {
  Must(fd_ >= 0 && ftruncate(fd_, static_cast<off_t>(size)) == 0, "zirconia-bench: memfd_create");
}
Memfd::~Memfd() { close(fd_); }
void Memfd::Allocate() const {
  Must(fallocate(fd_, 0, 0, static_cast<off_t>(size_)) == 0, "zirconia-bench: fallocate");
}

Reservation::Reservation(size_t size)
    : base_(static_cast<char*>(mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))),
      size_(size) {
  Must(base_ != MAP_FAILED, "zirconia-bench: mmap of a reservation");
}
Reservation::~Reservation() { munmap(base_, size_); }

void Reservation::Map(size_t at, size_t size, const Memfd& file, size_t offset) const {
  Map(at, size, file, offset, PROT_READ | PROT_WRITE);
}
void Reservation::Map(size_t at, size_t size, const Memfd& file, size_t offset, int protection) const {
  Must(mmap(base_ + at, size, protection, MAP_SHARED | MAP_FIXED, file.fd(), static_cast<off_t>(offset)) != MAP_FAILED,
       "zirconia-bench: mmap");
}
char* Reservation::Duplicate(size_t at, size_t size) const {
  void* const made = mremap(base_ + at, 0, size, MREMAP_MAYMOVE);
  Must(made != MAP_FAILED, "zirconia-bench: mremap");
  return static_cast<char*>(made);
}
void Reservation::Drop(char* duplicate, size_t size) { Must(munmap(duplicate, size) == 0, "zirconia-bench: munmap"); }
void Reservation::Unmap(size_t at, size_t size) const {
  Must(mmap(base_ + at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED,
       "zirconia-bench: mmap");
}
void Reservation::Protect(size_t at, size_t size, int protection) const {
  Must(mprotect(base_ + at, size, protection) == 0, "zirconia-bench: mprotect");
}

FaultMapper::FaultMapper(const Reservation& reservation, const Memfd& file, size_t stride, char* copies,
                         const char* source) {
  g_target = {&reservation, &file, stride, copies, source};
  Must(syscall(SYS_rt_sigaction, SIGSEGV, nullptr, saved_action_, kSignalMaskSize) == 0, "zirconia-bench: sigaction");
  struct sigaction action {};
  action.sa_sigaction = OnSegv;
  action.sa_flags = SA_SIGINFO;
  Must(sigaction(SIGSEGV, &action, nullptr) == 0, "zirconia-bench: sigaction");
}
FaultMapper::~FaultMapper() {
  Must(syscall(SYS_rt_sigaction, SIGSEGV, saved_action_, nullptr, kSignalMaskSize) == 0, "zirconia-bench: sigaction");
}

}  // namespace zirconia::bench
