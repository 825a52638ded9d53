// What VMOs and VMARs cost by themselves, without a host: how costs grow with sizes.
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mm/address_space.h"
#include "mm/heap_physical_memory.h"
#include "mm/random.h"
#include "mm/software_page_table.h"
#include "mm/vm_address_region.h"
#include "mm/vm_object.h"
#include "platform/host_linux.h"
#include "tools/bench/benchmark.h"
#include "tools/bench/host_memory.h"

namespace zirconia::bench {
namespace {

using mm::ByteSize;
using mm::PageCount;

// A VMO of which every page is committed, one by one in random order, such that hardly any two stand in a row.
class ScatteredVmo {
 public:
  explicit ScatteredVmo(uint64_t pages) : memory_(PageCount(pages + kSpare)), frames_(memory_) {
    // The frame of a random page of another VMO is the only one that is free.
    const auto other = *mm::VmObject::Create(frames_, PageCount(pages + kSpare).bytes(), false);
    vmo_ = *mm::VmObject::Create(frames_, PageCount(pages).bytes(), false);
    Must(other->Commit(ByteSize(0), other->size()).ok(), "zirconia-bench: commit");
    const std::vector<uint64_t> taken = Shuffled(pages, 1), filled = Shuffled(pages, 2);
    for (uint64_t i = 0; i < pages; ++i) {
      Must(other->Decommit(PageCount(taken[i]).bytes(), PageCount(1).bytes()).ok() &&
               vmo_->Commit(PageCount(filled[i]).bytes(), PageCount(1).bytes()).ok(),
           "zirconia-bench: commit");
    }
    Must(vmo_->run_count() > pages / 10 * 9, "zirconia-bench: pages that hardly ever stand in a row");
  }
  mm::VmObject& vmo() { return *vmo_; }

 private:
  static constexpr uint64_t kSpare = 64;
  static std::vector<uint64_t> Shuffled(uint64_t n, uint64_t seed) {
    std::vector<uint64_t> all(n);
    for (uint64_t i = 0; i < n; ++i) all[i] = i;
    for (uint64_t i = n; i > 1; --i) std::swap(all[i - 1], all[mm::NextRandom(seed) % i]);
    return all;
  }

  mm::HeapPhysicalMemory memory_;
  mm::FrameAllocator frames_;
  std::shared_ptr<mm::VmObject> vmo_;
};

// A snapshot made and dropped.
double SnapshotTime(ScatteredVmo& scattered, int times) {
  mm::VmObject& vmo = scattered.vmo();
  double total = 0;
  for (int i = 0; i < times; ++i) {
    std::shared_ptr<mm::VmObject> snapshot;
    total += TimeOf([&] { snapshot = *vmo.CreateSnapshot(ByteSize(0), vmo.size(), false); });
  }
  return total / times;
}

// An address space over a software page table, with so many mappings of one page.
class MappedSpace {
 public:
  MappedSpace(uint64_t mappings, uint64_t layout_seed)
      : space_(mm::AddressSpace::Create(kRange, table_, {.layout_seed = layout_seed})) {
    vmo_ = *mm::VmObject::Create(frames_, PageCount(1).bytes(), false);
    for (uint64_t i = 0; i < mappings; ++i) places_.push_back(Map());
  }
  ~MappedSpace() { space_->Destroy(); }

  // One of them goes, and another comes.
  double Time(int times) {
    double total = 0;
    for (int done = 0; done < times; done += kBatch) {
      // Those drawn stand in front, so that no cache miss of this list is measured.
      for (size_t i = 0; i < kBatch; ++i) {
        std::swap(places_[i], places_[i + mm::NextRandom(random_) % (places_.size() - i)]);
      }
      total += TimeOf([&] {
        for (size_t i = 0; i < kBatch; ++i) {
          Must(space_->root()->Unmap({places_[i], PageCount(1).bytes()}).ok(), "zirconia-bench: unmap");
          places_[i] = Map();
        }
      });
    }
    return total / times;
  }

 private:
  static constexpr int kBatch = 500;
  static constexpr mm::VirtRange kRange{mm::VirtAddr(uint64_t{1} << 44), ByteSize(uint64_t{1} << 40)};
  mm::VirtAddr Map() {
    mm::VmAddressRegion::MapRequest request;
    request.vmo = vmo_;
    request.size = PageCount(1).bytes();
    request.protection = request.max_protection = mm::Protection::ReadWrite();
    const auto made = space_->root()->Map(request);
    Must(made.ok(), "zirconia-bench: map");
    return *made;
  }

  const platform::LinuxHost host_;  // as under a kernel: slabs have huge pages
  mm::HeapPhysicalMemory memory_{PageCount(16)};
  mm::FrameAllocator frames_{memory_};
  mm::SoftwarePageTable table_{kRange, memory_};
  std::shared_ptr<mm::AddressSpace> space_;
  std::shared_ptr<mm::VmObject> vmo_;
  std::vector<mm::VirtAddr> places_;
  uint64_t random_ = 1;
};

Benchmark MappingRow(uint64_t many, uint64_t few, uint64_t layout_seed, int times) {
  struct Fixture {
    std::unique_ptr<MappedSpace> many, few;
  };
  const auto fixture = std::make_shared<Fixture>();
  return {
      .name = absl::StrCat("VMAR: unmap and map one of ", many, ", ", layout_seed == 0 ? "lowest first" : "at random"),
      .subject = [=]() -> absl::StatusOr<Sample> {
        if (fixture->many == nullptr) fixture->many = std::make_unique<MappedSpace>(many, layout_seed);
        return Sample{.nanoseconds = fixture->many->Time(times)};
      },
      .floor_name = absl::StrCat("the same among ", few),
      .floor = [=]() -> absl::StatusOr<double> {
        if (fixture->few == nullptr) fixture->few = std::make_unique<MappedSpace>(few, layout_seed);
        return fixture->few->Time(times);
      },
      .wanted = 3,
  };
}

}  // namespace

std::vector<Benchmark> BookkeepingBenchmarks(const Settings& settings) {
  const uint64_t large = settings.quick ? 4096 : 262144;
  struct Fixture {
    std::unique_ptr<ScatteredVmo> large, small;
  };
  const auto fixture = std::make_shared<Fixture>();
  std::vector<Benchmark> all;
  all.push_back({
      .name = absl::StrCat("snapshot of a VMO of ", large, " scattered pages"),
      .subject = [=]() -> absl::StatusOr<Sample> {
        if (fixture->large == nullptr) fixture->large = std::make_unique<ScatteredVmo>(large);
        return Sample{.nanoseconds = SnapshotTime(*fixture->large, 100)};
      },
      .floor_name = "the same of 256 pages",
      .floor = [=]() -> absl::StatusOr<double> {
        if (fixture->small == nullptr) fixture->small = std::make_unique<ScatteredVmo>(256);
        return SnapshotTime(*fixture->small, 100);
      },
      .wanted = 2,
      .note = "not mapped; wanted below 50 us",
  });
  const uint64_t many = settings.quick ? 10'000 : 1'000'000;
  for (const uint64_t seed : {0, 1}) all.push_back(MappingRow(many, 1000, seed, settings.quick ? 500 : 20'000));
  return all;
}

}  // namespace zirconia::bench
