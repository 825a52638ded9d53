// A descriptor with an owner.
#ifndef ZIRCONIA_PLATFORM_OWNED_FD_H_
#define ZIRCONIA_PLATFORM_OWNED_FD_H_

#include <utility>

#include "platform/host.h"

namespace zirconia::platform {

// Closes its descriptor, through the host that it came from, which must outlive it.
class OwnedFd {
 public:
  OwnedFd() = default;
  OwnedFd(Host& host, int fd) : host_(&host), fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : host_(other.host_), fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    if (this != &other) {
      Reset();
      host_ = other.host_;
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~OwnedFd() { Reset(); }

  int get() const { return fd_; }  // -1: none
  explicit operator bool() const { return fd_ >= 0; }
  void Reset() {
    if (fd_ >= 0) (void)host_->Close(std::exchange(fd_, -1));
  }

 private:
  Host* host_ = nullptr;
  int fd_ = -1;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_OWNED_FD_H_
