#include "kernel_sim/machine.h"

#include <utility>

#include "absl/base/call_once.h"
#include "kernel_sim/software_machine.h"
#include "platform/backing_file.h"
#include "platform/host_counting.h"
#include "platform/host_linux.h"
#include "platform/host_page_table.h"
#include "platform/host_probe.h"
#include "platform/map_budget.h"
#include "platform/window.h"

namespace zirconia::kernel {
namespace {

// Read once: a limit that is changed while we run counts from the next start.
uint64_t ThisHostsLimit(platform::Host& host) {
  static const uint64_t limit = platform::MapBudget::DefaultLimit(host);
  return limit;
}

// What the spaces of a machine need of it, alive as long as any of them.
struct HostSide {
  explicit HostSide(const Machine::Options& options)
      : host(options.host != nullptr ? *options.host : linux_host),
        budget(options.host_mappings.value_or(ThisHostsLimit(linux_host))) {}

  platform::LinuxHost linux_host;
  platform::CountingHost host;
  std::unique_ptr<platform::BackingFile> file;
  platform::MapBudget budget;
};

// The window comes first: it must outlive the table in it.
struct WindowHolder {
  std::shared_ptr<HostSide> host_side;
  std::unique_ptr<platform::Window> window;
};

class HostSpace final : private WindowHolder, public GuestSpace {
 public:
  HostSpace(WindowHolder holder, platform::HostPageTable::Options table, mm::AddressSpace::Options options)
      : WindowHolder(std::move(holder)),
        GuestSpace(std::make_unique<platform::HostPageTable>(*window, *host_side->file, host_side->budget, table),
                   window->range(), options, table.resident) {}
};

class HostMachine final : public Machine {
 public:
  HostMachine(const Options& options, std::shared_ptr<HostSide> host_side,
              std::unique_ptr<platform::GuestEngine> engine)
      : options_(options), host_side_(std::move(host_side)), frames_(*host_side_->file), engine_(std::move(engine)) {
    if (engine_ != nullptr) absl::call_once(engine_once_, [] {});
  }

  mm::FrameAllocator& frames() override { return frames_; }
  platform::GuestEngine& engine() override {
    absl::call_once(engine_once_, [this] {
      auto engine = platform::CreateInProcessEngine();
      engine_ = engine.ok() ? *std::move(engine) : std::make_unique<NoEngine>(engine.status());
    });
    return *engine_;
  }
  platform::BackingFile* file() override { return host_side_->file.get(); }

  absl::StatusOr<std::shared_ptr<GuestSpace>> CreateSpace(std::optional<mm::VirtRange> needed) override {
    return CreateIn(needed.has_value() ? platform::Window::CreateLow(host_side_->host, *needed)
                                       : platform::Window::Create(host_side_->host),
                    /*resident=*/false);
  }
  absl::StatusOr<std::shared_ptr<GuestSpace>> CreateResidentSpace() override {
    return CreateIn(platform::Window::Create(host_side_->host), /*resident=*/true);
  }
  absl::StatusOr<std::shared_ptr<GuestSpace>> CreateIn(absl::StatusOr<std::unique_ptr<platform::Window>> window,
                                                       bool resident) {
    if (!window.ok()) return window.status();
    platform::HostPageTable::Options table;
    table.resident = resident;
    table.populate = options_.populate;
    table.remap = remap();
    mm::AddressSpace::Options space;
    space.layout_seed = options_.layout_seed;
    space.realize = resident ? mm::AddressSpace::Realize::kOnMap : options_.realize;
    return std::make_shared<HostSpace>(WindowHolder{host_side_, *std::move(window)}, table, space);
  }

  std::vector<std::pair<std::string, uint64_t>> HostCalls() const override {
    std::vector<std::pair<std::string, uint64_t>> calls;
    const platform::HostCallCounts counts = host_side_->host.counts();
    for (size_t i = 0; i < platform::kHostCallKinds; ++i) {
      const auto call = static_cast<platform::HostCall>(i);
      if (counts[call] != 0) calls.emplace_back(platform::HostCallName(call), counts[call]);
    }
    return calls;
  }
  bool native() const override { return true; }
  uint64_t HostMappings() const override { return host_side_->budget.used(); }
  uint64_t HostMappingLimit() const override { return host_side_->budget.limit(); }
  platform::RemapStrategy remap() const override { return *options_.remap; }

 private:
  const Options options_;
  const std::shared_ptr<HostSide> host_side_;
  mm::FrameAllocator frames_;
  absl::once_flag engine_once_;
  std::unique_ptr<platform::GuestEngine> engine_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Machine>> Machine::Create(const Options& options) {
  if (options.kind == Kind::kSoftware) return CreateSoftwareMachine(options);
  auto host_side = std::make_shared<HostSide>(options);
  platform::BackingFile::Options file;
  const auto size = options.memory.RoundUpToPage();
  if (!size.has_value() || size->value() == 0)
    return absl::InvalidArgumentError("a machine needs memory: its size is 0, or beyond 2^64");
  file.size = mm::PageCount::Of(*size);
  file.backing = options.backing;
  auto made = platform::BackingFile::Create(host_side->host, file);
  if (!made.ok()) return made.status();
  host_side->file = *std::move(made);
  std::unique_ptr<platform::GuestEngine> engine;
  if (options.engine_at_once) {
    auto made_engine = platform::CreateInProcessEngine();
    if (!made_engine.ok()) return made_engine.status();
    engine = *std::move(made_engine);
  }
  Options chosen = options;
  if (!chosen.remap.has_value()) {
    const auto choose = [](platform::Host& host) {
      return platform::ChooseRemapStrategy(platform::ProbeHostAtStart(host));
    };
    // This host doesn't change while we run; another one is asked each time.
    static const platform::RemapStrategy this_host = choose(host_side->linux_host);
    chosen.remap = options.host == nullptr ? this_host : choose(host_side->host);
  }
  return std::make_unique<HostMachine>(chosen, std::move(host_side), std::move(engine));
}

}  // namespace zirconia::kernel
