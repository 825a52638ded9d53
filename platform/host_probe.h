// What a failing host call does to what stood there before, found by making one fail.
#ifndef ZIRCONIA_PLATFORM_HOST_PROBE_H_
#define ZIRCONIA_PLATFORM_HOST_PROBE_H_

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "platform/host.h"
#include "platform/remap.h"

namespace zirconia::platform {

// Whether a mmap(MAP_FIXED) that fails in each of these ways loses the mapping that it was to replace.
struct HostBehaviour {
  struct Answer {
    std::optional<bool> loses;  // nullopt: it couldn't be tried
    std::string reason;         // why it couldn't be tried; otherwise the error that the call gave, e.g. "EPERM"
  };

  // What fails inside of the file's own mmap callback.
  Answer unix_socket;
  Answer tcp_socket;
  Answer proc_file;
  Answer hugetlb;  // a memfd of huge pages, when none is free
  // What the host could have refused beforehand.
  Answer seal_future_write;
  Answer seal_write;
  Answer private_over_memory;  // private writable memory, more than the host has

  struct Named {
    std::string_view name;
    Answer HostBehaviour::*answer;
  };
  static constexpr std::array<Named, 7> All();
};

constexpr std::array<HostBehaviour::Named, 7> HostBehaviour::All() {
  return {{{"unix_socket", &HostBehaviour::unix_socket},
           {"tcp_socket", &HostBehaviour::tcp_socket},
           {"proc_file", &HostBehaviour::proc_file},
           {"hugetlb", &HostBehaviour::hugetlb},
           {"seal_future_write", &HostBehaviour::seal_future_write},
           {"seal_write", &HostBehaviour::seal_write},
           {"private_over_memory", &HostBehaviour::private_over_memory}}};
}

// Tries all of them, in a window of its own, and leaves nothing behind.
HostBehaviour ProbeHost(Host& host);

// The two that can happen to calls which Zirconia makes: seal_future_write and private_over_memory; the others have no
// answer. A dozen host calls: cheap enough for the start of each machine.
HostBehaviour ProbeHostAtStart(Host& host);

// kDirect where neither seal_future_write nor private_over_memory was seen to lose a mapping, and at least one of them
// could be tried; kReserve otherwise. A probe can show that a host tears, never that it can't: what admits kDirect is
// that the next touch heals from the truth.
RemapStrategy ChooseRemapStrategy(const HostBehaviour& behaviour);

}  // namespace zirconia::platform

#endif  // ZIRCONIA_PLATFORM_HOST_PROBE_H_
