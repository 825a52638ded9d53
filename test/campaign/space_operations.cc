// What is done to address spaces and VMARs, and touches.
#include <algorithm>

#include "absl/strings/str_format.h"
#include "test/campaign/operation_kinds.h"
#include "test/campaign/pager.h"
#include "test/campaign/touch.h"

namespace zirconia::campaign::kinds {
namespace {

using mm::ByteSize;
using mm::kPageSize;
using mm::PageCount;
using mm::Placement;
using mm::Protection;
using mm::VirtAddr;
using mm::VmAddressRegion;

ByteSize Bytes(uint64_t pages) { return PageCount(pages).bytes(); }

bool AllMappedBy(const ModelSpace& space, const Operation& op) {
  if (!space.regions[op.region].Contains(op.page, op.count)) return false;
  for (uint64_t p = op.page; p < op.page + op.count; ++p) {
    if (space.pages[p].vmo == nullptr || space.pages[p].region != op.region) return false;
  }
  return true;
}

bool HitsChild(const ModelSpace& space, size_t region, uint64_t page, uint64_t count) {
  for (size_t r = 1; r < ModelSpace::kRegions; ++r) {
    const ModelRegion& child = space.regions[r];
    if (child.alive && child.parent == region && child.Overlaps(page, count)) return true;
  }
  return false;
}

}  // namespace

bool MapIsValid(const Model& model, const Operation& op) {
  const ModelSpace& space = model.spaces[op.space];
  const ModelRegion& region = space.regions[op.region];
  return model.vmos[op.vmo] != nullptr && region.alive && region.Contains(op.page, op.count) &&
         !HitsChild(space, op.region, op.page, op.count);
}

bool UnmapIsValid(const Model& model, const Operation& op) {
  const ModelSpace& space = model.spaces[op.space];
  if (!space.regions[0].Contains(op.page, op.count)) return false;
  return std::none_of(space.regions + 1, space.regions + ModelSpace::kRegions, [&op](const ModelRegion& r) {
    const bool covered = r.first >= op.page && r.first + r.count <= op.page + op.count;
    return r.alive && r.Overlaps(op.page, op.count) && !covered;
  });
}

bool ProtectIsValid(const Model& model, const Operation& op) {
  const ModelSpace& space = model.spaces[op.space];
  return space.regions[op.region].alive && AllMappedBy(space, op);
}

// Over sub-regions too.
bool MapRangeIsValid(const Model& model, const Operation& op) {
  const ModelSpace& space = model.spaces[op.space];
  if (!space.regions[op.region].alive || !space.regions[op.region].Contains(op.page, op.count)) return false;
  for (uint64_t p = op.page; p < op.page + op.count; ++p) {
    if (space.pages[p].vmo == nullptr) return false;
  }
  return true;
}

bool AllocateIsValid(const Model& model, const Operation& op) {
  const ModelSpace& space = model.spaces[op.space];
  const ModelRegion& parent = space.regions[op.region];
  if (!parent.alive || space.regions[op.child].alive || !parent.Contains(op.page, op.count)) return false;
  for (uint64_t p = op.page; p < op.page + op.count; ++p) {
    if (space.pages[p].vmo != nullptr) return false;
  }
  return !HitsChild(space, op.region, op.page, op.count);
}

bool DestroyIsValid(const Model& model, const Operation& op) { return model.spaces[op.space].regions[op.child].alive; }

bool TouchIsValid(const Model& model, const Operation& op) {
  return op.page + op.count <= model.spaces[op.space].pages.size();
}

absl::Status Map(Machine&, Model& model, const Operation& op) {
  ModelSpace& space = model.spaces[op.space];
  const ModelRegion& region = space.regions[op.region];
  VmAddressRegion::MapRequest request;
  request.placement.kind = Placement::Kind::kAtReplacing;
  request.placement.offset = Bytes(op.page - region.first);
  request.vmo = model.handles[op.vmo];
  request.vmo_offset = Bytes(op.vmo_page);
  request.size = Bytes(op.count);
  request.protection = op.protection;
  request.max_protection = Protection::All();
  absl::Status status = region.real->Map(request).status();
  if (!status.ok()) return status;
  for (uint64_t i = 0; i < op.count; ++i) {
    space.pages[op.page + i] = {model.vmos[op.vmo], op.vmo_page + i, op.protection, op.region};
  }
  return status;
}

namespace {

// Tells the model that everything in the range is gone.
void ClearRange(ModelSpace& space, uint64_t page, uint64_t count) {
  for (uint64_t p = page; p < page + count; ++p) space.pages[p] = ModelMapping();
  for (size_t r = 1; r < ModelSpace::kRegions; ++r) {
    if (space.regions[r].alive && space.regions[r].Overlaps(page, count)) space.regions[r] = ModelRegion();
  }
}

}  // namespace

absl::Status Unmap(Machine& machine, Model& model, const Operation& op) {
  ModelSpace& space = model.spaces[op.space];
  absl::Status status = space.regions[0].real->Unmap(machine.space(op.space).Range(op.page, op.count));
  if (status.ok()) ClearRange(space, op.page, op.count);
  return status;
}

absl::Status Protect(Machine& machine, Model& model, const Operation& op) {
  ModelSpace& space = model.spaces[op.space];
  absl::Status status =
      space.regions[op.region].real->Protect(machine.space(op.space).Range(op.page, op.count), op.protection);
  if (!status.ok()) return status;
  for (uint64_t p = op.page; p < op.page + op.count; ++p) space.pages[p].protection = op.protection;
  return status;
}

absl::Status MapRange(Machine& machine, Model& model, const Operation& op) {
  return model.spaces[op.space].regions[op.region].real->OpRange(VmAddressRegion::RangeOp::kMapRange,
                                                                 machine.space(op.space).Range(op.page, op.count));
}

absl::Status Allocate(Machine&, Model& model, const Operation& op) {
  ModelSpace& space = model.spaces[op.space];
  const ModelRegion& parent = space.regions[op.region];
  VmAddressRegion::AllocateRequest request;
  request.placement.kind = Placement::Kind::kAt;
  request.placement.offset = Bytes(op.page - parent.first);
  request.size = Bytes(op.count);
  request.caps = {Protection::All(), true};
  auto child = parent.real->Allocate(request);
  if (!child.ok()) return child.status();
  space.regions[op.child] = {op.page, op.count, op.region, true, *std::move(child)};
  return absl::OkStatus();
}

namespace {

// Whether a region is `above`, or lies in it.
bool IsBelow(const ModelSpace& space, size_t region, size_t above) {
  if (!space.regions[region].alive) return false;
  while (region != above && region != 0) region = space.regions[region].parent;
  return region == above;
}

}  // namespace

absl::Status Destroy(Machine&, Model& model, const Operation& op) {
  ModelSpace& space = model.spaces[op.space];
  const ModelRegion region = space.regions[op.child];
  absl::Status status = region.real->Destroy();
  if (!status.ok()) return status;
  bool below[ModelSpace::kRegions];
  for (size_t r = 0; r < ModelSpace::kRegions; ++r) below[r] = IsBelow(space, r, op.child);
  for (size_t r = 0; r < ModelSpace::kRegions; ++r) {
    if (below[r]) space.regions[r] = ModelRegion();
  }
  for (uint64_t p = region.first; p < region.first + region.count; ++p) space.pages[p] = ModelMapping();
  return status;
}

namespace {

// What is wrong with how an access was answered; empty where nothing is. Running out isn't wrong here.
std::string WrongAnswer(const ModelMapping& at, mm::Access access, const Touched& touched) {
  const bool permitted = at.hits() && Permits(at.protection, access);
  if (touched.bus) return "SIGBUS";
  if (touched.ok() && !permitted) return "the access was possible, and shouldn't be";
  const absl::StatusCode code = touched.status.code();
  const bool refused_by_pager = IsRefusalByPager(touched.status) && permitted &&
                                (access == mm::Access::kWrite ? at.vmo->MayWait(at.page) : at.vmo->IsAbsent(at.page));
  if (!touched.ok() && permitted && !refused_by_pager && code != absl::StatusCode::kResourceExhausted) {
    return absl::StrFormat("the access was refused: %s", touched.status.ToString());
  }
  return "";
}

// Answers faults as the kernel does for a guest, the pager included.
auto AnswerWithPager(Machine& machine, Model& model, size_t space, const ModelMapping& at) {
  return [&machine, &model, space, vmo = at.vmo.get()](VirtAddr address, mm::Access access) {
    return WithPager(machine, model, vmo, [&](mm::PageWait* wait) {
      return machine.space(space).space->HandleFault(address, access, wait);
    });
  };
}

absl::Status Named(const absl::Status& status, uint64_t page, size_t space) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrFormat("page %d of space %d can't be touched: %s", page, space,
                                                     absl::StatusCodeToString(status.code())));
}

}  // namespace

