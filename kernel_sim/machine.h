// The machine that a kernel runs on: physical memory, address spaces, an engine; and what it costs on the host.
#ifndef ZIRCONIA_KERNEL_SIM_MACHINE_H_
#define ZIRCONIA_KERNEL_SIM_MACHINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel_sim/vmar.h"
#include "mm/address_space.h"
#include "mm/frame_allocator.h"
#include "platform/backing_file.h"
#include "platform/backing_policy.h"
#include "platform/guest_engine.h"
#include "platform/host.h"
#include "platform/remap.h"

namespace zirconia::kernel {

class Machine {
 public:
  enum class Kind : uint8_t {
    kHost,      // by the platform layer: addresses are real ones, guests run natively
    kSoftware,  // memory on the heap, page tables in software: no host call; no thread runs in its address spaces
  };
  struct Options {
    Kind kind = Kind::kHost;
    // Whether the engine is made with the machine, so that a host that lacks what it needs is found out at once; or
    // when the first guest thread is made.
    bool engine_at_once = true;
    mm::ByteSize memory{uint64_t{4} << 30};
    uint64_t layout_seed = 0;  // 0: no randomisation
    mm::AddressSpace::Realize realize = mm::AddressSpace::Realize::kOnTouch;
    bool populate = false;  // fill the host's own page tables too for what is realized
    // How host mappings are replaced; nullopt: as this host's behaviour demands.
    std::optional<platform::RemapStrategy> remap = std::nullopt;
    // How many host mappings guest address spaces may have; nullopt: as this host permits.
    std::optional<uint64_t> host_mappings = std::nullopt;
    // What host memory calls go through, for tests that let some fail; it must outlive the machine and all that it
    // made. Null: this host.
    platform::Host* host = nullptr;
    platform::BackingChoice backing = {};
  };

  // The status names what the host lacks.
  static absl::StatusOr<std::unique_ptr<Machine>> Create(const Options& options);
  virtual ~Machine() = default;

  virtual mm::FrameAllocator& frames() = 0;
  // Where it can't be had, one that makes no thread, and says why.
  virtual platform::GuestEngine& engine() = 0;
  // What the frames lie in, for whoever shows the memory to other processes; null on a software machine.
  virtual platform::BackingFile* file() = 0;
  // An empty address space: wherever the host has room, or, for a program linked at fixed low addresses, one that holds
  // `needed` (there can be one such at a time).
  virtual absl::StatusOr<std::shared_ptr<GuestSpace>> CreateSpace(std::optional<mm::VirtRange> needed) = 0;
  // One for a program of the host library: where memory is mapped, it is shown at once (GuestSpace::resident).
  virtual absl::StatusOr<std::shared_ptr<GuestSpace>> CreateResidentSpace() { return CreateSpace(std::nullopt); }

  // What the host was asked for so far: (name of the call, how often), those that happened only.
  virtual std::vector<std::pair<std::string, uint64_t>> HostCalls() const = 0;
  // Whether addresses of its address spaces are addresses of this host process.
  virtual bool native() const = 0;
  // Host mappings that stand in guest address spaces now, and how many there may be.
  virtual uint64_t HostMappings() const = 0;
  virtual uint64_t HostMappingLimit() const = 0;
  // How host mappings are replaced.
  virtual platform::RemapStrategy remap() const = 0;
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_MACHINE_H_
