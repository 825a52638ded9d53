// map, unmap, protect, replace: mm::AddressSpace over host mappings, beside the one host call that each needs.
#include <sys/mman.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mm/address_space.h"
#include "mm/frame_allocator.h"
#include "mm/vm_address_region.h"
#include "platform/backing_file.h"
#include "platform/host_counting.h"
#include "platform/host_linux.h"
#include "platform/host_page_table.h"
#include "platform/map_budget.h"
#include "platform/window.h"
#include "tools/bench/benchmark.h"
#include "tools/bench/host_memory.h"

namespace zirconia::bench {
namespace {

using mm::ByteSize;
using mm::PageCount;
using mm::Protection;
using Realize = mm::AddressSpace::Realize;

enum class Operation : uint8_t { kMap, kUnmap, kProtect, kReplace };

// Each round does the operation once at each of so many places. Between two places lie as many pages that stay
// unmapped, so that each operation splits and none merges.
size_t PlacesFor(size_t pages) { return pages > 4096 ? 4 : 64; }

template <typename T>
T MustHave(absl::StatusOr<T> value) {
  Must(value.ok(), "zirconia-bench: a machine for the host-side rows");
  return *std::move(value);
}

// A machine without a kernel: an address space, and a committed VMO twice as large as what is mapped of it.
class Subject {
 public:
  Subject(size_t pages, Realize realize)
      : file_(MustHave(platform::BackingFile::Create(host_, {.size = PageCount(2 * pages + 64)}))),
        frames_(*file_),
        budget_(platform::MapBudget::DefaultLimit(linux_host_)),
        window_(MustHave(platform::Window::Create(host_))),
        table_(*window_, *file_, budget_),
        space_(mm::AddressSpace::Create(window_->range(), table_, {.realize = realize})),
        size_(PageCount(pages).bytes()),
        places_(PlacesFor(pages)),
        vmo_(MustHave(mm::VmObject::Create(frames_, size_ + size_, /*resizable=*/false))) {
    Must(vmo_->Commit(ByteSize(0), size_ + size_).ok(), "zirconia-bench: committing memory");
  }
  ~Subject() { space_->Destroy(); }

  void MapAll(bool second_half, mm::Placement::Kind how) {
    for (size_t i = 0; i < places_; ++i) {
      mm::VmAddressRegion::MapRequest request;
      request.placement.kind = how;
      request.placement.offset = At(i);
      request.vmo = vmo_;
      request.vmo_offset = second_half ? size_ : ByteSize(0);
      request.size = size_;
      request.protection = request.max_protection = Protection::ReadWrite();
      Must(space_->root()->Map(request).ok(), "zirconia-bench: map");
    }
  }
  void UnmapAll() {
    for (size_t i = 0; i < places_; ++i) Must(space_->root()->Unmap(RangeAt(i)).ok(), "zirconia-bench: unmap");
  }
  void ProtectAll(Protection protection) {
    for (size_t i = 0; i < places_; ++i) {
      Must(space_->root()->Protect(RangeAt(i), protection).ok(), "zirconia-bench: protect");
    }
  }
  size_t places() const { return places_; }
  uint64_t host_calls() const { return host_.counts().total(); }

 private:
  ByteSize At(size_t place) const { return ByteSize(2 * place * size_.value()); }
  mm::VirtRange RangeAt(size_t place) const { return {window_->range().base + At(place), size_}; }

  platform::LinuxHost linux_host_;
  platform::CountingHost host_{linux_host_};
  std::unique_ptr<platform::BackingFile> file_;
  mm::FrameAllocator frames_;
  platform::MapBudget budget_;
  std::unique_ptr<platform::Window> window_;
  platform::HostPageTable table_;
  std::shared_ptr<mm::AddressSpace> space_;
  const ByteSize size_;
  const size_t places_;
  std::shared_ptr<mm::VmObject> vmo_;
};

// The same by raw calls.
class Floor {
 public:
  explicit Floor(size_t pages)
      : size_(pages * mm::kPageSize), places_(PlacesFor(pages)), file_(2 * size_), window_(2 * size_ * places_) {
    file_.Allocate();
  }
  void MapAll(bool second_half) {
    for (size_t i = 0; i < places_; ++i) window_.Map(2 * i * size_, size_, file_, second_half ? size_ : 0);
  }
  void UnmapAll() {
    for (size_t i = 0; i < places_; ++i) window_.Unmap(2 * i * size_, size_);
  }
  void ProtectAll(int protection) {
    for (size_t i = 0; i < places_; ++i) window_.Protect(2 * i * size_, size_, protection);
  }
  size_t places() const { return places_; }

