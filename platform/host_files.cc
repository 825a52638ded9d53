#include "platform/host_files.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "mm/pool.h"

namespace zirconia::platform {
namespace {

// Reads a file in pieces until it ends or `consume` returns false.
absl::Status ReadInPieces(Host& host, const char* path, absl::FunctionRef<bool(std::string_view)> consume) {
  const HostResult<int> fd = host.Open(path, O_RDONLY | O_CLOEXEC, 0);
  if (!fd.ok()) return absl::ErrnoToStatus(fd.error, path);
  mm::PoolVector<char> buffer(64 * 1024);
  absl::Status status;
  while (true) {
    const HostResult<size_t> count = host.Read(fd.value, buffer.data(), buffer.size());
    if (count.error == EINTR) continue;
    if (!count.ok()) status = absl::ErrnoToStatus(count.error, path);
    if (!count.ok() || count.value == 0 || !consume(std::string_view(buffer.data(), count.value))) break;
  }
  (void)host.Close(fd.value);
  return status;
}

// Splits off what comes before `separator`, and the separator.
std::string_view Take(std::string_view& rest, char separator) {
  const size_t at = rest.find(separator);
  const std::string_view field = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return field;
}

uint64_t Number(std::string_view digits, int base) {
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  return value;
}

// E.g. "200000000000-200000001000 rw-s 00003000 00:01 2061    /memfd:zirconia (deleted)".
HostVma ParseLine(std::string_view line) {
  HostVma vma;
  const uint64_t begin = Number(Take(line, '-'), 16);
  const uint64_t end = Number(Take(line, ' '), 16);
  vma.range = mm::VirtRange::FromTo(mm::VirtAddr(begin), mm::VirtAddr(end));
  const std::string_view flags = Take(line, ' ');
  if (flags.size() >= 4) {
    vma.protection = mm::Protection(flags[0] == 'r', flags[1] == 'w', flags[2] == 'x');
    vma.shared = flags[3] == 's';
  }
  vma.offset = Number(Take(line, ' '), 16);
  const uint64_t major = Number(Take(line, ':'), 16);
  const uint64_t minor = Number(Take(line, ' '), 16);
  vma.device = makedev(static_cast<unsigned>(major), static_cast<unsigned>(minor));
  vma.inode = Number(Take(line, ' '), 10);
  const size_t path = line.find_first_not_of(' ');
  if (path != std::string_view::npos) vma.path = line.substr(path);
  return vma;
}

}  // namespace

std::optional<uint64_t> ReadHostNumber(Host& host, const char* path) {
  std::optional<uint64_t> number;
  const absl::Status status = ReadInPieces(host, path, [&number](std::string_view text) {
    uint64_t value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc()) number = value;
    return false;
  });
  return status.ok() ? number : std::nullopt;
}

absl::StatusOr<mm::PoolVector<HostVma>> ReadHostVmas(Host& host, mm::VirtRange range) {
  mm::PoolVector<HostVma> vmas;
  mm::PoolString pending;  // the beginning of a line whose end hasn't been read yet
  const absl::Status status = ReadInPieces(host, "/proc/self/maps", [&](std::string_view text) {
    while (!text.empty()) {
      const size_t newline = text.find('\n');
      pending += text.substr(0, newline);
      if (newline == std::string_view::npos) return true;
      text.remove_prefix(newline + 1);
      HostVma vma = ParseLine(pending);
      pending.clear();
      if (vma.range.base >= range.end()) return false;
      if (vma.range.Overlaps(range)) vmas.push_back(std::move(vma));
    }
    return true;
  });
  if (!status.ok()) return status;
  return vmas;
}

}  // namespace zirconia::platform
