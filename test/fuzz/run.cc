#include "test/fuzz/run.h"

#include <exception>

#include "kernel_sim/bti.h"
#include "kernel_sim/library/library_thread.h"
#include "test/fuzz/program.h"
#include "test/fuzz/state.h"

namespace zirconia::fuzz {
namespace {

// The first bytes: what machine it is, and how closely it is watched.
struct Header {
  uint8_t flags;
  uint8_t memory;
  uint8_t machine;
  explicit Header(Input& input) : flags(input.Byte()), memory(input.Byte()), machine(input.Byte()) {}

  Program::Options options(bool trace) const { return {(flags & 1) == 0, (flags & 2) != 0, (flags & 4) != 0, trace}; }
  bool on_host() const { return machine >= 0xf0; }
  testing::KernelOptions kernel() const {
    testing::KernelOptions options;
    options.page_table = on_host() ? testing::PageTable::kHost : testing::PageTable::kSoftware;
    options.faulty_host = on_host();
    options.memory = (uint64_t{16} + uint64_t{memory} * 2) * kPage;
    options.layout_seed = (flags & 8) != 0 ? 1 : 0;
    options.virtual_time = true;
    return options;
  }
};

// Takes away all that the process has, as its end does, and sees that every frame is free again.
std::string TakeAllAway(testing::Kernel& kernel, uint64_t pages_at_first) {
  kernel::Kernel& object = kernel.object();
  kernel::LibraryProcess& process = kernel::Attachment::Current().process();
  for (const auto& entry : process.handles().Entries()) {
    if (const auto token = kernel::As<kernel::PmtDispatcher>(entry.object)) token->Unpin();
    if (const auto bti = kernel::As<kernel::BtiDispatcher>(entry.object)) bti->ReleaseQuarantine();
  }
  process.handles().Clear();
  process.aspace().Destroy();
  if (std::string found = VerifyAll(object); !found.empty()) return "at the end: " + found;
  // What devices may still write to stays, as long as the kernel does.
  if (!object.lost_pins().empty()) return "";
  const uint64_t left = kernel.pages_used();
  return left == pages_at_first ? "" : "at the end " + std::to_string(left - pages_at_first) + " frames are lost";
}

}  // namespace

std::string RunInput(std::span<const uint8_t> bytes, bool trace) {
  Input input(bytes);
  const Header header(input);
  Program* waiting = nullptr;
  testing::KernelOptions options = header.kernel();
  options.while_waiting_for_pager = [&waiting] {
    if (waiting != nullptr) waiting->WhileWaiting();
  };
  testing::Kernel kernel(std::move(options));
  const uint64_t pages_at_first = kernel.pages_used();
  Program program(kernel, input, header.options(trace));
  waiting = &program;
  try {
    program.Run();
  } catch (const std::exception& e) {
    return e.what();
  }
  waiting = nullptr;
  kernel.StopFailing();
  if (!program.wrong().empty()) return program.wrong();
  if (std::string found = VerifyAll(kernel.object()); !found.empty()) return found;
  return TakeAllAway(kernel, pages_at_first);
}

}  // namespace zirconia::fuzz
