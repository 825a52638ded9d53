// The scripted sequences of the exhaustive campaign.
#include "test/campaign/exhaustive.h"

namespace zirconia::campaign {
namespace {

using mm::Protection;
using platform::FaultMode;
using platform::HostCall;

constexpr Protection kNone = Protection::None();
constexpr Protection kR = Protection::Read();
constexpr Protection kRW = Protection::ReadWrite();
constexpr Protection kRX = Protection::ReadExecute();
constexpr Protection kRWX = Protection::All();
constexpr uint64_t kPages = 24;

using Kind = OperationKind;

Operation NewVmo(size_t vmo, uint64_t pages) { return {.kind = Kind::kNewVmo, .count = pages, .vmo = vmo}; }
Operation Map(size_t space, uint64_t page, uint64_t count, size_t vmo, uint64_t vmo_page, Protection p = kRW,
              size_t region = 0) {
  return {Kind::kMap, space, region, page, count, vmo, vmo_page, p};
}
Operation On(Kind kind, size_t space, uint64_t page, uint64_t count) { return {kind, space, 0, page, count}; }
Operation Unmap(size_t space, uint64_t page, uint64_t count) { return On(Kind::kUnmap, space, page, count); }
Operation Load(size_t space, uint64_t page, uint64_t count) { return On(Kind::kLoad, space, page, count); }
Operation Store(size_t space, uint64_t page, uint64_t count) { return On(Kind::kStore, space, page, count); }
Operation MapRange(size_t space, uint64_t page, uint64_t count) { return On(Kind::kMapRange, space, page, count); }
Operation Protect(size_t space, uint64_t page, uint64_t count, Protection p, size_t region = 0) {
  return {.kind = Kind::kProtect, .space = space, .region = region, .page = page, .count = count, .protection = p};
}
Operation OnVmo(Kind kind, size_t vmo, uint64_t page, uint64_t count) {
  return {.kind = kind, .count = count, .vmo = vmo, .vmo_page = page};
}
Operation Resize(size_t vmo, uint64_t pages) { return OnVmo(Kind::kResize, vmo, 0, pages); }
Operation Write(size_t vmo, uint64_t page, uint64_t count) { return OnVmo(Kind::kWrite, vmo, page, count); }
Operation Commit(size_t vmo, uint64_t page, uint64_t count) { return OnVmo(Kind::kCommit, vmo, page, count); }
Operation Decommit(size_t vmo, uint64_t page, uint64_t count) { return OnVmo(Kind::kDecommit, vmo, page, count); }
Operation Zero(size_t vmo, uint64_t page, uint64_t count) { return OnVmo(Kind::kZero, vmo, page, count); }
Operation Allocate(size_t space, size_t parent, size_t slot, uint64_t page, uint64_t count) {
  return {.kind = Kind::kAllocate, .space = space, .region = parent, .page = page, .count = count, .child = slot};
}
Operation Destroy(size_t space, size_t slot) { return {.kind = Kind::kDestroy, .space = space, .child = slot}; }
Operation NewFixedVmo(size_t vmo, uint64_t pages) {
  return {.kind = Kind::kNewVmo, .count = pages, .vmo = vmo, .resizable = false};
}
Operation Snapshot(size_t vmo, size_t of, uint64_t page, uint64_t count) {
  return {.kind = Kind::kSnapshot, .count = count, .vmo = vmo, .vmo_page = page, .of = of};
}
Operation Slice(size_t vmo, size_t of, uint64_t page, uint64_t count) {
  return {.kind = Kind::kSlice, .count = count, .vmo = vmo, .vmo_page = page, .of = of};
}
Operation NewPagedVmo(size_t vmo, uint64_t pages, bool trap_dirty) {
  return {.kind = Kind::kNewPagedVmo, .count = pages, .vmo = vmo, .trap_dirty = trap_dirty};
}
Operation Supply(size_t vmo, uint64_t page, uint64_t count) { return OnVmo(Kind::kSupply, vmo, page, count); }
Operation BeginWriteback(size_t vmo, uint64_t page, uint64_t count) {
  return OnVmo(Kind::kBeginWriteback, vmo, page, count);
}
Operation EndWriteback(size_t vmo, uint64_t page, uint64_t count) {
  return OnVmo(Kind::kEndWriteback, vmo, page, count);
}
Operation Evict(size_t vmo) { return {.kind = Kind::kEvict, .vmo = vmo}; }
Operation Close(size_t vmo) { return {.kind = Kind::kClose, .vmo = vmo}; }
Operation Trim() { return {.kind = Kind::kTrim}; }

MachineOptions Small(uint64_t budget = 1000) {
  return {.spaces = 2, .space_pages = kPages, .frames = 256, .budget = budget};
}

using Cells = std::vector<Matrix::Key>;
Cells Mmap() {
  return {{HostCall::kMmap, FaultMode::kBefore},
          {HostCall::kMmap, FaultMode::kTear},
          {HostCall::kMmap, FaultMode::kTearHalf}};
}
Cells Mprotect() { return {{HostCall::kMprotect, FaultMode::kBefore}, {HostCall::kMprotect, FaultMode::kHalf}}; }
Cells With(Cells cells, const Cells& more) {
  cells.insert(cells.end(), more.begin(), more.end());
  return cells;
}
Cells Fallocate() { return {{HostCall::kFallocate, FaultMode::kBefore}, {HostCall::kFallocate, FaultMode::kHalf}}; }
Cells Unprovided() { return {{HostCall::kFallocate, FaultMode::kUnprovided}}; }

// Two VMOs full of content, the first of which stands in both spaces, used.
std::vector<Operation> TwoVmos() {
  return {NewVmo(0, 16),       NewVmo(1, 16),       Write(0, 0, 16), Write(1, 0, 16),
          Map(0, 2, 12, 0, 0), Map(1, 4, 12, 0, 2), Load(0, 2, 12),  Load(1, 4, 12)};
}

// A VMO that stands in both spaces, written to by both.
std::vector<Operation> InTwoSpaces() {
  return {NewVmo(0, 16), Write(0, 0, 16), Map(0, 2, 10, 0, 0), Map(1, 4, 10, 0, 2), Store(0, 2, 10), Store(1, 4, 10)};
}
std::vector<Operation> With(std::vector<Operation> operations, const std::vector<Operation>& more) {
  operations.insert(operations.end(), more.begin(), more.end());
  return operations;
}

// Snapshots, slices and sizes, where several mappings in two spaces show them.
void AddTrees(std::vector<Sequence>& all) {
  all.push_back(
      {"snapshot: its parent is written",
       Small(),
       InTwoSpaces(),
       {Snapshot(1, 0, 0, 16), Store(0, 4, 3), Write(0, 4, 4), Map(0, 14, 8, 1, 2), Load(0, 2, 20), Store(1, 4, 10)},
       With(Mmap(), Mprotect()),
       /*replaces=*/false,
       /*kernel_writes=*/true});
  all.push_back({"snapshot: it is written, and closed",
                 Small(),
                 With(InTwoSpaces(), {Snapshot(1, 0, 0, 16), Map(0, 14, 8, 1, 2), Load(0, 2, 20), Load(1, 4, 10)}),
                 {Store(0, 15, 3), Write(1, 5, 4), Commit(1, 0, 4), Zero(1, 7, 2), Close(1), Unmap(0, 12, 10),
                  Decommit(0, 3, 4), Store(0, 2, 10)},
                 Mmap(),
                 /*replaces=*/false,
                 /*kernel_writes=*/true});
  all.push_back({"snapshot: its parent goes",
                 Small(),
                 With(InTwoSpaces(), {Snapshot(1, 0, 2, 12), Map(0, 14, 8, 1, 0), Map(1, 16, 8, 1, 4), Store(1, 5, 2),
                                      Load(0, 14, 8), Load(1, 16, 8)}),
                 {Close(0), Unmap(0, 2, 10), Unmap(1, 4, 10), Store(0, 14, 4), Snapshot(2, 1, 0, 12), Store(1, 16, 8),
                  Map(0, 2, 10, 2, 0), Load(0, 2, 20)},
                 With(Mmap(), Mprotect()),
                 /*replaces=*/false,
                 /*kernel_writes=*/true});
  all.push_back({"snapshots of snapshots, then sizes",
                 Small(),
                 With(InTwoSpaces(), {Snapshot(1, 0, 0, 16), Snapshot(2, 1, 2, 16), Map(0, 13, 5, 1, 0),
                                      Map(0, 18, 6, 2, 0), Store(0, 4, 2), Load(0, 2, 22)}),
                 {Resize(0, 4), Load(0, 2, 22), Resize(1, 3), Resize(2, 20), Resize(0, 16), Store(0, 2, 10), Close(1),
                  Store(0, 18, 6)},
                 Mmap(),
                 /*replaces=*/false,
                 /*kernel_writes=*/true});
  all.push_back({"slices: written through, decommitted below",
                 Small(),
                 {NewFixedVmo(0, 16), Write(0, 0, 16), Slice(1, 0, 4, 8), Slice(2, 1, 2, 4), Map(0, 2, 12, 0, 2),
                  Map(1, 4, 8, 1, 0), Map(1, 14, 4, 2, 0), Load(0, 2, 12), Load(1, 4, 14)},
                 {Store(1, 14, 2), Decommit(0, 5, 5), Load(1, 4, 14), Store(1, 6, 3), Zero(2, 0, 3), Close(0),
                  Unmap(0, 2, 12), Commit(1, 0, 8), Load(1, 4, 14)},
                 Mmap()});
  all.push_back({"slices and snapshots of each other",
                 Small(),
                 {NewFixedVmo(0, 16), Write(0, 0, 16), Slice(1, 0, 4, 8), Map(0, 2, 12, 0, 2), Map(1, 4, 8, 1, 0),
                  Store(0, 2, 12)},
                 {Snapshot(2, 1, 0, 10), Store(1, 5, 2), Map(0, 14, 10, 2, 0), Store(0, 16, 2), Load(0, 2, 22)},
                 With(Mmap(), Mprotect()),
                 /*replaces=*/false,
                 /*kernel_writes=*/true});
  all.push_back({"resize under several mappings of two spaces",
                 Small(),
                 {NewVmo(0, 16), Write(0, 0, 16), Map(0, 0, 8, 0, 0), Map(0, 10, 10, 0, 4, kR), Map(1, 2, 20, 0, 0),
                  Load(0, 0, 20), Store(1, 2, 16)},
                 {Resize(0, 6), Load(0, 0, 20), Resize(0, 20), Store(1, 2, 20), Resize(0, 3)},
                 Mmap()});
}

// VMOs whose pages a pager provides, and one-way clones of them.
void AddPagers(std::vector<Sequence>& all) {
  all.push_back({"pager: supplied, written, written back, evicted",
                 Small(),
                 {NewPagedVmo(0, 16, /*trap_dirty=*/true), Map(0, 2, 10, 0, 0), Map(1, 4, 10, 0, 2), Supply(0, 0, 8),
                  Load(0, 2, 6), Load(1, 4, 4)},
                 {Load(0, 2, 10), Store(0, 4, 4), Store(1, 4, 2), BeginWriteback(0, 0, 16), Store(0, 5, 1),
                  EndWriteback(0, 0, 16), Evict(0), Load(1, 4, 10)},
                 With(Mmap(), Mprotect()),
                 /*replaces=*/false,
                 /*kernel_writes=*/true});
  all.push_back(
      {"pager: clones, and sizes",
       Small(),
       {NewPagedVmo(0, 16, /*trap_dirty=*/false), Supply(0, 0, 16), Snapshot(1, 0, 2, 12), Snapshot(2, 1, 0, 12),
        Map(0, 2, 8, 0, 2), Map(0, 12, 10, 1, 0), Map(1, 4, 10, 2, 0), Store(0, 2, 2), Load(0, 2, 20), Load(1, 4, 10)},
       {Store(0, 12, 3), Store(1, 5, 2), Write(0, 6, 3), Close(1), Unmap(0, 12, 10), Resize(0, 7), Resize(0, 16),
        Load(1, 4, 10)},
       Mmap(),
       /*replaces=*/false,
       /*kernel_writes=*/true});
}

std::vector<Sequence> Make() {
  std::vector<Sequence> all;
  all.push_back({"map over mapped: all of it",
                 Small(),
                 TwoVmos(),
                 {Map(0, 2, 12, 1, 0), Load(0, 2, 12), Map(0, 2, 12, 0, 4, kR), Load(0, 2, 12)},
                 Mmap(),
                 /*replaces=*/true});
  all.push_back({"map over mapped: its beginning",
                 Small(),
                 TwoVmos(),
                 {Map(0, 0, 6, 1, 0), Load(0, 0, 6), Map(0, 1, 3, 0, 8, kRX), Store(0, 0, 1)},
                 Mmap(),
                 /*replaces=*/true});
  all.push_back({"map over mapped: its end",
                 Small(),
                 TwoVmos(),
                 {Map(0, 10, 8, 1, 5), Load(0, 10, 8), Map(0, 17, 4, 0, 0), Store(0, 10, 11)},
                 Mmap(),
                 /*replaces=*/true});
  all.push_back({"map over mapped: in the middle",
                 Small(),
                 TwoVmos(),
                 {Map(0, 6, 3, 1, 3), Load(0, 6, 3), Map(0, 7, 1, 1, 12, kR), Load(0, 7, 1), Map(0, 5, 5, 0, 3)},
                 Mmap(),
                 /*replaces=*/true});
  all.push_back({"map over many mappings and gaps",
                 Small(),
                 {NewVmo(0, 16), NewVmo(1, 16), Write(0, 0, 16), Write(1, 0, 16), Map(0, 2, 2, 0, 9),
                  Map(0, 5, 2, 1, 1), Map(0, 7, 2, 0, 1, kR), Map(0, 12, 4, 1, 8, kRX), Load(0, 2, 14)},
                 {Map(0, 1, 16, 0, 0), Load(0, 1, 16), Store(0, 3, 5)},
                 Mmap(),
                 /*replaces=*/true});
  all.push_back({"protect across several mappings",
                 Small(),
                 {NewVmo(0, 16), NewVmo(1, 16), Write(0, 0, 16), Write(1, 0, 16), Map(0, 2, 4, 0, 8),
                  Map(0, 6, 4, 1, 0), Map(0, 10, 4, 0, 0), Load(0, 2, 12)},
                 {Protect(0, 4, 8, kR), Protect(0, 2, 12, kRWX), Load(0, 2, 12), Protect(0, 3, 10, kNone),
                  Protect(0, 2, 12, kRW), Store(0, 2, 12)},
                 Mprotect()});
  all.push_back({"protect inside one mapping",
                 Small(),
                 TwoVmos(),
                 {Protect(0, 5, 4, kR), Protect(0, 6, 2, kRWX), Load(0, 2, 12), Protect(0, 2, 12, kRX),
                  Protect(0, 7, 3, kRW), Store(0, 7, 3)},
                 Mprotect()});
  all.push_back({"unmap: middle, ends, all",
                 Small(),
                 TwoVmos(),
                 {Unmap(0, 6, 3), Unmap(0, 2, 2), Unmap(0, 12, 2), Load(0, 2, 12), Unmap(0, 0, kPages), Unmap(1, 5, 1)},
                 Mmap()});
  all.push_back({"destroy a tree of VMARs",
                 Small(),
                 {NewVmo(0, 16), NewVmo(1, 16), Write(0, 0, 16), Write(1, 0, 16), Allocate(0, 0, 1, 4, 14),
                  Allocate(0, 1, 2, 8, 6), Allocate(0, 2, 3, 10, 2), Map(0, 0, 4, 0, 0), Map(0, 4, 3, 1, 0, kRW, 1),
                  Map(0, 8, 2, 0, 4, kRW, 2), Map(0, 10, 2, 1, 9, kR, 3), Map(0, 15, 3, 0, 8, kRW, 1),
                  Map(0, 19, 2, 1, 4), Load(0, 0, 21)},
                 {Destroy(0, 2), Load(0, 0, 21), Destroy(0, 1), Map(0, 3, 10, 1, 2), Load(0, 0, 21)},
                 Mmap()});
  all.push_back({"decommit and zero under mappings",
                 Small(),
                 TwoVmos(),
                 {Decommit(0, 4, 6), Load(0, 2, 12), Store(1, 6, 4), Zero(0, 2, 10), Load(1, 4, 12), Decommit(0, 0, 16),
                  Trim(), Store(0, 2, 3)},
                 With(Mmap(), Fallocate())});
  all.push_back({"resize under mappings of two spaces",
                 Small(),
                 TwoVmos(),
                 {Resize(0, 6), Load(0, 2, 6), Resize(0, 16), Load(0, 2, 12), Store(1, 4, 12), Resize(0, 1),
                  Resize(0, 20), Commit(0, 0, 20), Load(1, 4, 12)},
                 Mmap()});
  all.push_back(
      {"commit: by call, by kernel, by guest",
       Small(),
       {NewVmo(0, 20), Map(0, 0, 20, 0, 0), Map(1, 2, 10, 0, 5), Load(0, 0, 20), Load(1, 2, 10)},
       {Commit(0, 3, 4), Store(0, 8, 3), Store(1, 2, 10), MapRange(0, 3, 4), Commit(0, 0, 20), Store(0, 0, 20)},
       With(Mmap(), With(Fallocate(), Unprovided()))});
  all.push_back({"zeros: read, then written",
                 Small(),
                 {NewVmo(0, 20), Map(0, 0, 20, 0, 0, kR), Load(0, 0, 20)},
                 {Protect(0, 4, 4, kRW), Store(0, 4, 1), Protect(0, 0, 20, kRW), Store(0, 10, 2), Protect(0, 0, 20, kR),
                  Load(0, 0, 20)},
                 With(Mmap(), With(Mprotect(), Unprovided()))});
  {
    // Every page by itself: no two can be one host mapping.
    std::vector<Operation> setup{NewVmo(0, 20), Write(0, 0, 20)};
    for (uint64_t p = 0; p < 20; ++p) setup.push_back(Map(0, p, 1, 0, 19 - p, p % 2 == 0 ? kRW : kR));
    setup.push_back(Map(1, 0, 16, 0, 2));
    all.push_back({"eviction: more mappings than fit",
                   Small(/*budget=*/14),
                   setup,
                   {Load(0, 0, 20), Load(1, 0, 16), Map(1, 4, 4, 0, 0), Load(0, 0, 8), Protect(1, 0, 16, kR),
                    Unmap(0, 5, 9), Load(0, 0, 20), Load(1, 0, 16)},
                   Mmap()});
  }
  AddTrees(all);
  AddPagers(all);
  for (Sequence& s : std::vector(all)) {
    // The same where what is committed is realized at once.
    if (s.name != "map over many mappings and gaps" && s.name != "destroy a tree of VMARs") continue;
    s.name += ", realized on map";
    s.machine.realize = mm::AddressSpace::Realize::kOnMap;
    all.push_back(s);
  }
  return all;
}

}  // namespace

const std::vector<Sequence>& Sequences() {
  static const std::vector<Sequence> all = Make();
  return all;
}

}  // namespace zirconia::campaign
