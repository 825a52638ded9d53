#include "kernel_sim/software_machine.h"

#include "mm/heap_physical_memory.h"
#include "mm/software_page_table.h"

namespace zirconia::kernel {
namespace {

// Where every address space lies. Its addresses mean nothing to the host, so all may be alike; but a program that uses
// the host library hands its own buffers to the kernel too, so that the two must be told apart: no host, with or
// without sanitizer, gives a program these.
constexpr mm::VirtRange kAddresses =
    mm::VirtRange::FromTo(mm::VirtAddr(0x1100'0000'0000), mm::VirtAddr(0x1f00'0000'0000));

// The memory comes first: it must outlive the table over it.
struct MemoryHolder {
  std::shared_ptr<mm::HeapPhysicalMemory> memory;
};

class SoftwareSpace final : private MemoryHolder, public GuestSpace {
 public:
  SoftwareSpace(std::shared_ptr<mm::HeapPhysicalMemory> physical, mm::VirtRange range,
                mm::AddressSpace::Options options)
      : MemoryHolder{std::move(physical)},
        GuestSpace(std::make_unique<mm::SoftwarePageTable>(range, *memory), range, options) {}
};

class SoftwareMachine final : public Machine {
 public:
  SoftwareMachine(const Options& options, mm::PageCount frames)
      : options_(options),
        memory_(std::make_shared<mm::HeapPhysicalMemory>(frames)),
        frames_(*memory_),
        engine_(absl::UnimplementedError("a software machine runs no threads")) {}

  mm::FrameAllocator& frames() override { return frames_; }
  platform::GuestEngine& engine() override { return engine_; }
  platform::BackingFile* file() override { return nullptr; }
  absl::StatusOr<std::shared_ptr<GuestSpace>> CreateSpace(std::optional<mm::VirtRange> needed) override {
    mm::VirtRange range = kAddresses;
    if (needed.has_value() && !range.Contains(*needed)) {
      if (!needed->IsValid() || needed->end() > range.end()) return absl::OutOfRangeError("no such addresses");
      range = mm::VirtRange::FromTo(needed->base, range.end());
    }
    mm::AddressSpace::Options space;
    space.layout_seed = options_.layout_seed;
    space.realize = options_.realize;
    return std::make_shared<SoftwareSpace>(memory_, range, space);
  }

  std::vector<std::pair<std::string, uint64_t>> HostCalls() const override { return {}; }
  bool native() const override { return false; }
  uint64_t HostMappings() const override { return 0; }
  uint64_t HostMappingLimit() const override { return 0; }
  platform::RemapStrategy remap() const override { return platform::RemapStrategy::kDirect; }

 private:
  const Options options_;
  const std::shared_ptr<mm::HeapPhysicalMemory> memory_;
  mm::FrameAllocator frames_;
  NoEngine engine_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Machine>> CreateSoftwareMachine(const Machine::Options& options) {
  const auto size = options.memory.RoundUpToPage();
  if (!size.has_value() || size->value() == 0)
    return absl::InvalidArgumentError("a machine needs memory: its size is 0, or beyond 2^64");
  return std::make_unique<SoftwareMachine>(options, mm::PageCount::Of(*size));
}

}  // namespace zirconia::kernel
