// The safe remap alone, without address spaces: what replacing a host mapping costs beside the raw calls of its
// strategy.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "mm/units.h"
#include "platform/backing_file.h"
#include "platform/host_linux.h"
#include "platform/remap.h"
#include "platform/window.h"
#include "tools/bench/benchmark.h"
#include "tools/bench/host_memory.h"

namespace zirconia::bench {
namespace {

using platform::RemapStrategy;

// So many places, a place's size of reservation between two.
constexpr size_t kPlaces = 64;

class Subject {
 public:
  Subject(RemapStrategy strategy, size_t pages)
      : pages_(pages),
        file_(*platform::BackingFile::Create(host_, {.size = mm::PageCount(2 * pages)})),
        window_(*platform::Window::Create(host_)),
        remapper_(*window_, *file_, strategy) {
    Must(file_->Secure({mm::FrameNumber(0), mm::PageCount(2 * pages)}).ok(), "zirconia-bench: committing memory");
    MapAll(0);
  }
  ~Subject() { remapper_.Revoke(window_->range()); }
  void MapAll(uint64_t frame) {
    for (size_t i = 0; i < kPlaces; ++i) {
      const mm::VirtRange range{window_->range().base + mm::PageCount(2 * i * pages_).bytes(),
                                mm::PageCount(pages_).bytes()};
      Must(remapper_.Map(range, {mm::FrameNumber(frame), mm::Protection::ReadWrite()}) == platform::RemapOutcome::kDone,
           "zirconia-bench: remap");
    }
  }

 private:
  const size_t pages_;
  platform::LinuxHost host_;
  std::unique_ptr<platform::BackingFile> file_;
  std::unique_ptr<platform::Window> window_;
  platform::Remapper remapper_;
};

class Floor {
 public:
  Floor(RemapStrategy strategy, size_t pages)
      : strategy_(strategy), size_(pages * mm::kPageSize), file_(2 * size_), window_(2 * size_ * kPlaces) {
    file_.Allocate();
    for (size_t i = 0; i < kPlaces; ++i) window_.Map(2 * i * size_, size_, file_, 0);
  }
  void MapAll(size_t offset) {
    for (size_t i = 0; i < kPlaces; ++i) {
      const size_t at = 2 * i * size_;
      char* const duplicate = strategy_ == RemapStrategy::kReserve ? window_.Duplicate(at, size_) : nullptr;
      window_.Map(at, size_, file_, offset);
      if (duplicate != nullptr) Reservation::Drop(duplicate, size_);
    }
  }
  size_t size() const { return size_; }

 private:
  const RemapStrategy strategy_;
  const size_t size_;
  Memfd file_;
  Reservation window_;
};

}  // namespace

std::vector<Benchmark> SafeRemapBenchmarks(const Settings& /*settings*/) {
  std::vector<Benchmark> all;
  for (const RemapStrategy strategy : {RemapStrategy::kDirect, RemapStrategy::kReserve}) {
    for (const size_t pages : {1, 512}) {
      struct Sides {
        std::unique_ptr<Subject> subject;
        std::unique_ptr<Floor> floor;
      };
      auto sides = std::make_shared<Sides>();
      const bool direct = strategy == RemapStrategy::kDirect;
      all.push_back({
          .name = absl::StrCat("safe remap, ", std::string(platform::RemapStrategyName(strategy)), ", ", pages,
                               pages == 1 ? " page" : " pages"),
          .subject = [=]() -> absl::StatusOr<Sample> {
            if (sides->subject == nullptr) sides->subject = std::make_unique<Subject>(strategy, pages);
            Subject& s = *sides->subject;
            return Sample{.nanoseconds = TimeOf([&] {
                                           s.MapAll(pages);
                                           s.MapAll(0);
                                         }) /
                                         (2 * kPlaces)};
          },
          .floor_name = direct ? "mmap(MAP_FIXED) of the file over a mapping"
                               : "mremap (old length 0) to duplicate, mmap(MAP_FIXED), munmap of the duplicate",
          .floor = [=]() -> absl::StatusOr<double> {
            if (sides->floor == nullptr) sides->floor = std::make_unique<Floor>(strategy, pages);
            Floor& f = *sides->floor;
            return TimeOf([&] {
                     f.MapAll(f.size());
                     f.MapAll(0);
                   }) /
                   (2 * kPlaces);
          },
          .wanted = 1.15,
          .rounds = 101,
      });
    }
  }
  return all;
}

}  // namespace zirconia::bench