 private:
  const size_t size_;
  const size_t places_;
  Memfd file_;
  Reservation window_;
};

// One row: both sides, made when they are first needed.
struct Row {
  Operation operation;
  size_t pages;
  Realize realize;
  std::unique_ptr<Subject> subject;
  std::unique_ptr<Floor> floor;
};

Sample SubjectRound(Row& row) {
  if (row.subject == nullptr) row.subject = std::make_unique<Subject>(row.pages, row.realize);
  Subject& s = *row.subject;
  constexpr auto kAt = mm::Placement::Kind::kAt;
  constexpr auto kReplacing = mm::Placement::Kind::kAtReplacing;
  Sample sample;
  double operations = static_cast<double>(s.places());
  const auto timed = [&](auto action) {
    const uint64_t before = s.host_calls();
    sample.nanoseconds += TimeOf(action);
    sample.host_calls = sample.host_calls.value_or(0) + static_cast<double>(s.host_calls() - before);
  };
  const auto untimed = [](auto action) { action(); };
  const auto map = [&] { s.MapAll(false, kAt); };
  const auto unmap = [&] { s.UnmapAll(); };
  if (row.operation == Operation::kMap) {
    timed(map);
  } else {
    untimed(map);
  }
  if (row.operation == Operation::kProtect) {
    timed([&] { s.ProtectAll(Protection::Read()); });
    timed([&] { s.ProtectAll(Protection::ReadWrite()); });
    operations *= 2;
  }
  if (row.operation == Operation::kReplace) {
    timed([&] { s.MapAll(true, kReplacing); });
    timed([&] { s.MapAll(false, kReplacing); });
    operations *= 2;
  }
  if (row.operation == Operation::kUnmap) {
    timed(unmap);
  } else {
    untimed(unmap);
  }
  sample.nanoseconds /= operations;
  *sample.host_calls /= operations;
  return sample;
}

double FloorRound(Row& row) {
  if (row.floor == nullptr) row.floor = std::make_unique<Floor>(row.pages);
  Floor& f = *row.floor;
  const auto places = static_cast<double>(f.places());
  const double map = TimeOf([&] { f.MapAll(false); });
  double result = map / places;
  if (row.operation == Operation::kProtect) {
    result = TimeOf([&] {
               f.ProtectAll(PROT_READ);
               f.ProtectAll(PROT_READ | PROT_WRITE);
             }) /
             (2 * places);
  }
  if (row.operation == Operation::kReplace) {
    result = TimeOf([&] {
               f.MapAll(true);
               f.MapAll(false);
             }) /
             (2 * places);
  }
  const double unmap = TimeOf([&] { f.UnmapAll(); });
  return row.operation == Operation::kUnmap ? unmap / places : result;
}

std::string PagesName(size_t pages) {
  if (pages == 1) return "1 page";
  if (pages == 256) return "256 pages (1 MiB)";
  if (pages == size_t{1} << 18) return "262144 pages (1 GiB)";
  return absl::StrCat(pages, " pages");
}

}  // namespace

std::vector<Benchmark> RemapBenchmarks(const Settings& settings) {
  std::vector<Benchmark> all;
  const auto add = [&](Operation operation, absl::string_view verb, size_t pages, absl::string_view floor_name,
                       Realize realize) {
    auto row = std::make_shared<Row>(Row{operation, pages, realize, nullptr, nullptr});
    Benchmark benchmark;
    benchmark.name = absl::StrCat(verb, " ", PagesName(pages));
    benchmark.subject = [row]() -> absl::StatusOr<Sample> { return SubjectRound(*row); };
    if (realize == Realize::kOnMap) {
      benchmark.floor_name = std::string(floor_name);
      benchmark.floor = [row]() -> absl::StatusOr<double> { return FloorRound(*row); };
    } else {
      benchmark.name += ", realized on touch";
      benchmark.note = "nothing is asked of the host before the first touch";
    }
    all.push_back(std::move(benchmark));
  };
  const size_t largest = settings.quick ? size_t{1} << 14 : size_t{1} << 18;
  for (const size_t pages : {size_t{1}, size_t{16}, size_t{256}, size_t{512}, size_t{4096}, largest}) {
    add(Operation::kMap, "map", pages, "mmap(MAP_FIXED) of the file over a reservation", Realize::kOnMap);
  }
  for (const size_t pages : {1, 4096}) add(Operation::kMap, "map", pages, "", Realize::kOnTouch);
  for (const size_t pages : {1, 16, 512, 4096}) {
    add(Operation::kUnmap, "unmap", pages, "mmap(PROT_NONE, MAP_FIXED) over the mapping", Realize::kOnMap);
  }
  for (const size_t pages : {1, 16, 512, 4096}) {
    add(Operation::kProtect, "protect", pages, "mprotect", Realize::kOnMap);
  }
  for (const size_t pages : {1, 16, 512}) {
    add(Operation::kReplace, "replace", pages, "mmap(MAP_FIXED) of the file over a mapping", Realize::kOnMap);
  }
  return all;
}

}  // namespace zirconia::bench
