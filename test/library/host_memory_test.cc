// Simulated memory in the hands of the host's own system calls.
#include "zirconia/host_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "zirconia/testing/kernel.h"
#include "zirconia/testing/status.h"

namespace zirconia::testing {
namespace {

constexpr uint64_t kPage = 4096;
constexpr zx_vm_option_t kReadWrite = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;

zx_handle_t MakeVmo(uint64_t size, uint32_t options = 0) {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  REQUIRE_OK(zx_vmo_create(size, options, &vmo));
  return vmo;
}

char* Map(zx_handle_t vmo, uint64_t size, zx_vm_option_t options = kReadWrite) {
  zx_vaddr_t address = 0;
  REQUIRE_OK(zx_vmar_map(zx_vmar_root_self(), options, 0, vmo, 0, size, &address));
  return reinterpret_cast<char*>(address);
}

// A host file that takes and gives what is written to it.
class File {
 public:
  File() : fd_(memfd_create("test", MFD_CLOEXEC)) { REQUIRE(fd_ >= 0); }
  ~File() { close(fd_); }
  // The host's calls, from and to simulated memory: how much, or -errno.
  ssize_t WriteFrom(const char* p, size_t n) const { return Result(pwrite(fd_, p, n, 0)); }
  ssize_t ReadInto(char* p, size_t n) const { return Result(pread(fd_, p, n, 0)); }
  std::string Content(size_t n) const {
    std::string content(n, '?');
    REQUIRE(pread(fd_, content.data(), n, 0) == static_cast<ssize_t>(n));
    return content;
  }
  void Fill(size_t n, char with) const {
    const std::string content(n, with);
    REQUIRE(pwrite(fd_, content.data(), n, 0) == static_cast<ssize_t>(n));
  }

 private:
  static ssize_t Result(ssize_t result) { return result < 0 ? -errno : result; }
  const int fd_;
};

TEST_CASE("the host reads zeros where nothing is committed, and commits nothing", "[library][host-memory]") {
  Kernel kernel;
  const char* const p = Map(MakeVmo(16 * kPage), 16 * kPage);
  const File file;
  CHECK(file.WriteFrom(p, 16 * kPage) == 16 * kPage);
  CHECK(file.Content(16 * kPage) == std::string(16 * kPage, '\0'));
  CHECK(kernel.pages_used() == 0);
}

TEST_CASE("the host reads what is committed, mapped before or after", "[library][host-memory]") {
  Kernel kernel;
  const zx_handle_t vmo = MakeVmo(8 * kPage);
  const char* const before = Map(vmo, 8 * kPage);
  // Over the end of a page, in the midst of zeros that are shown already.
  REQUIRE_OK(zx_vmo_write(vmo, "hello", 3 * kPage - 2, 5));
  const char* const after = Map(vmo, 8 * kPage, ZX_VM_PERM_READ);
  const File file;
  for (const char* p : {before, after}) {
    CHECK(file.WriteFrom(p, 8 * kPage) == 8 * kPage);
    CHECK(file.Content(8 * kPage).substr(3 * kPage - 2, 5) == "hello");
  }
}

TEST_CASE("the host reads on after pages were taken away", "[library][host-memory]") {
  Kernel kernel;
  const zx_handle_t vmo = MakeVmo(8 * kPage, ZX_VMO_RESIZABLE);
  char* const p = Map(vmo, 8 * kPage);
  std::memset(p, 'x', 8 * kPage);
  const File file;
  SECTION("by a decommit") {
    REQUIRE_OK(zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, kPage, 2 * kPage, nullptr, 0));
    CHECK(file.WriteFrom(p, 8 * kPage) == 8 * kPage);
    CHECK(file.Content(8 * kPage) ==
          std::string(kPage, 'x') + std::string(2 * kPage, '\0') + std::string(5 * kPage, 'x'));
  }
  SECTION("by zeroing") {
    REQUIRE_OK(zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, 0, 8 * kPage, nullptr, 0));
    CHECK(file.WriteFrom(p, 8 * kPage) == 8 * kPage);
    CHECK(file.Content(8 * kPage) == std::string(8 * kPage, '\0'));
  }
  SECTION("by shrinking, up to the end; and after growing, to the new end") {
    REQUIRE_OK(zx_vmo_set_size(vmo, 2 * kPage));
    CHECK(file.WriteFrom(p, 2 * kPage) == 2 * kPage);
    CHECK(file.WriteFrom(p + 2 * kPage, kPage) == -EFAULT);
    REQUIRE_OK(zx_vmo_set_size(vmo, 6 * kPage));
    CHECK(file.WriteFrom(p, 6 * kPage) == 6 * kPage);
    CHECK(file.Content(6 * kPage) == std::string(2 * kPage, 'x') + std::string(4 * kPage, '\0'));
  }
  SECTION("by a change of protection and back") {
    REQUIRE_OK(zx_vmar_protect(zx_vmar_root_self(), 0, reinterpret_cast<zx_vaddr_t>(p), 8 * kPage));
    CHECK(file.WriteFrom(p, kPage) == -EFAULT);
    REQUIRE_OK(zx_vmar_protect(zx_vmar_root_self(), kReadWrite, reinterpret_cast<zx_vaddr_t>(p), 8 * kPage));
    CHECK(file.WriteFrom(p, 8 * kPage) == 8 * kPage);
  }
}

