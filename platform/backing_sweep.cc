#include "platform/backing_sweep.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace zirconia::platform {
namespace {

constexpr std::string_view kPrefix = "zirconia-";
constexpr std::string_view kSuffix = ".memory";
constexpr size_t kDigits = 16;

// One entry of what getdents64 fills in: these fields, then a name that ends with a NUL.
constexpr size_t kLengthOffset = 16;
constexpr size_t kNameOffset = 19;

// The names in a directory that may be swept.
std::vector<std::string> SweepableNames(Host& host, const std::string& directory) {
  const HostResult<int> fd = host.Open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (!fd.ok()) return {};
  std::vector<std::string> names;
  std::vector<char> buffer(32 * 1024);
  while (true) {
    const HostResult<size_t> filled = host.Getdents(fd.value, buffer.data(), buffer.size());
    if (!filled.ok() || filled.value == 0) break;
    for (size_t at = 0; at + kNameOffset < filled.value;) {
      uint16_t length = 0;
      std::memcpy(&length, &buffer[at + kLengthOffset], sizeof(length));
      if (length <= kNameOffset || at + length > filled.value) break;
      const char* const name = &buffer[at + kNameOffset];
      std::string found(name, strnlen(name, length - kNameOffset));
      if (IsSweepableName(found)) names.push_back(std::move(found));
      at += length;
    }
  }
  (void)host.Close(fd.value);
  return names;
}

// O_NONBLOCK: a FIFO by such a name must not hold us up.
bool SweepOne(Host& host, const std::string& path) {
  const HostResult<int> fd = host.Open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
  if (!fd.ok()) return false;
  bool swept = false;
  if (host.Flock(fd.value, LOCK_EX | LOCK_NB).ok()) {
    // Another sweeper may have been here between our open and our lock: then the name, if it is there again, isn't the
    // name of what we have locked.
    const HostResult<FileIdentity> file = host.Fstat(fd.value);
    if (file.ok() && S_ISREG(file.value.mode) && file.value.owner == geteuid() && file.value.links == 1) {
      swept = host.Unlink(path.c_str()).ok();
    }
  }
  (void)host.Close(fd.value);
  return swept;
}

}  // namespace

std::string RandomSweepableName() {
  std::random_device random;
  const uint64_t number = (uint64_t{random()} << 32) | random();
  return absl::StrFormat("zirconia-%016x.memory", number);
}

bool IsSweepableName(std::string_view name) {
  if (name.size() != kPrefix.size() + kDigits + kSuffix.size()) return false;
  if (name.substr(0, kPrefix.size()) != kPrefix) return false;
  if (name.substr(kPrefix.size() + kDigits) != kSuffix) return false;
  const std::string_view digits = name.substr(kPrefix.size(), kDigits);
  return std::all_of(digits.begin(), digits.end(), [](char c) { return std::isxdigit(static_cast<unsigned char>(c)); });
}

size_t SweepStaleFiles(Host& host, const std::string& directory) {
  size_t swept = 0;
  for (const std::string& name : SweepableNames(host, directory)) {
    swept += SweepOne(host, absl::StrCat(directory, "/", name)) ? 1 : 0;
  }
  return swept;
}

}  // namespace zirconia::platform
