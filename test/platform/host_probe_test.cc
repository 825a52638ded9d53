#include "platform/host_probe.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>

#include "platform/host_counting.h"
#include "platform/host_linux.h"

namespace zirconia::platform {
namespace {

// The kernel's version as 100 * major + minor.
int KernelVersion() {
  utsname name{};
  int major = 0;
  int minor = 0;
  if (uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return 0;
  return 100 * major + minor;
}

size_t OpenDescriptors() {
  size_t count = 0;
  DIR* const directory = opendir("/proc/self/fd");
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

// The mappings where windows are: heap and stacks may grow meanwhile.
size_t WindowMappings() {
  std::ifstream file("/proc/self/maps");
  size_t count = 0;
  for (std::string line; std::getline(file, line);) count += line.find("---p 00000000 00:00 0") != std::string::npos;
  return count;
}

// A host that loses what a failing MAP_FIXED was to replace, or not, whichever way the call fails.
class TearingHost : public ForwardingHost {
 public:
  TearingHost(Host& base, bool tears) : ForwardingHost(base), tears_(tears) {}
  HostResult<uintptr_t> Mmap(uintptr_t address, size_t length, int protection, int flags, int fd,
                             uint64_t offset) override {
    const bool fails = (flags & MAP_FIXED) != 0 && (protection & PROT_WRITE) != 0;
    if (!fails) return base().Mmap(address, length, protection, flags, fd, offset);
    if (tears_) REQUIRE(base().Munmap(address, length).ok());
    return {0, ENOMEM};
  }

 private:
  const bool tears_;
};

// A host that refuses every call.
class RefusingHost : public ForwardingHost {
 public:
  using ForwardingHost::ForwardingHost;
  HostResult<uintptr_t> Mmap(uintptr_t, size_t, int, int, int, uint64_t) override { return {0, ENOMEM}; }
  HostResult<int> MemfdCreate(const char*, unsigned) override { return {-1, ENOSYS}; }
};

TEST_CASE("Each probe answers, or says why it could not be tried") {
  LinuxHost host;
  const HostBehaviour found = ProbeHost(host);
  for (const HostBehaviour::Named& named : HostBehaviour::All()) {
    INFO(named.name);
    CHECK_FALSE((found.*named.answer).reason.empty());
  }
  // Neither needs more than a socket; every kernel so far loses the mapping.
  CHECK(found.unix_socket.loses == true);
  CHECK(found.unix_socket.reason == "ENODEV");
  CHECK(found.proc_file.loses == true);
  CHECK(found.seal_write.loses == false);
  CHECK(found.seal_write.reason == "EPERM");
}

TEST_CASE("What the host could refuse beforehand is kept by Linux 6.18, and lost by Linux 6.1") {
  LinuxHost host;
  const HostBehaviour found = ProbeHost(host);
  const int version = KernelVersion();
  if (version != 601 && version < 618) {
    WARN("not told of kernel " << version);
    return;
  }
  CHECK(found.seal_future_write.loses == (version == 601));
  CHECK(found.seal_future_write.reason == "EPERM");
  if (found.private_over_memory.loses.has_value()) {
    CHECK(found.private_over_memory.loses == (version == 601));
    CHECK(found.private_over_memory.reason == "ENOMEM");
  } else {
    WARN("private_over_memory: " << found.private_over_memory.reason);
  }
}

TEST_CASE("Probes leave nothing behind, also on a host that tears") {
  LinuxHost linux_host;
  const bool tears = GENERATE(false, true);
  TearingHost tearing(linux_host, tears);
  Host& host = GENERATE(false, true) ? static_cast<Host&>(tearing) : linux_host;
  (void)ProbeHost(host);  // what it loads and allocates the first time
  const size_t descriptors = OpenDescriptors();
  const size_t mappings = WindowMappings();
  (void)ProbeHost(host);
  (void)ProbeHostAtStart(host);
  CHECK(OpenDescriptors() == descriptors);
  CHECK(WindowMappings() == mappings);
}

TEST_CASE("At start only the two calls are tried that Zirconia makes itself, in a few host calls") {
  LinuxHost linux_host;
  CountingHost host(linux_host);
  const HostBehaviour found = ProbeHostAtStart(host);
  CHECK(host.counts().total() <= 16);
  CHECK(found.seal_future_write.loses.has_value());
  for (const HostBehaviour::Named& named : HostBehaviour::All()) {
    if (named.name == "seal_future_write" || named.name == "private_over_memory") continue;
    INFO(named.name);
    CHECK_FALSE((found.*named.answer).loses.has_value());
  }
  const HostBehaviour all = ProbeHost(host);
  CHECK(all.seal_future_write.loses == found.seal_future_write.loses);
  CHECK(all.private_over_memory.loses == found.private_over_memory.loses);
}

TEST_CASE("A host that tears is seen to, and gets the strategy that reserves") {
  LinuxHost linux_host;
  TearingHost tearing(linux_host, true);
  const HostBehaviour torn = ProbeHostAtStart(tearing);
  CHECK(torn.seal_future_write.loses == true);
  CHECK(ChooseRemapStrategy(torn) == RemapStrategy::kReserve);

  TearingHost keeping(linux_host, false);
  const HostBehaviour kept = ProbeHostAtStart(keeping);
  CHECK(kept.seal_future_write.loses == false);
  CHECK(ChooseRemapStrategy(kept) == RemapStrategy::kDirect);
}

TEST_CASE("The strategy is direct only where something was tried and nothing was lost") {
  const auto choose = [](std::optional<bool> seal, std::optional<bool> memory) {
    HostBehaviour behaviour;
    behaviour.seal_future_write.loses = seal;
    behaviour.private_over_memory.loses = memory;
    behaviour.unix_socket.loses = true;  // on every host; no call of ours fails so
    return ChooseRemapStrategy(behaviour);
  };
  CHECK(choose(false, false) == RemapStrategy::kDirect);
  CHECK(choose(false, std::nullopt) == RemapStrategy::kDirect);
  CHECK(choose(std::nullopt, false) == RemapStrategy::kDirect);
  CHECK(choose(true, false) == RemapStrategy::kReserve);
  CHECK(choose(false, true) == RemapStrategy::kReserve);
  CHECK(choose(std::nullopt, std::nullopt) == RemapStrategy::kReserve);
}

TEST_CASE("Where nothing can be tried, each answer says so") {
  LinuxHost linux_host;
  RefusingHost host(linux_host);
  const HostBehaviour found = ProbeHost(host);
  for (const HostBehaviour::Named& named : HostBehaviour::All()) {
    INFO(named.name);
    CHECK_FALSE((found.*named.answer).loses.has_value());
    CHECK_FALSE((found.*named.answer).reason.empty());
  }
  CHECK(ChooseRemapStrategy(found) == RemapStrategy::kReserve);
}

}  // namespace
}  // namespace zirconia::platform
