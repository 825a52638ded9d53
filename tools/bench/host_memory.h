// The raw host calls that floors are made of.
#ifndef ZIRCONIA_TOOLS_BENCH_HOST_MEMORY_H_
#define ZIRCONIA_TOOLS_BENCH_HOST_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace zirconia::bench {

// Ends the process with a message if a host call failed: there is nothing to measure then.
void Must(bool succeeded, const char* what);

// A memfd of a fixed size, sparse at first.
class Memfd {
 public:
  explicit Memfd(size_t size);
  ~Memfd();
  Memfd(const Memfd&) = delete;
  Memfd& operator=(const Memfd&) = delete;
  int fd() const { return fd_; }
  // Makes the host provide all of its pages, without touching them.
  void Allocate() const;

 private:
  const int fd_;
  const size_t size_;
};

// An inaccessible range of addresses, as a guest's window is one.
class Reservation {
 public:
  explicit Reservation(size_t size);
  ~Reservation();
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  char* base() const { return base_; }

  // Shared and readable and writable: `size` bytes of `file` at `offset`, replacing what is there.
  void Map(size_t at, size_t size, const Memfd& file, size_t offset) const;
  void Map(size_t at, size_t size, const Memfd& file, size_t offset, int protection) const;
  // Another mapping of what is mapped there, wherever the host likes; and away with it.
  char* Duplicate(size_t at, size_t size) const;
  static void Drop(char* duplicate, size_t size);
  // Inaccessible again.
  void Unmap(size_t at, size_t size) const;
  void Protect(size_t at, size_t size, int protection) const;

 private:
  char* base_;
  const size_t size_;
};

// While it lives, each SIGSEGV in `reservation` maps the page of `file` at the same distance from the beginning,
// scaled: page i shows the file's page i * `stride`. Where there are `copies`, of as many pages as the file has, the
// page is filled through them first, with what `source` holds. One at a time; no guest may run meanwhile.
class FaultMapper {
 public:
  FaultMapper(const Reservation& reservation, const Memfd& file, size_t stride, char* copies = nullptr,
              const char* source = nullptr);
  ~FaultMapper();
  FaultMapper(const FaultMapper&) = delete;
  FaultMapper& operator=(const FaultMapper&) = delete;

 private:
  // The kernel's own form of an action: the C library's call would replace the restorer of whoever installed it.
  uint64_t saved_action_[4] = {};
};

}  // namespace zirconia::bench

#endif  // ZIRCONIA_TOOLS_BENCH_HOST_MEMORY_H_
