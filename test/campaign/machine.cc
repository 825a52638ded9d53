#include "test/campaign/machine.h"

#include <cstdio>
#include <cstdlib>

#include "test/campaign/touch.h"

namespace zirconia::campaign {
namespace {

template <typename T>
T OrDie(absl::StatusOr<T> made, const char* what) {
  if (made.ok()) return *std::move(made);
  std::fprintf(stderr, "zirconia-campaign: %s: %s\n", what, std::string(made.status().message()).c_str());
  std::exit(2);
}

}  // namespace

Machine::Machine(const MachineOptions& options)
    : faulty(counting, {.keep_unsealed = options.keep_unsealed}), options_(options), budget_(options.budget) {
  CatchTouches();
  file_ = OrDie(platform::BackingFile::Create(faulty, {.size = mm::PageCount(options.frames)}), "the backing file");
  // Little is kept, so that frames are given back to the host and secured again.
  mm::FrameAllocator::Options frame_options;
  frame_options.keep_free = mm::PageCount(32);
  frames_ = std::make_unique<mm::FrameAllocator>(*file_, frame_options);
  for (size_t n = 0; n < options.spaces; ++n) {
    Space s;
    s.window = OrDie(platform::Window::Create(faulty, mm::PageCount(options.space_pages).bytes()), "a window");
    s.table = std::make_unique<platform::HostPageTable>(*s.window, *file_, budget_, options.table);
    s.space = mm::AddressSpace::Create(s.window->range(), *s.table, {.realize = options.realize});
    spaces_.push_back(std::move(s));
  }
}

Machine::~Machine() {
  faulty.StopFailing();
  for (Space& s : spaces_) s.space->Destroy();
}

}  // namespace zirconia::campaign