TEST_CASE("a first write through one mapping leaves the others readable by the host", "[library][host-memory]") {
  Kernel kernel;
  const zx_handle_t vmo = MakeVmo(4 * kPage);
  std::vector<char*> mappings;
  mappings.reserve(12);
  for (int i = 0; i < 12; ++i) mappings.push_back(Map(vmo, 4 * kPage));
  mappings[0][kPage] = 'y';
  const File file;
  for (const char* p : mappings) {
    CHECK(file.WriteFrom(p, 4 * kPage) == 4 * kPage);
    CHECK(file.Content(4 * kPage)[kPage] == 'y');
  }
  CHECK(kernel.Verify().empty());
}

TEST_CASE("the host writes into memory that was prepared for it", "[library][host-memory]") {
  Kernel kernel;
  const zx_handle_t vmo = MakeVmo(300 * kPage);
  char* const p = Map(vmo, 300 * kPage);
  const File file;
  file.Fill(300 * kPage, 'z');
  CHECK(file.ReadInto(p, kPage) == -EFAULT);  // untouched: the host can't ask for it
  CHECK(kernel.pages_used() == 0);
  REQUIRE_OK(zirconia_prepare_host_write(p + 10, 2 * kPage));  // touches three pages
  CHECK(kernel.pages_used() == 3);
  CHECK(file.ReadInto(p, 3 * kPage) == 3 * kPage);
  CHECK(p[3 * kPage - 1] == 'z');
  REQUIRE_OK(zirconia_prepare_host_write(p, 300 * kPage));
  CHECK(file.ReadInto(p, 300 * kPage) == 300 * kPage);
  std::string content(300 * kPage, '\0');
  REQUIRE_OK(zx_vmo_read(vmo, content.data(), 0, content.size()));
  CHECK(content == std::string(300 * kPage, 'z'));
}

TEST_CASE("what can't be prepared says why", "[library][host-memory]") {
  KernelOptions options;
  options.memory = 4 * kPage;
  Kernel kernel(options);
  const zx_handle_t vmo = MakeVmo(16 * kPage);
  char* const p = Map(vmo, 17 * kPage);
  CHECK_STATUS(zirconia_prepare_host_write(p, 5 * kPage), ZX_ERR_NO_MEMORY);
  CHECK_STATUS(zirconia_prepare_host_read(p + 16 * kPage, 1), ZX_ERR_OUT_OF_RANGE);
  CHECK_OK(zirconia_prepare_host_read(p, 16 * kPage));
  char* const read_only = Map(vmo, kPage, ZX_VM_PERM_READ);
  CHECK_STATUS(zirconia_prepare_host_write(read_only, 1), ZX_ERR_ACCESS_DENIED);
  REQUIRE_OK(zx_vmar_unmap(zx_vmar_root_self(), reinterpret_cast<zx_vaddr_t>(read_only), kPage));
  CHECK_STATUS(zirconia_prepare_host_write(read_only, 1), ZX_ERR_NOT_FOUND);
  CHECK_STATUS(zirconia_prepare_host_write(p, ~size_t{0}), ZX_ERR_OUT_OF_RANGE);
  std::array<char, 100> own{};
  CHECK_OK(zirconia_prepare_host_write(own.data(), own.size()));
}

TEST_CASE("what was mapped isn't evicted for what is mapped later, as long as there is room",
          "[library][host-memory]") {
  KernelOptions options;
  options.host_mappings = 600;
  Kernel kernel(options);
  // Every second page committed: each is a host mapping of its own, and so is each hole.
  const zx_handle_t vmo = MakeVmo(256 * kPage);
  for (uint64_t i = 0; i < 256; i += 2) REQUIRE_OK(zx_vmo_write(vmo, "x", i * kPage, 1));
  const char* const first = Map(vmo, 256 * kPage);
  const char* const second = Map(vmo, 256 * kPage);
  const File file;
  CHECK(file.WriteFrom(first, 256 * kPage) == 256 * kPage);
  CHECK(file.WriteFrom(second, 256 * kPage) == 256 * kPage);
  // Beyond the budget something has to go, but no touch fails.
  const char* const third = Map(vmo, 256 * kPage);
  for (const char* p : {first, second, third}) {
    for (uint64_t i = 0; i < 256; ++i) CHECK(p[i * kPage] == (i % 2 == 0 ? 'x' : '\0'));
  }
  CHECK_OK(zirconia_prepare_host_read(first, 256 * kPage));
  CHECK(file.WriteFrom(first, 256 * kPage) == 256 * kPage);
  CHECK(kernel.Verify().empty());
}

TEST_CASE("an untouched GiB is one run of zeros to the host too", "[library][host-memory]") {
  KernelOptions options;
  options.host_mappings = 20;
  Kernel kernel(options);
  const uint64_t size = uint64_t{1} << 30;
  const char* const p = Map(MakeVmo(size), size);
  const File file;
  CHECK(file.WriteFrom(p + size / 2, 1 << 20) == 1 << 20);
  CHECK(kernel.pages_used() == 0);
}

}  // namespace
}  // namespace zirconia::testing