absl::Status Load(Machine& machine, Model& model, const Operation& op) {
  Machine::Space& space = machine.space(op.space);
  absl::Status status;
  for (uint64_t p = op.page; p < op.page + op.count; ++p) {
    const ModelMapping& at = model.spaces[op.space].pages[p];
    const Touched touched = campaign::Load(AnswerWithPager(machine, model, op.space, at), space.At(p));
    if (touched.bus && machine.faulty.withholds()) {
      status = absl::UnavailableError("SIGBUS, because the host withholds memory");
      continue;
    }
    std::string wrong = WrongAnswer(at, mm::Access::kRead, touched);
    if (wrong.empty() && touched.ok() && touched.value != at.content().head) {
      wrong = absl::StrFormat("it holds %#x instead of %#x", touched.value, at.content().head);
    }
    if (!wrong.empty()) return absl::DataLossError(absl::StrFormat("page %d of space %d: %s", p, op.space, wrong));
    if (at.hits() && at.protection.read() && status.ok()) status = Named(touched.status, p, op.space);
  }
  return status;
}

absl::Status Store(Machine& machine, Model& model, const Operation& op) {
  Machine::Space& space = machine.space(op.space);
  absl::Status status;
  for (uint64_t p = op.page; p < op.page + op.count; ++p) {
    const ModelMapping& at = model.spaces[op.space].pages[p];
    const Content content = model.FreshContent();
    const VirtAddr address = space.At(p);
    const auto answer = AnswerWithPager(machine, model, op.space, at);
    for (const bool head : {true, false}) {
      const Touched touched = head ? campaign::Store(answer, address, content.head)
                                   : campaign::Store(answer, address + ByteSize(kPageSize - 8), content.tail);
      if (touched.bus && machine.faulty.withholds() && at.hits()) {
        // The fault was answered and the page committed; the host doesn't give it.
        at.Write();
        status = absl::UnavailableError("SIGBUS, because the host withholds memory");
        continue;
      }
      const std::string wrong = WrongAnswer(at, mm::Access::kWrite, touched);
      if (!wrong.empty()) return absl::DataLossError(absl::StrFormat("page %d of space %d: %s", p, op.space, wrong));
      if (touched.ok()) {
        (head ? at.Write().head : at.Write().tail) = head ? content.head : content.tail;
      } else if (at.hits() && at.protection.write() && status.ok()) {
        status = Named(touched.status, p, op.space);
      }
    }
  }
  return status;
}

}  // namespace zirconia::campaign::kinds
